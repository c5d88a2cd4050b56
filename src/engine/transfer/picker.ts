import type { ChunkRange } from '../net/transferMessages';
import { Bitfield } from '../release/bitfield';
import type { ChunkMap } from '../release/chunkMap';
import { ChunkTable } from './chunkTable';
import { PartHolders, type Part } from './partHolders';
import type { Segments } from './segments';

/** An idle source repeats what another is slow with when it would be this much quicker. */
const DUPLICATE_GAIN = 2;
/** When little is free, each takes its share of it and no more, so that all end at about the same time; but not less. */
const MIN_RUN = 4;
const MAX_SOURCES = 255;

interface SourceEntry {
  /** From 1: how a chunk says of whom it is asked. */
  readonly slot: number;
  /** What it has. Undefined: everything. */
  part: Part | undefined;
  /** How many chunks are asked of it, and the ranges that they were asked in, oldest first; some of them may be over. */
  asked: number;
  ranges: ChunkRange[];
  segment: number | undefined;
  /** The state of things in which there was nothing for it. */
  dryAt: number;
}

/**
 * Decides who is asked for which chunks. Pure bookkeeping: no messages, no clock, a few bytes a chunk.
 *
 * A chunk is held, asked (of one source, of two at the end) or free. Sources go through the free segments in file order,
 * each in a segment of its own as long as there are some. When a source has only a part, the rarest chunks go first, and of
 * equally rare ones any, so that two who fetch at the same time have something to give each other.
 */
export class Picker<Source> {
  readonly #sources = new Map<Source, SourceEntry>();
  readonly #bySlot: (Source | undefined)[] = [undefined];
  readonly #chunks: ChunkTable;
  readonly #segments: Segments;
  /** By group, 1 while nothing of it may be asked. */
  readonly #blocked: Uint8Array;
  readonly #parts: PartHolders;
  /** Sources but for claimers. */
  #peers = 0;
  /** Grows when something may be asked that could not before. */
  #state = 0;

  /** @param random from 0 to below 1, a new one each time: where it is looked first for the rarest chunks. */
  constructor(
    private readonly map: ChunkMap,
    held: Bitfield,
    private readonly random: () => number = Math.random,
  ) {
    this.#chunks = new ChunkTable(map, held);
    this.#segments = this.#chunks.segments;
    this.#blocked = new Uint8Array(map.groups);
    this.#parts = new PartHolders(map, this.#segments);
  }

  /** Whether everything was received. */
  get isDone(): boolean {
    return this.#chunks.isFull;
  }

  isHeld(chunk: number): boolean {
    return this.#chunks.isHeld(chunk);
  }

  isAsked(chunk: number): boolean {
    return this.#chunks.isAsked(chunk);
  }

  /** Whether chunks of this group may be asked. At first they may. */
  setOpen(group: number, isOpen: boolean): void {
    this.#blocked[group] = isOpen ? 0 : 1;
    if (isOpen) this.#state++;
  }

  /** @param have what it has, taken over; undefined when it has everything. */
  addSource(source: Source, have?: Bitfield): void {
    const entry = this.#add(source);
    this.#peers++;
    if (have) entry.part = this.#parts.add(have);
  }

  /** One that takes what it names itself, with `claim`, and is never given anything. It stays. */
  addClaimer(source: Source): void {
    this.#add(source);
  }

  /** Frees all that was asked of it. */
  removeSource(source: Source): void {
    const entry = this.#sources.get(source);
    if (!entry) return;
    this.freeAll(source);
    this.#sources.delete(source);
    this.#bySlot[entry.slot] = undefined;
    this.#peers--;
    if (entry.part) this.#parts.remove(entry.part);
  }

  /** It got these chunks, or (`has` false) said that it does not have them, whatever it said before. */
  setHave(source: Source, range: ChunkRange, has: boolean): void {
    const entry = this.#sources.get(source);
    if (!entry || (!entry.part && has)) return;
    entry.part ??= this.#parts.add(Bitfield.full(this.map.chunks));
    this.#parts.set(entry.part, range, has);
    if (has) entry.dryAt = -1;
  }

