import { Bitfield } from '../release/bitfield';
import type { ChunkMap } from '../release/chunkMap';

/** Chunks of a run that came to be held. */
export interface HeldRun {
  readonly first: number;
  readonly count: number;
}

/** Which chunks are held, and how many bytes that is. */
export class HeldChunks {
  /** Live. */
  readonly bits: Bitfield;
  #bytes = 0;

  constructor(private readonly map: ChunkMap) {
    this.bits = new Bitfield(map.chunks);
  }

  get bytes(): number {
    return this.#bytes;
  }

  set(chunk: number, isHeld: boolean): boolean {
    const isChange = this.bits.set(chunk, isHeld);
    if (isChange) this.#bytes += (isHeld ? 1 : -1) * this.map.chunk(chunk).length;
    return isChange;
  }

  /** @returns the runs that were not held before. */
  addRun(first: number, count: number): HeldRun[] {
    const runs: { first: number; count: number }[] = [];
    for (let chunk = first; chunk < first + count; chunk++) {
      if (!this.set(chunk, true)) continue;
      const run = runs.at(-1);
      if (run && run.first + run.count === chunk) run.count++;
      else runs.push({ first: chunk, count: 1 });
    }
    return runs;
  }

  /** The first chunk from `from` on that is not held. */
  nextMissing(from: number): number | undefined {
    for (let i = from; i < this.map.chunks; i++) if (!this.bits.has(i)) return i;
    return undefined;
  }
}
