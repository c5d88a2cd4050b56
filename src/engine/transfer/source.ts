import { DisposableStore, type Disposable } from '../lifecycle';
import {
  CHUNK_BYTES,
  MAX_DOWNLOAD_REQUESTS,
  MAX_FRAME_CHUNKS,
  MAX_REQUEST_CHUNKS,
  MAX_SOURCE_REQUESTS,
} from '../limits';
import { MessageBudget } from '../net/messageBudget';
import { type ChunkRange, type TransferMessage } from '../net/transferMessages';
import type { Clock } from './clock';
import type { TransferLink } from './link';
import { OpenRequests } from './openRequests';
import { RateMeter } from './rate';
import { RequestWindow } from './requestWindow';

/** Of a source that gave nothing yet: taken for a slow one, so that others are not doubled for hope alone. */
const ASSUMED_RATE = 1024 ** 2;
const MIN_BACKOFF_MS = 5_000;
const MAX_BACKOFF_MS = 60_000;

/**
 * How near a source is: what a nearer one can give soon is not asked of one further away. On this network, in a private room,
 * anywhere.
 */
export type SourceRank = 0 | 1 | 2;

/** Who may be asked for chunks: a peer, or this disk. */
export interface Giver {
  /** When it will be done with these bytes on top of what it was asked. */
  etaMs(moreBytes: number): number;
  /** Takes a question back. */
  cancel(range: ChunkRange): void;
}

/** Handles are unique on a link, also when several downloads use it. */
const lastHandles = new WeakMap<TransferLink, number>();

/**
 * One peer as a download sees it: what was asked of it, how quick it is, and how much more it may be asked.
 *
 * `opening` until it said what it has; it is asked all the same, as who is offered mostly has everything. `refused` when it
 * sent us away for a while; `open` otherwise, although it may rest until `restUntil` after it stalled or was busy.
 */
export class Source implements Giver, Disposable {
  readonly owned = new DisposableStore();
  readonly handle: number;
  readonly budget: MessageBudget;
  /** Groups whose hashes were asked, and whether they came. */
  readonly #hashes = new Map<number, { readonly askedAt: number; state: 'asked' | 'came' | 'stale' }>();
  /** Groups whose hashes it has not: a part of the package, that grows. */
  readonly hashesMissing = new Set<number>();
  readonly openedAt: number;

  phase: 'opening' | 'open' | 'refused' = 'opening';
  /** What it said, until the manifest tells how many chunks there are. */
  have: 'full' | Uint8Array = 'full';
  restUntil = 0;
  /** Questions for hashes that are open. */
  #questions = 0;
  /** It gave nothing when it was asked, and nothing since. */
  isStalled = false;
  /** When something last came, or when it was asked after it had nothing to do. */
  progressAt: number;
  /** When chunks last came. */
  dataAt = -Infinity;
  /** Since when it has had something to do without a break. */
  busySince: number | undefined;

  readonly #requests = new OpenRequests();
  readonly #window: RequestWindow;
  /** Everything that came, for the rate over 2 s, and over the 10 s of the floor. Absent before the first byte. */
  #meter: RateMeter | undefined;
  #firstDataAt: number | undefined;
  #slowMeter: RateMeter | undefined;
  /** Bytes that may still come although they are not asked any more. */
  #lateBytes = 0;
  #backoffMs = MIN_BACKOFF_MS;

  constructor(
    readonly link: TransferLink,
    readonly rank: SourceRank,
    private readonly clock: Clock,
  ) {
    this.handle = ((lastHandles.get(link) ?? 0) + 1) >>> 0;
    lastHandles.set(link, this.handle);
    this.#window = new RequestWindow(clock, () => link.rttMs);
    this.budget = new MessageBudget(undefined, undefined, () => clock.now());
    this.openedAt = this.progressAt = clock.now();
  }

  get bytesAsked(): number {
    return this.#requests.chunks * CHUNK_BYTES;
  }

  get requests(): number {
    return this.#requests.count;
  }

  /** Whether it owes an answer. */
  get isAwaited(): boolean {
    return this.phase === 'opening' || this.#requests.count > 0 || this.#questions > 0;
  }

  get isResting(): boolean {
    return this.clock.now() < this.restUntil;
  }

  get hasGiven(): boolean {
    return this.#meter !== undefined;
  }

  /** Since when it can show how quick it is. */
  get provingSince(): number {
    return this.#firstDataAt ?? this.openedAt;
  }

  /** Bytes of chunks that came from it. */
  get bytesGiven(): number {
    return this.#meter?.total ?? 0;
  }

  /** Bytes per second over the last two seconds. */
  get rate(): number {
    return this.#meter?.bytesPerSecond ?? 0;
  }

  /** Bytes per second over the last ten seconds. */
  get slowRate(): number {
    return this.#slowMeter?.bytesPerSecond ?? 0;
  }

  send(message: TransferMessage): void {
    this.link.send(message); // Small, so it needs no back-pressure: the window bounds it.
  }

