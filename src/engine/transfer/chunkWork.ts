import { CHUNK_BYTES } from '../limits';
import type { ChunkRange, DataMessage, HashesMessage, HaveMessage, RejectMessage } from '../net/transferMessages';
import { Bitfield } from '../release/bitfield';
import type { ChunkMap } from '../release/chunkMap';
import type { Clock } from './clock';
import { dataRange, isInside, runsWhere } from './dataRange';
import { EarlyPackage, type ChunkSink } from './earlyPackage';
import type { StrikeReason } from './link';
import { NearFirst } from './nearFirst';
import type { PartialPackage } from './parts';
import { Picker } from './picker';
import { RateHistory } from './rateHistory';
import { RateMeter } from './rate';
import type { RequestPump } from './requestPump';
import type { Giver, Source } from './source';

/** A source that was busy and named no time, or an unreasonable one. */
const MIN_RETRY_MS = 250;
const MAX_RETRY_MS = 60_000;

/** A peer did what no honest peer does. Caught by the download, which strikes it. */
export class PeerFault extends Error {
  constructor(readonly reason: StrikeReason) {
    super(reason);
  }
}

/**
 * What is left to fetch of a package: takes in what sources say about chunks, and asks them for more. It begins in memory,
 * if nothing of the package is here, and goes on in the folder when that is made.
 *
 * Its methods throw `PeerFault` or `DOWNLOAD_CORRUPT` when the source is to blame, and anything else when the disk is.
 */
export class ChunkWork {
  readonly map: ChunkMap;
  readonly meter: RateMeter;
  readonly history: RateHistory;
  readonly givers = new Set<string>();
  picker: Picker<Giver>;
  bytesDone: number;
  refetchedBytes = 0;
  copiedBytes = 0;
  #sink: ChunkSink;
  readonly #near = new NearFirst();

  constructor(
    sink: ChunkSink,
    private readonly pump: RequestPump,
    private readonly clock: Clock,
    /** Called when the hashes of a group became known. */
    private readonly onHashes: (group: number) => void = () => undefined,
  ) {
    this.#sink = sink;
    this.map = sink.map;
    this.bytesDone = this.#heldBytes();
    this.meter = new RateMeter(3_000, clock);
    this.history = new RateHistory(clock);
    this.picker = new Picker<Giver>(sink.map, sink.held);
  }

  get held(): Bitfield {
    return this.#sink.held;
  }

