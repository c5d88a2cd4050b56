import type { ChunkRange, DataMessage, HashesMessage, HaveMessage, RejectMessage } from '../net/transferMessages';
import { Bitfield } from '../release/bitfield';
import { CHUNK_BYTES } from '../release/manifest';
import type { Clock } from './clock';
import { dataRange, isInside, runsWhere } from './dataRange';
import type { StrikeReason } from './link';
import type { PartialPackage } from './parts';
import { Picker } from './picker';
import { RateMeter } from './rate';
import type { RequestPump } from './requestPump';
import type { Source } from './source';

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
 * What is left to fetch of an open package: takes in what sources say about chunks, and asks them for more.
 *
 * Its methods throw `PeerFault` or `DOWNLOAD_CORRUPT` when the source is to blame, and anything else when the disk is.
 */
export class ChunkWork {
  readonly meter: RateMeter;
  readonly givers = new Set<string>();
  bytesDone: number;
  refetchedBytes = 0;
  #picker: Picker<Source>;

  constructor(
    readonly partial: PartialPackage,
    private readonly pump: RequestPump,
    private readonly clock: Clock,
  ) {
    this.bytesDone = partial.resumedBytes;
    this.meter = new RateMeter(3_000, clock);
    this.#picker = new Picker<Source>(partial.map, partial.held);
  }

  get isDone(): boolean {
    return this.partial.held.isFull;
  }

  join(source: Source): void {
    const { chunks } = this.partial.map;
    if (source.have === 'full') this.#picker.addSource(source);
    else if (source.have.byteLength !== Math.ceil(chunks / 8)) throw new PeerFault('protocol');
    else this.#picker.addSource(source, new Bitfield(chunks, source.have.slice()));
  }

  leave(source: Source): void {
    this.#picker.removeSource(source);
  }

  /** Takes back all that it was asked, and leaves it alone for a while. */
  rest(source: Source): void {
    source.rest();
    this.#picker.freeAll(source);
  }

  ask(sources: readonly Source[]): void {
    if (sources.length > 0) this.pump.run(this.partial, this.#picker, sources);
  }

  addHashes(source: Source, { group, bytes }: HashesMessage): void {
    if (!source.hashesAsked.has(group) || bytes.byteLength === 0) return;
    source.progressAt = this.clock.now();
    const known = this.partial.hashesOf(group);
    if (!known) this.partial.addHashes(group, bytes);
    else if (Buffer.compare(known, bytes) !== 0) throw new PeerFault('badData');
  }

  addData(source: Source, { first, bytes }: DataMessage): void {
    const range = dataRange(this.partial.map, first, bytes.byteLength);
    if (!range) throw new PeerFault('badData');
    if (!this.#hasHashes(range)) throw new PeerFault('protocol');
    const unasked = range.count - this.#picker.askedOf(source, range);

    let fresh = 0;
    for (const run of runsWhere(range, (chunk) => !this.partial.held.has(chunk)))
      fresh += this.#write(run, range, bytes);
    this.bytesDone += fresh;
    this.refetchedBytes += bytes.byteLength - fresh;
    this.meter.add(fresh);
    if (fresh > 0) this.givers.add(source.link.peerKey);

    for (const loser of this.#picker.received(source, range)) loser.source.cancel(loser.range);
    if (!source.received(range, bytes.byteLength, unasked * CHUNK_BYTES)) throw new PeerFault('protocol');
  }

  reject(source: Source, message: RejectMessage): void {
    if (!isInside(this.partial.map, message)) return;
    const range = { first: message.first, count: message.count };
    this.#picker.free(source, range);
    source.settle(range);
    source.progressAt = this.clock.now();
    if (message.reason === 'notHeld' || message.reason === 'invalid') this.#picker.setHave(source, range, false);
    else source.pause(retryIn(message.retryMs));
  }

  addHave(source: Source, { ranges }: HaveMessage): void {
    for (const range of ranges) {
      if (!isInside(this.partial.map, range)) throw new PeerFault('protocol');
      this.#picker.setHave(source, range, true);
    }
  }

  /**
   * Starts over with what is missing when chunks were lost that had been held: the disk may damage one, which shows when
   * it is served to somebody.
   */
  recheck(sources: readonly Source[]): void {
    if (this.isDone || !this.#picker.isDone) return;
    const { map, held } = this.partial;
    this.#picker = new Picker<Source>(map, held);
    this.bytesDone = runsWhere({ first: 0, count: map.chunks }, (chunk) => held.has(chunk)).reduce(
      (sum, { first, count }) => sum + map.bytes(first, count),
      0,
    );
    for (const source of sources) if (source.phase === 'open') this.#picker.addSource(source);
  }

  #hasHashes({ first, count }: ChunkRange): boolean {
    // A frame is at most a quarter of a group, so its ends name all groups that it touches.
    return [first, first + count - 1].every((chunk) => this.partial.hashesOf(this.partial.map.chunk(chunk).group));
  }

  #write(run: ChunkRange, frame: ChunkRange, bytes: Uint8Array): number {
    const at = (run.first - frame.first) * CHUNK_BYTES;
    const data = bytes.subarray(at, at + this.partial.map.bytes(run.first, run.count));
    try {
      this.partial.write(run.first, data);
    } catch (error) {
      this.refetchedBytes += data.byteLength;
      throw error;
    }
    return data.byteLength;
  }
}

/** A retry time of a peer, made reasonable. */
export function retryIn(ms: number): number {
  return Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, ms));
}