  /** Chunks that one more request may have now; 0 when it has enough to do. @param sources how many share the work. */
  room(sources: number): number {
    const maxRequests = Math.min(MAX_SOURCE_REQUESTS, Math.floor(MAX_DOWNLOAD_REQUESTS / sources));
    if (this.phase === 'refused' || this.isResting || this.#requests.count >= maxRequests) return 0;
    // One chunk first, so that something verified is here as early as can be.
    if (!this.hasGiven && this.#requests.count === 0) return 1;
    const window = this.#window.bytes(sources);
    const longest = sources === 1 ? MAX_REQUEST_CHUNKS : MAX_FRAME_CHUNKS;
    const piece = Math.min(longest, Math.max(1, Math.floor(window / 4 / CHUNK_BYTES)));
    // Only whole pieces: asking for each chunk that arrives would make all requests, and then all frames, one chunk long.
    return window - this.bytesAsked < piece * CHUNK_BYTES ? 0 : piece;
  }

  request(range: ChunkRange): void {
    const now = this.clock.now();
    if (!this.isAwaited) this.progressAt = now;
    if (this.#requests.count === 0) {
      this.busySince = now;
      this.#window.begin();
    }
    this.#requests.add(range, now);
    this.send({ type: 'request', handle: this.handle, first: range.first, count: range.count });
  }

  /** @returns whether the question was sent now, and not before. */
  askHashes(group: number): boolean {
    const before = this.#hashes.get(group);
    if (before && before.state !== 'stale') return false;
    if (!this.isAwaited) this.progressAt = this.clock.now();
    this.#questions++;
    this.#hashes.set(group, { askedAt: this.clock.now(), state: 'asked' });
    this.send({ type: 'getHashes', handle: this.handle, group });
    return true;
  }

  hasAskedHashes(group: number): boolean {
    return this.#hashes.has(group);
  }

  /** An answer to `askHashes` came. @param isEmpty it has them not, and is asked again later. @returns whether it was asked. */
  answerHashes(group: number, isEmpty: boolean): boolean {
    const question = this.#hashes.get(group);
    if (!question) return false;
    const now = this.clock.now();
    this.progressAt = now;
    if (question.state === 'asked') {
      this.#questions--;
      this.budget.giveBack(); // Only what was asked is no flood.
      this.#window.answered(now - question.askedAt);
    }
    question.state = 'came';
    if (isEmpty) {
      this.#hashes.delete(group);
      this.hashesMissing.add(group);
    }
    return true;
  }

  /** A frame came. @returns false when it brought more than was ever asked. */
  received(range: ChunkRange, bytes: number): boolean {
    const now = this.clock.now();
    this.#firstDataAt ??= now;
    this.#meter ??= new RateMeter(2_000, this.clock);
    this.#slowMeter ??= new RateMeter(10_000, this.clock);
    this.#meter.add(bytes);
    this.#slowMeter.add(bytes);
    this.budget.giveBack();
    this.progressAt = this.dataAt = now;
    this.isStalled = false;
    const sentAt = this.#requests.sentAt(range.first);
    const unasked = range.count - this.settle(range);
    this.#lateBytes -= unasked * CHUNK_BYTES;
    if (unasked === 0) this.#backoffMs = MIN_BACKOFF_MS;
    this.#window.received(bytes, unasked > 0 || sentAt === undefined ? undefined : now - sentAt);
    return this.#lateBytes >= 0;
  }

  /** These chunks came or will not come. @returns how many of them were asked of it. */
  settle(range: ChunkRange): number {
    const settled = this.#requests.settle(range);
    if (this.#requests.count === 0) this.busySince = undefined;
    return settled;
  }

  /** All that it was asked and has not answered. */
  asked(): ChunkRange[] {
    return this.#requests.ranges();
  }

  /** Takes a question back. What was under way may still come. */
  cancel(range: ChunkRange): void {
    this.send({ type: 'cancel', handle: this.handle, first: range.first, count: range.count });
    this.#lateBytes += this.settle(range) * CHUNK_BYTES;
  }

  /** Takes all questions back and leaves it alone for a while, longer each time. */
  rest(): void {
    for (const range of this.asked()) this.cancel(range);
    // An answer may come yet, and it is asked again if need be.
    for (const question of this.#hashes.values()) if (question.state === 'asked') question.state = 'stale';
    this.#questions = 0;
    this.isStalled = true;
    this.restUntil = this.clock.now() + this.#backoffMs;
    this.#backoffMs = Math.min(MAX_BACKOFF_MS, this.#backoffMs * 2);
  }

  /** It can't take more for now, as it said itself. */
  pause(ms: number): void {
    this.restUntil = Math.max(this.restUntil, this.clock.now() + ms);
  }

  /** When it will be done with these bytes on top of what it was asked. */
  etaMs(moreBytes: number): number {
    const rate = this.hasGiven ? Math.max(1, this.rate) : ASSUMED_RATE;
    return this.#window.latencyMs + ((this.bytesAsked + moreBytes) * 1_000) / rate;
  }

  dispose(): void {
    this.owned.dispose();
  }
}
