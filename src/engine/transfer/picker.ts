import { MAX_FRAME_CHUNKS, type ChunkRange } from '../net/transferMessages';
import { Bitfield } from '../release/bitfield';
import type { ChunkMap } from '../release/chunkMap';

/** 1 MiB: one frame. What a source fetches in one go while others fetch elsewhere. */
const SEGMENT_CHUNKS = MAX_FRAME_CHUNKS;
/** An idle source repeats what another is slow with when it would be this much quicker. */
const DUPLICATE_GAIN = 2;

interface SourceEntry {
  /** Undefined: it has everything. */
  have: Bitfield | undefined;
  /** Chunks it has, by segment; empty when it has everything. */
  haveIn: Uint8Array;
  /** In the order of asking. */
  readonly asked: Set<number>;
  segment: number | undefined;
}

/**
 * Decides who is asked for which chunks. Pure bookkeeping: no messages, no clock.
 *
 * A chunk is held, asked (of one source, of two at the end) or free. Sources go through the free segments in file order,
 * each in a segment of its own as long as there are some. When a source has only a part, the rarest chunks go first, from
 * a place of our own, so that two who fetch at the same time have something to give each other.
 */
export class Picker<Source> {
  readonly #sources = new Map<Source, SourceEntry>();
  /** Our own, so that a chunk becomes held in `received` and nowhere else. */
  readonly #held: Bitfield;
  readonly #segments: readonly ChunkRange[];
  /** First segment of each group. */
  readonly #firstOfGroup: readonly number[];
  /** How many sources a chunk is asked of. */
  readonly #askedOf: Uint8Array;
  /** By segment, chunks that are free, and chunks that are asked. */
  readonly #freeIn: Uint8Array;
  readonly #askedIn: Uint8Array;
  /** By chunk, how many of the sources that have only a part have it. */
  readonly #partsWith: Uint8Array;
  #parts = 0;
  /** No segment before this one has a free chunk. */
  #cursor = 0;
  readonly #start: number;