  /** Whether the folder is there: before, all is in memory. */
  get isInFolder(): boolean {
    return !(this.#sink instanceof EarlyPackage);
  }

  /** Whether everything is on disk. */
  get isDone(): boolean {
    return this.isInFolder && this.held.isFull;
  }

  /** Whether nothing more can be asked before the disk took what came. */
  get isHeldUp(): boolean {
    return this.#sink.room === 0;
  }

  /** Goes on in the folder of the package. What is there already is not fetched. */
  async settleIn(partial: PartialPackage, signal: AbortSignal): Promise<void> {
    const early = this.#sink;
    if (!(early instanceof EarlyPackage)) throw new TypeError('it is in a folder already');
    await early.moveTo(partial, signal);
    this.#sink = partial;
    for (const run of this.#heldRuns()) this.#hold(undefined, run);
    this.bytesDone = this.#heldBytes();
  }

  /** It can be asked, though it may not have said yet what it has. */
  join(source: Source): void {
    this.picker.addSource(source, this.#haveOf(source));
    this.#near.joined(source);
    // What it was asked before anything was known of the package.
    for (const range of source.asked()) {
      const inside = Math.max(0, Math.min(range.count, this.map.chunks - range.first));
      const claimed = this.picker.claim(source, { first: range.first, count: inside });
      const isClaimed = (chunk: number) => claimed.some(({ first, count }) => first <= chunk && chunk < first + count);
      for (const other of runsWhere(range, (chunk) => !isClaimed(chunk))) source.cancel(other);
    }
  }

  /** It said what it has. */
  opened(source: Source): void {
    this.picker.replaceHave(source, this.#haveOf(source));
  }

  leave(source: Source): void {
    this.picker.removeSource(source);
  }

  /** Takes back all that it was asked, and leaves it alone for a while. */
  rest(source: Source): void {
    source.rest();
    this.picker.freeAll(source);
  }

  ask(sources: readonly Source[]): void {
    if (sources.length === 0 || this.picker.isDone) return;
    const wanted = {
      map: this.map,
      picker: this.picker,
      hasHashes: (group: number) => this.hashesOf(group) !== undefined,
      room: () => this.#room(sources),
    };
    const left = this.map.manifest.size - this.bytesDone;
    this.pump.run(wanted, this.#near.workers(sources, left, this.clock.now()));
  }

  hashesOf(group: number): Uint8Array | undefined {
    return this.#sink.hashesOf(group);
  }

  addHashes(source: Source, { group, bytes }: HashesMessage): void {
    if (group >= this.map.groups || !source.answerHashes(group, bytes.byteLength === 0)) return;
    if (bytes.byteLength === 0) return; // It will have them with the first chunk of the group.
    const known = this.hashesOf(group);
    if (known) {
      if (Buffer.compare(known, bytes) !== 0) throw new PeerFault('badData');
      return;
    }
    this.#sink.addHashes(group, bytes);
    // Chunks that were found on disk when the right hashes were not there.
    const { firstChunk, chunks } = this.map.group(group);
    for (const run of runsWhere({ first: firstChunk, count: chunks }, (chunk) => this.held.has(chunk))) {
      this.bytesDone += this.#hold(undefined, run);
    }
    this.onHashes(group);
  }

  addData(source: Source, { first, bytes }: DataMessage): void {
    const range = dataRange(this.map, first, bytes.byteLength);
    if (!range) throw new PeerFault('badData');
    if (!this.#hasHashes(range)) {
      this.#drop(source, range, bytes.byteLength);
      return;
    }

    const fresh = this.#writeFresh(range, bytes);
    this.refetchedBytes += bytes.byteLength - fresh;
    this.#count(fresh);
    if (fresh > 0) this.givers.add(source.link.peerKey);
    this.#hold(source, range);
    if (!source.received(range, bytes.byteLength)) throw new PeerFault('protocol');
  }

  /** Chunks that were found in another package here. @throws {LoraSwarmError} `DOWNLOAD_CORRUPT` when they are not these. */
  addCopied(disk: Giver, range: ChunkRange, bytes: Uint8Array): void {
    const fresh = this.#writeFresh(range, bytes);
    this.copiedBytes += fresh;
    this.#count(fresh);
    this.#hold(disk, range);
  }

  reject(source: Source, message: RejectMessage): void {
    const range = { first: message.first, count: message.count };
    source.settle(range);
    if (!isInside(this.map, range)) return;
    this.picker.release(source, range);
    source.progressAt = this.clock.now();
    if (message.reason === 'notHeld' || message.reason === 'invalid') this.picker.setHave(source, range, false);
    else source.pause(retryIn(message.retryMs));
  }

  addHave(source: Source, { ranges }: HaveMessage): void {
    for (const range of ranges) {
      if (!isInside(this.map, range)) throw new PeerFault('protocol');
      this.picker.setHave(source, range, true);
      for (let group = this.map.groupOf(range.first); group <= this.map.groupOf(range.first + range.count - 1); group++)
        source.hashesMissing.delete(group);
    }
  }

  /**
   * Starts over with what is missing when chunks were lost that had been held: the disk may damage one, which shows when
   * it is served to somebody. @returns whether that is so.
   */
  recheck(sources: readonly Source[]): boolean {
    if (this.held.isFull || !this.picker.isDone) return false;
    this.picker = new Picker<Giver>(this.map, this.held);
    this.bytesDone = this.#heldBytes();
    for (const source of sources) if (source.phase === 'open') this.picker.addSource(source);
    return true;
  }

  #haveOf({ have }: Source): Bitfield | undefined {
    const { chunks } = this.map;
    if (have === 'full') return undefined;
    if (have.byteLength !== Math.ceil(chunks / 8)) throw new PeerFault('protocol');
    return new Bitfield(chunks, have.slice());
  }

  #room(sources: readonly Source[]): number {
    const { room } = this.#sink;
    if (room === Infinity) return room;
    const asked = sources.reduce((sum, { bytesAsked }) => sum + bytesAsked, 0) / CHUNK_BYTES;
    return Math.max(0, room - asked);
  }

  #hasHashes({ first, count }: ChunkRange): boolean {
    // A frame is at most a quarter of a group, so its ends name all groups that it touches.
    return this.#knows(first) && this.#knows(first + count - 1);
  }

  #knows(chunk: number): boolean {
    return this.hashesOf(this.map.groupOf(chunk)) !== undefined;
  }

  /** Chunks came before their hashes. */
  #drop(source: Source, range: ChunkRange, bytes: number): void {
    const last = range.first + range.count - 1;
    if ([range.first, last].every((chunk) => source.hasAskedHashes(this.map.groupOf(chunk))))
      throw new PeerFault('protocol');
    // Asked before the manifest was here, and of another group than it seemed then.
    this.refetchedBytes += bytes;
    this.picker.release(source, range);
    if (!source.received(range, bytes)) throw new PeerFault('protocol');
  }

  /** @returns bytes of it that were not here. */
  #writeFresh(range: ChunkRange, bytes: Uint8Array): number {
    const { held } = this;
    let fresh = 0;
    for (const run of runsWhere(range, (chunk) => !held.has(chunk))) {
      const at = (run.first - range.first) * CHUNK_BYTES;
      const data = bytes.subarray(at, at + this.map.bytes(run.first, run.count));
      try {
        this.#sink.write(run.first, data);
      } catch (error) {
        this.refetchedBytes += data.byteLength;
        throw error;
      }
      fresh += data.byteLength;
    }
    return fresh;
  }

  #count(fresh: number): void {
    this.bytesDone += fresh;
    this.meter.add(fresh);
    this.history.add(fresh);
  }

  /** Nobody needs to send these any more. @returns bytes of those that the picker did not know of. */
  #hold(giver: Giver | undefined, range: ChunkRange): number {
    let fresh = 0;
    if (giver === undefined)
      for (const run of runsWhere(range, (chunk) => !this.picker.isHeld(chunk)))
        fresh += this.map.bytes(run.first, run.count);
    for (const loser of this.picker.received(giver, range)) loser.source.cancel(loser.range);
    return fresh;
  }

  #heldRuns(): ChunkRange[] {
    return runsWhere({ first: 0, count: this.map.chunks }, (chunk) => this.held.has(chunk));
  }

  #heldBytes(): number {
    return this.#heldRuns().reduce((sum, { first, count }) => sum + this.map.bytes(first, count), 0);
  }
}

/** A retry time of a peer, made reasonable. */
export function retryIn(ms: number): number {
  return Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, ms));
}
