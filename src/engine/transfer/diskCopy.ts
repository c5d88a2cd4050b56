import { hasCode } from '../errors';
import { MAX_FRAME_CHUNKS } from '../limits';
import type { Logger } from '../log';
import { type ChunkRange } from '../net/transferMessages';
import type { ChunkWork } from './chunkWork';
import type { Clock } from './clock';
import type { LocalChunks, LocalRun } from './parts';
import { RateMeter } from './rate';
import type { Giver, Source } from './source';

/** A disk that takes longer to say whether it has a group is not waited for. */
const MAX_LOOK_MS = 500;
/** Groups whose hashes are asked for at once, 4 MiB of package each: more than a window. */
const MAX_ASKED = 16;

export interface DiskCopyParts {
  readonly work: ChunkWork;
  readonly local: LocalChunks;
  readonly log: Logger;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Groups may be asked of peers that could not before, or chunks came. */
  readonly onChange: () => void;
  /** The disk that is written to fails. */
  readonly onFail: (error: unknown) => void;
}

/**
 * Copies what another package here has. For that it asks for the hashes of a group before any chunk of it is asked of a peer,
 * which costs nothing more: they are needed anyway.
 */
export class DiskCopy implements Giver {
  readonly meter: RateMeter;
  /** By group, who was asked for its hashes while they are not known. */
  readonly #askedOf = new Map<number, Source>();
  /** Groups of which nobody knows yet whether they are here. */
  readonly #unseen = new Set<number>();
  readonly #toFind: number[] = [];
  readonly #toCopy: LocalRun[] = [];
  #bytesFound = 0;
  #isFinding = false;
  #isCopying = false;
  #isPaused = true;

  constructor(private readonly parts: DiskCopyParts) {
    const { work, clock } = parts;
    this.meter = new RateMeter(2_000, clock);
    work.picker.addClaimer(this);
    for (let group = 0; group < work.map.groups; group++) {
      this.#unseen.add(group);
      work.picker.setOpen(group, false);
      if (work.hashesOf(group)) this.know(group);
    }
  }

  get bytesCopied(): number {
    return this.meter.total;
  }

  /** Bytes of this package that are here under other ids. */
  get bytesFound(): number {
    return this.#bytesFound;
  }

  get isBusy(): boolean {
    return this.#isFinding || this.#isCopying;
  }

  etaMs(): number {
    return 0; // Quicker than any peer.
  }

  cancel({ first, count }: ChunkRange): void {
    // A peer was quicker: what it brought is not copied any more.
    for (const [i, run] of [...this.#toCopy.entries()].reverse())
      if (first <= run.first && run.first + run.count <= first + count) this.#toCopy.splice(i, 1);
  }

  /** Nothing is copied while the download is paused, or before its folder is there. */
  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (!isPaused) void this.#copy();
  }

  /** Asks for the hashes of the next groups. */
  ask(sources: readonly Source[]): void {
    for (const [group, source] of this.#askedOf) {
      const isGone = !sources.includes(source) || source.hashesMissing.has(group);
      if (isGone) this.#askedOf.delete(group);
    }
    for (const group of this.#unseen) {
      if (this.#askedOf.size >= MAX_ASKED) return;
      if (this.#askedOf.has(group) || this.#toFind.includes(group)) continue;
      const source = sources.find((each) => !each.hashesMissing.has(group));
      if (!source) continue;
      source.askHashes(group);
      this.#askedOf.set(group, source);
    }
  }

  /** The hashes of this group are there. */
  know(group: number): void {
    this.#askedOf.delete(group);
    if (!this.#unseen.has(group)) return;
    this.#toFind.push(group);
    void this.#find();
  }

  #isOver(): boolean {
    return this.parts.signal.aborted;
  }

  async #find(): Promise<void> {
    if (this.#isFinding) return;
    this.#isFinding = true;
    const { work, local } = this.parts;
    for (let [group] = this.#toFind; group !== undefined; [group] = this.#toFind) {
      const { firstChunk } = work.map.group(group);
      const hashes = work.hashesOf(group)!;
      const timer = this.parts.clock.after(MAX_LOOK_MS, () => this.#openAll());
      const runs = await this.#quietly(() => local.find(firstChunk, hashes));
      timer.dispose();
      if (this.#isOver()) return;
      for (const run of runs ?? []) this.#claim(run);
      this.#toFind.shift();
      this.#unseen.delete(group);
      work.picker.setOpen(group, true);
      void this.#copy();
      this.parts.onChange();
    }
    this.#isFinding = false;
  }

  /** From here on peers are asked for what has not been looked for yet; what they were not asked for is copied all the same. */
  #openAll(): void {
    if (this.#isOver()) return;
    for (const group of this.#unseen) this.parts.work.picker.setOpen(group, true);
    this.parts.onChange();
  }

  #claim(run: LocalRun): void {
    this.#bytesFound += this.parts.work.map.bytes(run.first, run.count);
    for (const { first, count } of this.parts.work.picker.claim(this, run))
      for (let at = 0; at < count; at += MAX_FRAME_CHUNKS)
        this.#toCopy.push({
          first: first + at,
          count: Math.min(MAX_FRAME_CHUNKS, count - at),
          from: run.from,
          fromFirst: run.fromFirst + first + at - run.first,
        });
  }

  async #copy(): Promise<void> {
    if (this.#isCopying) return;
    this.#isCopying = true;
    const { work, local, onChange } = this.parts;
    while (!this.#isPaused && !this.#isOver()) {
      const run = this.#toCopy.shift();
      if (!run) break;
      const bytes = await this.#quietly(() => local.read(run.from, run.fromFirst, run.count));
      if (this.#isOver()) return;
      if (!bytes || !this.#write(run, bytes)) work.picker.release(this, run); // Then a peer has to give them.
      onChange();
      await new Promise((resolve) => setImmediate(resolve)); // The network has its turn after each mebibyte.
    }
    this.#isCopying = false;
  }

  /** @returns false when the bytes are not those that are wanted. */
  #write(run: LocalRun, bytes: Uint8Array): boolean {
    try {
      this.parts.work.addCopied(this, run, bytes);
      this.meter.add(bytes.byteLength);
      return true;
    } catch (error) {
      if (!hasCode(error, 'DOWNLOAD_CORRUPT')) this.parts.onFail(error);
      return false;
    }
  }

  /** A package that can't be read is no reason to stop: peers have the chunks too. */
  async #quietly<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.parts.log.debug(`transfer: chunks of another package were not copied, ${String(error)}`);
      return undefined;
    }
  }
}
