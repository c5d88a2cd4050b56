import type { ChunkRange } from '../net/transferMessages';
import { Bitfield } from '../release/bitfield';
import type { ChunkMap } from '../release/chunkMap';
import type { Segments } from './segments';

/** What a source that has only a part of the package has, and how much of each segment. */
export interface Part {
  readonly have: Bitfield;
  readonly haveIn: Uint8Array;
}

/** What those sources have that have only a part, and how rare each chunk is among them. */
export class PartHolders {
  /** By chunk, how many of them have it. */
  readonly #with: Uint8Array;
  #count = 0;

  constructor(
    private readonly map: ChunkMap,
    private readonly segments: Segments,
  ) {
    this.#with = new Uint8Array(map.chunks);
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** @param have taken over. */
  add(have: Bitfield): Part {
    const haveIn = new Uint8Array(this.segments.count);
    this.#count++;
    for (let chunk = 0; chunk < this.map.chunks; chunk++) {
      if (!have.has(chunk)) continue;
      haveIn[this.segments.of(chunk)]!++;
      this.#with[chunk]!++;
    }
    return { have, haveIn };
  }

  remove({ have }: Part): void {
    this.#count--;
    for (let chunk = 0; chunk < this.map.chunks; chunk++) if (have.has(chunk)) this.#with[chunk]!--;
  }

  set({ have, haveIn }: Part, { first, count }: ChunkRange, has: boolean): void {
    for (let chunk = first; chunk < first + count; chunk++) {
      if (!have.set(chunk, has)) continue;
      haveIn[this.segments.of(chunk)]! += has ? 1 : -1;
      this.#with[chunk]! += has ? 1 : -1;
    }
  }

  /** How many have it. */
  holders(chunk: number): number {
    return this.#with[chunk]!;
  }
}
