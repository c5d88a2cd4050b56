import type { Disposable } from '../lifecycle';
import { PackageReader } from '../store/packageReader';
import type { Store } from '../store/store';
import type { LocalChunks, LocalRun } from '../transfer/parts';

/** What other packages on this disk have of one that is fetched. */
export class OtherPackages implements LocalChunks, Disposable {
  readonly #readers = new Map<string, Promise<PackageReader>>();
  #ready: Promise<void> | undefined;

  constructor(
    private readonly store: Store,
    private readonly contentId: string,
  ) {}

  get hasAny(): boolean {
    return this.store.chunks.hasOther(this.contentId);
  }

  async find(firstChunk: number, hashes: Uint8Array): Promise<readonly LocalRun[]> {
    await (this.#ready ??= this.store.chunks.refresh());
    return this.store.chunks.find(this.contentId, firstChunk, hashes);
  }

  async read(from: string, first: number, count: number): Promise<Uint8Array> {
    const reader = this.#readers.get(from) ?? PackageReader.open(this.store, from);
    this.#readers.set(from, reader);
    return await (await reader).read(first, count);
  }

  dispose(): void {
    for (const opening of this.#readers.values())
      void opening.then(
        (reader) => reader.close(),
        () => undefined,
      );
    this.#readers.clear();
  }
}
