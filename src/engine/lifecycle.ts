/** Anything that ends. Same shape as `vscode.Disposable`, so either side accepts the other's. */
export interface Disposable {
  dispose(): void;
}

/** Ends what it owns, newest first. Adding after the end disposes at once, so late async work cannot leak. */
export class DisposableStore implements Disposable {
  #items: Disposable[] | undefined = [];

  get isDisposed(): boolean {
    return this.#items === undefined;
  }

  add<T extends Disposable>(item: T): T {
    if (this.#items) this.#items.push(item);
    else item.dispose();
    return item;
  }

  dispose(): void {
    const items = this.#items ?? [];
    this.#items = undefined;
    for (const item of items.reverse()) item.dispose();
  }
}

/** Does something every so often, one at a time, and keeps no process alive for it. */
export function repeatEvery(ms: number, work: () => Promise<unknown>, onError: (error: unknown) => void): Disposable {
  let isBusy = false;
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    work()
      .catch(onError)
      .finally(() => (isBusy = false));
  }, ms);
  timer.unref();
  return { dispose: () => clearInterval(timer) };
}

/** A service that holds sockets or files. `open` and `close` each run once, however often they are called. */
export abstract class Resource {
  protected readonly owned = new DisposableStore();
  #opening: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  readonly open = (): Promise<void> => (this.#opening ??= this._open());
  readonly close = (): Promise<void> => (this.#closing ??= this.#end());

  protected abstract _open(): Promise<void>;
  protected abstract _close(): Promise<void>;

  async #end(): Promise<void> {
    await this.#opening?.catch(() => undefined); // A failed open still has to release what it took.
    this.owned.dispose();
    await this._close();
  }
}

/** Makes a `switch` over a union complete: a new member no longer compiles. */
export function assertNever(value: never): never {
  throw new TypeError(`unexpected value: ${String(value)}`);
}
