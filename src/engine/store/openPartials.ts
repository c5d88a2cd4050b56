import type { PartialPackage } from './partialPackage';

/** Unfinished packages that are open: two objects that write one package would break its journal. */
export class OpenPartials {
  readonly #open = new Map<string, PartialPackage | undefined>();
  readonly #waiting = new Map<string, (() => void)[]>();

  /** @throws {TypeError} when it is open already. */
  claim(id: string): void {
    if (this.#open.has(id)) throw new TypeError(`${id} is open already`);
    this.#open.set(id, undefined);
  }

  set(partial: PartialPackage): void {
    this.#open.set(partial.id, partial);
  }

  release(id: string): void {
    this.#open.delete(id);
    const waiting = this.#waiting.get(id) ?? [];
    this.#waiting.delete(id);
    for (const resolve of waiting) resolve();
  }

  /** Resolves when a package that has let go of its files is where it goes: in the library, or nowhere. */
  async moved(id: string): Promise<void> {
    if (!this.#open.get(id)?.isClosed) return;
    await new Promise<void>((resolve) => this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), resolve]));
  }

  get(id: string): PartialPackage | undefined {
    return this.#open.get(id);
  }

  async close(): Promise<void> {
    for (const partial of [...this.#open.values()]) await partial?.close();
  }
}
