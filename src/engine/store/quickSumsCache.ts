import type { ChunkMap } from '../release/chunkMap';
import { QuickSums } from '../release/quickSums';

/** Sums of 64 GB of adapters. What was used longest ago goes, and is hashed once more. */
const MAX_BYTES = 4 * 1024 ** 2;

/** By content id, what is known of packages that were hashed since the engine began. */
export class QuickSumsCache {
  readonly #sums = new Map<string, QuickSums>(); // In order of use, oldest first.
  #bytes = 0;

  /** Those of a package; new ones remember nothing yet. */
  of({ manifest, chunks }: ChunkMap): QuickSums {
    const sums = this.#sums.get(manifest.id) ?? new QuickSums(chunks);
    this.put(manifest.id, sums);
    return sums;
  }

  put(id: string, sums: QuickSums): void {
    this.#remove(id);
    this.#sums.set(id, sums);
    this.#bytes += sums.bytes;
    for (const [oldest] of this.#sums) if (this.#bytes > MAX_BYTES && oldest !== id) this.#remove(oldest);
  }

  #remove(id: string): void {
    this.#bytes -= this.#sums.get(id)?.bytes ?? 0;
    this.#sums.delete(id);
  }
}
