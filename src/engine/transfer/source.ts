import type { ChunkRange, TransferMessage } from '../net/transferMessages';
import { MAX_FRAME_CHUNKS, MAX_REQUEST_CHUNKS } from '../net/transferMessages';
import { DisposableStore, type Disposable } from '../lifecycle';
import { CHUNK_BYTES } from '../release/manifest';
import type { Clock } from './clock';
import type { TransferLink } from './link';
import { MessageBudget, RateMeter } from './rate';

const MIB = 1024 ** 2;
/** What a source is asked for before anything is known of it. */
const START_WINDOW = MIB;
/** Four requests of one chunk, so that a slow source holds little that others could fetch. */
const MIN_WINDOW = 4 * CHUNK_BYTES;
const MAX_WINDOW = 16 * MIB;
/** Of all sources together, so also of one that is alone: 32 MiB is 2 Gbit/s at 130 ms. */
const MAX_WINDOWS = 32 * MIB;
/** What a holder queues. Hypercore asks for up to 512 blocks; requests of several chunks need far fewer. */
const MAX_SOURCE_REQUESTS = 64;
const MAX_REQUESTS = 256;
/** Reading, hashing and framing at the other end, which a round trip does not show. */
const SERVICE_MS = 10;
const DEFAULT_LATENCY_MS = 50;
/** The rate of the first half second is the slow start of the path, not of the source. */
const RATE_SAMPLE_MS = 500;
const MIN_BACKOFF_MS = 5_000;
const MAX_BACKOFF_MS = 60_000;

interface OpenRequest extends ChunkRange {
  readonly sentAt: number;
  /** Chunks that have not come. */
  readonly left: Set<number>;
}

/** Handles are unique on a link, also when several downloads use it. */
const lastHandles = new WeakMap<TransferLink, number>();

/**
 * One peer as a download sees it: what was asked of it, how quick it is, and how much more it may be asked.
 *
 * `opening` until it said what it has; `refused` when it sent us away for good; `open` otherwise, although it may rest
 * until `restUntil` after it stalled or was busy.
 */
export class Source implements Disposable {
  readonly owned = new DisposableStore();
  readonly handle: number;
  /** Everything that came, for the rate over 2 s, and over the 10 s of the floor. */
  readonly meter: RateMeter;
  readonly slowMeter: RateMeter;
  readonly budget: MessageBudget;
  readonly hashesAsked = new Set<number>();
  readonly openedAt: number;

  phase: 'opening' | 'open' | 'refused' = 'opening';
  /** What it said, until the manifest tells how many chunks there are. */
  have: 'full' | Uint8Array = 'full';
  restUntil = 0;
  /** When something last came, or when it was asked after it had nothing to do. */
  progressAt: number;
  /** When chunks last came. */
  dataAt = -Infinity;
  /** Since when it has had something to do without a break. */
  busySince: number | undefined;

  #requests: OpenRequest[] = [];
  #bytesAsked = 0;
  /** Bytes that may still come although they are not asked any more. */
  #lateBytes = 0;
  #minLatencyMs: number | undefined;
  #firstDataAt: number | undefined;
  #backoffMs = MIN_BACKOFF_MS;

  constructor(
    readonly link: TransferLink,
    private readonly clock: Clock,
  ) {
    this.handle = ((lastHandles.get(link) ?? 0) + 1) >>> 0;
    lastHandles.set(link, this.handle);
    this.meter = new RateMeter(2_000, clock);
    this.slowMeter = new RateMeter(10_000, clock);
    this.budget = new MessageBudget(undefined, undefined, clock);
    this.openedAt = this.progressAt = clock.now();
  }

  get bytesAsked(): number {
    return this.#bytesAsked;
  }

  get requests(): number {
    return this.#requests.length;
  }

  get isResting(): boolean {
    return this.clock.now() < this.restUntil;
  }

  get hasGiven(): boolean {
    return this.#firstDataAt !== undefined;
  }

  send(message: TransferMessage): void {
    this.link.send(message); // Small, so it needs no back-pressure: the window bounds it.
  }