  /** What it said to have turned out to be this, whatever was known before. Undefined: everything. */
  replaceHave(source: Source, have: Bitfield | undefined): void {
    const entry = this.#sources.get(source);
    if (!entry) return;
    if (entry.part) this.#parts.remove(entry.part);
    entry.part = have && this.#parts.add(have);
    entry.dryAt = -1;
  }

  /** Share of the package that it has, 0 to 1. */
  shareOf(source: Source): number {
    const have = this.#sources.get(source)?.part?.have;
    return have ? have.count / have.size : 1;
  }

  /** Reserves the next chunks for this source: one run within a group, at most `max`. */
  next(source: Source, max: number): ChunkRange | undefined {
    const entry = this.#sources.get(source);
    if (!entry || max < 1 || entry.dryAt === this.#state) return undefined;
    if (entry.segment === undefined || this.#firstFree(entry, entry.segment) === undefined)
      entry.segment = this.#parts.isEmpty ? this.#nextSegment() : this.#rarestSegment(entry);
    if (entry.segment === undefined) {
      entry.dryAt = this.#state;
      return undefined;
    }

    const first = this.#firstFree(entry, entry.segment)!;
    const isAlone = this.#peers === 1;
    // Alone, a source may run on to the end of the group: longer requests, fewer messages.
    const end = isAlone ? this.#segments.groupEnd(first) : this.#segments.end(entry.segment);
    const share = isAlone ? max : Math.max(MIN_RUN, Math.ceil(this.#chunks.free / this.#peers));
    const most = Math.min(max, share, end - first);
    let count = 1;
    while (count < most && this.#isFreeFor(entry, first + count)) count++;
    return this.#reserve(entry, { first, count });
  }

  /** Reserves what is free of this range. @returns the runs of it. */
  claim(source: Source, range: ChunkRange): ChunkRange[] {
    const entry = this.#sources.get(source);
    const runs: { first: number; count: number }[] = [];
    for (let chunk = range.first; entry && chunk < range.first + range.count; chunk++) {
      if (!this.#isFreeFor(entry, chunk)) continue;
      const last = runs.at(-1);
      if (last && last.first + last.count === chunk) last.count++;
      else runs.push({ first: chunk, count: 1 });
    }
    for (const run of runs) {
      this.#reserve(entry!, run);
      entry!.segment = this.#segments.of(run.first + run.count - 1); // It goes on there.
    }
    return runs;
  }

  /**
   * For a source that has nothing left to ask: repeats the last chunks of whoever would take longest for its own.
   *
   * @param etaMs when another source will be done with all it was asked.
   * @param ownMs when this one would be done with so many chunks.
   */
  duplicate(
    source: Source,
    max: number,
    etaMs: (other: Source) => number,
    ownMs: (chunks: number) => number,
  ): ChunkRange | undefined {
    const entry = this.#sources.get(source);
    if (!entry) return undefined;
    let slowest: ChunkRange | undefined;
    let slowestMs = 0;
    for (const [other, candidate] of this.#sources) {
      if (candidate === entry || candidate.asked === 0) continue;
      const ms = etaMs(other);
      if (ms <= slowestMs) continue;
      const run = this.#lastRun(entry, candidate, max);
      if (!run || ms < ownMs(run.count) * DUPLICATE_GAIN) continue;
      slowest = run;
      slowestMs = ms;
    }
    return slowest && this.#reserve(entry, slowest);
  }

  /** These will not come from this source: somebody else may be asked. */
  release(source: Source, { first, count }: ChunkRange): void {
    const entry = this.#sources.get(source);
    if (!entry) return;
    for (let chunk = first; chunk < first + count; chunk++) if (this.#chunks.unask(entry.slot, chunk)) entry.asked--;
    this.#state++;
  }

  freeAll(source: Source): void {
    const entry = this.#sources.get(source);
    if (!entry) return;
    for (const range of entry.ranges.splice(0)) this.release(source, range);
  }

  /** These are held now. @returns who else was asked for them and need not send them any more. */
  received(source: Source | undefined, range: ChunkRange): { readonly source: Source; readonly range: ChunkRange }[] {
    const losers: { source: Source; range: { first: number; count: number } }[] = [];
    for (let chunk = range.first; chunk < range.first + range.count; chunk++) {
      for (const slot of this.#chunks.hold(chunk)) {
        const other = slot === 0 ? undefined : this.#bySlot[slot];
        if (other === undefined) continue;
        this.#sources.get(other)!.asked--;
        if (other === source) continue;
        const last = losers.findLast((loser) => loser.source === other);
        if (last && last.range.first + last.range.count === chunk) last.range.count++;
        else losers.push({ source: other, range: { first: chunk, count: 1 } });
      }
    }
    return losers;
  }

  #add(source: Source): SourceEntry {
    let slot = 1;
    while (this.#bySlot[slot] !== undefined) slot++;
    if (slot > MAX_SOURCES) throw new RangeError(`more than ${MAX_SOURCES} sources`);
    const entry = { slot, part: undefined, asked: 0, ranges: [], segment: undefined, dryAt: -1 };
    this.#sources.set(source, entry);
    this.#bySlot[slot] = source;
    return entry;
  }

  #reserve(entry: SourceEntry, range: ChunkRange): ChunkRange {
    // Answers come in the order of asking, so what is over stands in front.
    while (entry.ranges.length > 0 && !this.#chunks.isAnyAskedOf(entry.slot, entry.ranges[0]!)) entry.ranges.shift();
    entry.ranges.push(range);
    entry.asked += range.count;
    for (let chunk = range.first; chunk < range.first + range.count; chunk++) this.#chunks.ask(entry.slot, chunk);
    return range;
  }

  #isFreeFor(entry: SourceEntry, chunk: number): boolean {
    return this.#chunks.isFree(chunk) && (entry.part?.have.has(chunk) ?? true);
  }

  #firstFree(entry: SourceEntry, segment: number): number | undefined {
    if (!this.#hasFree(segment) || entry.part?.haveIn[segment] === 0) return undefined;
    const end = this.#segments.end(segment);
    for (let chunk = this.#segments.all[segment]!.first; chunk < end; chunk++)
      if (this.#isFreeFor(entry, chunk)) return chunk;
    return undefined;
  }

  #hasFree(segment: number): boolean {
    return this.#chunks.hasFree(segment) && this.#blocked[this.#segments.groups[segment]!] === 0;
  }

  /** In file order; one that nobody works in comes before one that somebody does. */
  #nextSegment(): number | undefined {
    let shared: number | undefined;
    for (let segment = this.#chunks.firstFreeSegment; segment < this.#segments.count; segment++) {
      if (!this.#hasFree(segment)) continue;
      if (!this.#chunks.hasAsked(segment)) return segment;
      shared ??= segment;
    }
    return shared;
  }

  /** A walk over at most 4,098 segments, once a mebibyte. */
  #rarestSegment(entry: SourceEntry): number | undefined {
    let best: number | undefined;
    let bestScore = Infinity;
    const start = Math.floor(this.random() * this.#segments.count);
    for (let step = 0; step < this.#segments.count; step++) {
      const segment = (start + step) % this.#segments.count;
      const chunk = this.#firstFree(entry, segment);
      if (chunk === undefined) continue;
      const score = (this.#chunks.hasAsked(segment) ? 256 : 0) + this.#parts.holders(chunk);
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
      this.#chunks.isAskedOnlyOf(from.slot, chunk) && (entry.part?.have.has(chunk) ?? true);
    while (from.ranges.length > 0 && !this.#chunks.isAnyAskedOf(from.slot, from.ranges.at(-1)!)) from.ranges.pop();
    for (const range of from.ranges.toReversed()) {
      for (let last = range.first + range.count - 1; last >= range.first; last--) {
        if (!fits(last)) continue;
        const { first: start } = this.#segments.all[this.#segments.of(last)]!;
        let first = last;
        while (first > start && last - first + 1 < max && fits(first - 1)) first--;
        return { first, count: last - first + 1 };
      }
    }
    return undefined;
  }
}