  /** @param random from 0 to below 1: where this download starts when the rarest chunks go first. */
  constructor(
    private readonly map: ChunkMap,
    held: Bitfield,
    random: number = Math.random(),
  ) {
    const segments: ChunkRange[] = [];
    const firstOfGroup: number[] = [];
    for (let group = 0; group < map.groups; group++) {
      const { firstChunk, chunks } = map.group(group);
      firstOfGroup.push(segments.length);
      for (let at = 0; at < chunks; at += SEGMENT_CHUNKS)
        segments.push({ first: firstChunk + at, count: Math.min(SEGMENT_CHUNKS, chunks - at) });
    }
    this.#segments = segments;
    this.#firstOfGroup = firstOfGroup;
    this.#held = held.copy();
    this.#askedOf = new Uint8Array(map.chunks);
    this.#partsWith = new Uint8Array(map.chunks);
    this.#askedIn = new Uint8Array(segments.length);
    this.#freeIn = Uint8Array.from(segments, (segment) => {
      let free = 0;
      for (const chunk of chunksOf(segment)) if (!held.has(chunk)) free++;
      return free;
    });
    this.#start = Math.floor(random * segments.length);
  }

  /** Whether everything was received. */
  get isDone(): boolean {
    return this.#held.isFull;
  }

  /** @param have what it has, taken over; undefined when it has everything. */
  addSource(source: Source, have?: Bitfield): void {
    const entry = { have: undefined, haveIn: new Uint8Array(), asked: new Set<number>(), segment: undefined };
    this.#sources.set(source, entry);
    if (have) this.#setPart(entry, have);
  }

  /** Frees all that was asked of it. */
  removeSource(source: Source): void {
    const entry = this.#sources.get(source);
    if (!entry) return;
    this.freeAll(source);
    this.#sources.delete(source);
    if (!entry.have) return;
    this.#parts--;
    for (let chunk = 0; chunk < this.map.chunks; chunk++) if (entry.have.has(chunk)) this.#partsWith[chunk]!--;
  }

  /** It got these chunks, or (`has` false) said that it does not have them, whatever it said before. */
  setHave(source: Source, range: ChunkRange, has: boolean): void {
    const entry = this.#sources.get(source);
    if (!entry || (!entry.have && has)) return;
    if (!entry.have) this.#setPart(entry, Bitfield.full(this.map.chunks));
    for (const chunk of chunksOf(range)) {
      if (!entry.have!.set(chunk, has)) continue;
      entry.haveIn[this.#segmentOf(chunk)]! += has ? 1 : -1;
      this.#partsWith[chunk]! += has ? 1 : -1;
    }
  }

  /** Reserves the next chunks for this source: one run within a group, at most `max`. */
  next(source: Source, max: number): ChunkRange | undefined {
    const entry = this.#sources.get(source);
    if (!entry || max < 1) return undefined;
    if (entry.segment === undefined || this.#firstFree(entry, entry.segment) === undefined)
      entry.segment = this.#parts > 0 ? this.#rarestSegment(entry) : this.#nextSegment();
    if (entry.segment === undefined) return undefined;

    const first = this.#firstFree(entry, entry.segment)!;
    // Alone, a source may run on to the end of the group: longer requests, fewer messages.
    const end = this.#sources.size === 1 ? this.#groupEnd(first) : this.#segmentEnd(entry.segment);
    let count = 1;
    while (count < max && first + count < end && this.#isFree(entry, first + count)) count++;
    for (let chunk = first; chunk < first + count; chunk++) this.#ask(entry, chunk);
    return { first, count };
  }

  /**
   * For a source that has nothing left to ask: repeats the last chunks of whoever would take longest for its own.
   *
   * @param etaMs when another source will be done with all it was asked.
   * @param ownMs when this one would be done with `max` chunks.
   */
  duplicate(source: Source, max: number, etaMs: (other: Source) => number, ownMs: number): ChunkRange | undefined {
    const entry = this.#sources.get(source);
    if (!entry) return undefined;
    let slowest: SourceEntry | undefined;
    let slowestMs = ownMs * DUPLICATE_GAIN;
    for (const [other, candidate] of this.#sources) {
      if (candidate === entry || candidate.asked.size === 0) continue;
      const ms = etaMs(other);
      if (ms <= slowestMs || !this.#lastRun(entry, candidate, max)) continue;
      slowest = candidate;
      slowestMs = ms;
    }
    const run = slowest && this.#lastRun(entry, slowest, max);
    if (run) for (const chunk of chunksOf(run)) this.#ask(entry, chunk);
    return run;
  }

  /** How many of these chunks are asked of this source. */
  askedOf(source: Source, range: ChunkRange): number {
    const asked = this.#sources.get(source)?.asked;
    let count = 0;
    for (const chunk of chunksOf(range)) if (asked?.has(chunk)) count++;
    return count;
  }

  /** These will not come from this source: somebody else may be asked. */
  free(source: Source, range: ChunkRange): void {
    const entry = this.#sources.get(source);
    if (entry) for (const chunk of chunksOf(range)) this.#unask(entry, chunk);
  }

  freeAll(source: Source): void {
    const entry = this.#sources.get(source);
    if (entry) for (const chunk of [...entry.asked]) this.#unask(entry, chunk);
  }

  /** These are held now. @returns who else was asked for them and need not send them any more. */
  received(source: Source, range: ChunkRange): { readonly source: Source; readonly range: ChunkRange }[] {
    const losers: { source: Source; range: { first: number; count: number } }[] = [];
    for (const chunk of chunksOf(range)) {
      if (this.#held.has(chunk)) continue;
      for (const [other, entry] of this.#askedOf[chunk] === 0 ? [] : this.#sources) {
        if (!entry.asked.has(chunk)) continue;
        this.#unask(entry, chunk);
        if (other === source) continue;
        const last = losers.findLast((loser) => loser.source === other);
        if (last && last.range.first + last.range.count === chunk) last.range.count++;
        else losers.push({ source: other, range: { first: chunk, count: 1 } });
      }
      this.#held.set(chunk);
      this.#freeIn[this.#segmentOf(chunk)]!--;
    }
    return losers;
  }

  #setPart(entry: SourceEntry, have: Bitfield): void {
    entry.have = have;
    entry.haveIn = new Uint8Array(this.#segments.length);
    this.#parts++;
    for (let chunk = 0; chunk < this.map.chunks; chunk++) {
      if (!have.has(chunk)) continue;
      entry.haveIn[this.#segmentOf(chunk)]!++;
      this.#partsWith[chunk]!++;
    }
  }

  #ask(entry: SourceEntry, chunk: number): void {
    entry.asked.add(chunk);
    if (++this.#askedOf[chunk]! > 1) return;
    const segment = this.#segmentOf(chunk);
    this.#freeIn[segment]!--;
    this.#askedIn[segment]!++;
  }

  #unask(entry: SourceEntry, chunk: number): void {
    if (!entry.asked.delete(chunk) || --this.#askedOf[chunk]! > 0) return;
    const segment = this.#segmentOf(chunk);
    this.#askedIn[segment]!--;
    this.#freeIn[segment]!++;
    this.#cursor = Math.min(this.#cursor, segment);
  }

  #isFree(entry: SourceEntry, chunk: number): boolean {
    return this.#askedOf[chunk] === 0 && !this.#held.has(chunk) && (entry.have?.has(chunk) ?? true);
  }

  #firstFree(entry: SourceEntry, segment: number): number | undefined {
    if (this.#freeIn[segment] === 0 || (entry.have && entry.haveIn[segment] === 0)) return undefined;
    for (const chunk of chunksOf(this.#segments[segment]!)) if (this.#isFree(entry, chunk)) return chunk;
    return undefined;
  }

  /** In file order; one that nobody works in comes before one that somebody does. */
  #nextSegment(): number | undefined {
    while (this.#cursor < this.#segments.length && this.#freeIn[this.#cursor] === 0) this.#cursor++;
    let shared: number | undefined;
    for (let segment = this.#cursor; segment < this.#segments.length; segment++) {
      if (this.#freeIn[segment] === 0) continue;
      if (this.#askedIn[segment] === 0) return segment;
      shared ??= segment;
    }
    return shared;
  }

  /** A walk over at most 4,098 segments, once a mebibyte. */
  #rarestSegment(entry: SourceEntry): number | undefined {
    let best: number | undefined;
    let bestScore = Infinity;
    for (let step = 0; step < this.#segments.length; step++) {
      const segment = (this.#start + step) % this.#segments.length;
      const chunk = this.#firstFree(entry, segment);
      if (chunk === undefined) continue;
      const score = (this.#askedIn[segment] === 0 ? 0 : 256) + this.#partsWith[chunk]!;
      if (score >= bestScore) continue;
      best = segment;
      bestScore = score;
      if (score === 0) break;
    }
    return best;
  }

  /** The last run of chunks asked of `from` alone that `entry` has. */
  #lastRun(entry: SourceEntry, from: SourceEntry, max: number): ChunkRange | undefined {
    const fits = (chunk: number) =>
      from.asked.has(chunk) && this.#askedOf[chunk] === 1 && (entry.have?.has(chunk) ?? true);
    const last = [...from.asked].findLast(fits);
    if (last === undefined) return undefined;
    const start = this.#segments[this.#segmentOf(last)]!.first;
    let first = last;
    while (first > start && last - first + 1 < max && fits(first - 1)) first--;
    return { first, count: last - first + 1 };
  }

  #segmentOf(chunk: number): number {
    const { group } = this.map.chunk(chunk);
    return this.#firstOfGroup[group]! + Math.floor((chunk - this.map.group(group).firstChunk) / SEGMENT_CHUNKS);
  }

  #segmentEnd(segment: number): number {
    const { first, count } = this.#segments[segment]!;
    return first + count;
  }

  #groupEnd(chunk: number): number {
    const { firstChunk, chunks } = this.map.group(this.map.chunk(chunk).group);
    return firstChunk + chunks;
  }
}

/** The chunks of a range, one by one. */
export function* chunksOf({ first, count }: ChunkRange): Generator<number> {
  for (let chunk = first; chunk < first + count; chunk++) yield chunk;
}