  /** Chunks that one more request may have now; 0 when it has enough to do. @param sources how many share the work. */
  room(sources: number): number {
    const maxRequests = Math.min(MAX_SOURCE_REQUESTS, Math.floor(MAX_REQUESTS / sources));
    if (this.phase !== 'open' || this.isResting || this.#requests.length >= maxRequests) return 0;
    // One chunk first, so that something verified is here as early as can be.
    if (!this.hasGiven && this.#requests.length === 0) return 1;
    const window = this.#window(sources);
    const longest = sources === 1 ? MAX_REQUEST_CHUNKS : MAX_FRAME_CHUNKS;
    const piece = Math.min(longest, Math.max(1, Math.floor(window / 4 / CHUNK_BYTES)));
    // Only whole pieces: asking for each chunk that arrives would make all requests, and then all frames, one chunk long.
    return window - this.#bytesAsked < piece * CHUNK_BYTES ? 0 : piece;
  }

  request(range: ChunkRange): void {
    const now = this.clock.now();
    if (this.#requests.length === 0) this.progressAt = this.busySince = now;
    const left = new Set<number>();
    for (let chunk = range.first; chunk < range.first + range.count; chunk++) left.add(chunk);
    this.#requests.push({ ...range, sentAt: now, left });
    this.#bytesAsked += range.count * CHUNK_BYTES;
    this.send({ type: 'request', handle: this.handle, ...range });
  }

  /** A frame came. @returns false when it brought more than was ever asked. */
  received(range: ChunkRange, bytes: number, unaskedBytes: number): boolean {
    const now = this.clock.now();
    this.meter.add(bytes);
    this.slowMeter.add(bytes);
    this.budget.giveBack();
    this.progressAt = this.dataAt = now;
    this.#firstDataAt ??= now;
    this.#lateBytes -= unaskedBytes;
    if (unaskedBytes === 0) {
      this.#backoffMs = MIN_BACKOFF_MS;
      const request = this.#requests.find(({ left }) => left.has(range.first));
      if (request && request.left.size === request.count)
        this.#minLatencyMs = Math.min(this.#minLatencyMs ?? Infinity, now - request.sentAt);
    }
    this.settle(range);
    return this.#lateBytes >= 0;
  }

  /** These chunks came or will not come. */
  settle({ first, count }: ChunkRange): void {
    for (const request of this.#requests) {
      if (request.first + request.count <= first || first + count <= request.first) continue;
      for (let chunk = first; chunk < first + count; chunk++) request.left.delete(chunk);
    }
    this.#requests = this.#requests.filter(({ left }) => left.size > 0);
    this.#bytesAsked = this.#requests.reduce((sum, { left }) => sum + left.size * CHUNK_BYTES, 0);
    if (this.#requests.length === 0) this.busySince = undefined;
  }

  /** Takes a question back. What was under way may still come. */
  cancel(range: ChunkRange): void {
    this.#lateBytes += range.count * CHUNK_BYTES;
    this.send({ type: 'cancel', handle: this.handle, ...range });
    this.settle(range);
  }

  /** Takes all questions back and leaves it alone for a while, longer each time. */
  rest(): void {
    for (const { first, count } of [...this.#requests]) this.cancel({ first, count });
    this.restUntil = this.clock.now() + this.#backoffMs;
    this.#backoffMs = Math.min(MAX_BACKOFF_MS, this.#backoffMs * 2);
  }

  /** It can't take more for now, as it said itself. */
  pause(ms: number): void {
    this.restUntil = Math.max(this.restUntil, this.clock.now() + ms);
  }

  /** When it will be done with these bytes on top of what it was asked. */
  etaMs(moreBytes: number): number {
    // A source that gave nothing yet is taken for a slow one, so that others are not doubled for hope alone.
    const rate = this.hasGiven ? Math.max(1, this.meter.bytesPerSecond) : MIB;
    return this.#latencyMs + ((this.#bytesAsked + moreBytes) * 1_000) / rate;
  }

  dispose(): void {
    this.owned.dispose();
  }

  get #latencyMs(): number {
    return this.#minLatencyMs ?? this.link.rttMs ?? DEFAULT_LATENCY_MS;
  }

  /** Twice what fits between a question and its answer, so that the source never waits for us. */
  #window(sources: number): number {
    const cap = sources === 1 ? MAX_WINDOWS : Math.min(MAX_WINDOW, MAX_WINDOWS / sources);
    if (this.#firstDataAt === undefined) return START_WINDOW;
    if (this.clock.now() - this.#firstDataAt < RATE_SAMPLE_MS) return Math.min(cap, START_WINDOW + this.meter.total);
    const pipe = (2 * this.meter.bytesPerSecond * (this.#latencyMs + SERVICE_MS)) / 1_000;
    return Math.min(cap, Math.max(MIN_WINDOW, pipe));
  }
}
