import type { PartialPackage } from './partialPackage';

/** Unfinished packages that are open: two objects that write one package would break its journal. */
export class OpenPartials {
  readonly #open = new Map<string, PartialPackage | undefined>();

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
  }

  get(id: string): PartialPackage | undefined {
    return this.#open.get(id);
  }

  async close(): Promise<void> {
    for (const partial of [...this.#open.values()]) await partial?.close();
  }
}
