import type { ChunkRange } from '../net/transferMessages';
import { Bitfield } from '../release/bitfield';
import type { ChunkMap } from '../release/chunkMap';
import { Segments } from './segments';

/**
 * Each chunk of a package is held, asked of one or two sources, or free. Two bytes a chunk say of whom; a source is a slot
 * number from 1 here. What is counted by segment is kept up with, so that nothing walks over all chunks.
 */
export class ChunkTable {
  readonly segments: Segments;
  /** Our own, so that a chunk becomes held in `hold` and nowhere else. */
  readonly #held: Bitfield;
  /** By chunk, slots of those it is asked of; 0 is nobody. The second only when there is a first. */
  readonly #first: Uint8Array;
  readonly #second: Uint8Array;
  /** By segment, chunks that are free, and chunks that are asked. */
  readonly #freeIn: Uint8Array;
  readonly #askedIn: Uint8Array;
  #free: number;
  /** No segment before this one has a free chunk. */
  #cursor = 0;

  constructor(map: ChunkMap, held: Bitfield) {
    this.segments = new Segments(map);
    this.#held = held.copy();
    this.#first = new Uint8Array(map.chunks);
    this.#second = new Uint8Array(map.chunks);
    this.#askedIn = new Uint8Array(this.segments.count);
    this.#freeIn = new Uint8Array(this.segments.count);
    for (let chunk = 0; chunk < map.chunks; chunk++) if (!held.has(chunk)) this.#freeIn[this.segments.of(chunk)]!++;
    this.#free = map.chunks - held.count;
  }

  get isFull(): boolean {
    return this.#held.isFull;
  }

  /** Chunks that are neither held nor asked. */
  get free(): number {
    return this.#free;
  }

  isHeld(chunk: number): boolean {
    return this.#held.has(chunk);
  }

  isAsked(chunk: number): boolean {
    return this.#first[chunk] !== 0;
  }

  isFree(chunk: number): boolean {
    return this.#first[chunk] === 0 && !this.#held.has(chunk);
  }

  isAskedOf(slot: number, chunk: number): boolean {
    return this.#first[chunk] === slot || this.#second[chunk] === slot;
  }

  isAskedOnlyOf(slot: number, chunk: number): boolean {
    return this.#first[chunk] === slot && this.#second[chunk] === 0;
  }

  isAnyAskedOf(slot: number, { first, count }: ChunkRange): boolean {
    for (let chunk = first; chunk < first + count; chunk++) if (this.isAskedOf(slot, chunk)) return true;
    return false;
  }

  hasFree(segment: number): boolean {
    return this.#freeIn[segment] !== 0;
  }

  hasAsked(segment: number): boolean {
    return this.#askedIn[segment] !== 0;
  }

  /** The first segment with a free chunk, or their number. */
  get firstFreeSegment(): number {
    while (this.#cursor < this.segments.count && this.#freeIn[this.#cursor] === 0) this.#cursor++;
    return this.#cursor;
  }

  /** @param chunk free, or asked of one other. */
  ask(slot: number, chunk: number): void {
    if (this.#first[chunk] !== 0) {
      this.#second[chunk] = slot;
      return;
    }
    this.#first[chunk] = slot;
    const segment = this.segments.of(chunk);
    this.#freeIn[segment]!--;
    this.#askedIn[segment]!++;
    this.#free--;
  }

  /** @returns whether it was asked of this one. */
  unask(slot: number, chunk: number): boolean {
    if (!this.isAskedOf(slot, chunk)) return false;
    if (this.#first[chunk] === slot) this.#first[chunk] = this.#second[chunk]!;
    this.#second[chunk] = 0;
    if (this.#first[chunk] !== 0) return true;
    const segment = this.segments.of(chunk);
    this.#askedIn[segment]!--;
    this.#freeIn[segment]!++;
    this.#free++;
    this.#cursor = Math.min(this.#cursor, segment);
    return true;
  }

  /** It is here now, and asked of nobody. @returns the slots of those it was asked of. */
  hold(chunk: number): readonly [number, number] {
    const slots = [this.#first[chunk]!, this.#second[chunk]!] as const;
    for (const slot of slots) if (slot !== 0) this.unask(slot, chunk);
    if (this.#held.set(chunk)) {
      this.#freeIn[this.segments.of(chunk)]!--;
      this.#free--;
    }
    return slots;
  }
}
