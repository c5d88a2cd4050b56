import type { Disposable } from '../lifecycle';
import { monotonicClock, type Clock } from './clock';

/** A full bucket holds what a quarter of a second brings, so that a limit shows within one drawn state. */
const BURST_SECONDS = 0.25;
/** A timer that is late by the resolution of the system must not wake for nothing. */
const MIN_WAIT_MS = 1;

/**
 * A limit in bytes per second that several transfers share. Whoever asks first is served first.
 *
 * It may go into debt by one piece: a piece larger than the bucket passes when the bucket is not empty, and the next one
 * waits until it is paid. So no piece is ever too large for a limit, and the average still holds.
 */
export class RateLimit implements Disposable {
  readonly #waiting: { readonly bytes: number; readonly resolve: () => void }[] = [];
  #bytesPerSecond: number;
  #tokens: number;
  #filledAt: number;
  #timer: Disposable | undefined;

  /** @param bytesPerSecond 0 is no limit. */
  constructor(
    bytesPerSecond = 0,
    private readonly clock: Clock = monotonicClock,
  ) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#tokens = this.#capacity;
    this.#filledAt = clock.now();
  }

  get bytesPerSecond(): number {
    return this.#bytesPerSecond;
  }

  /** Counts at once, also for those who wait. */
  set bytesPerSecond(value: number) {
    if (value === this.#bytesPerSecond) return;
    this.#fill();
    const before = this.#bytesPerSecond;
    this.#bytesPerSecond = value;
    // What is owed takes no longer to pay under the new limit than under the old one. Forgiving it instead would let
    // everything through while a slider moves.
    if (this.#tokens < 0) this.#tokens = Math.max(this.#tokens, (this.#tokens * value) / before);
    this.#tokens = Math.min(this.#tokens, this.#capacity);
    this.#serve();
  }

  get isUnlimited(): boolean {
    return this.#bytesPerSecond === 0;
  }

  /** Takes the bytes when nobody waits and the limit allows it now. */
  tryTake(bytes: number): boolean {
    if (this.isUnlimited) return true;
    this.#fill();
    if (this.#waiting.length > 0 || this.#tokens <= 0) return false;
    this.#tokens -= bytes;
    return true;
  }

  /** Resolves when the bytes may be sent or asked for. @throws the reason of `signal` when that comes first. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.tryTake(bytes)) return;
    await new Promise<void>((resolve, reject) => {
      const entry = {
        bytes,
        resolve: () => {
          signal?.removeEventListener('abort', leave);
          resolve();
        },
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        this.#serve();
        reject(signal!.reason as Error);
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.#waiting.push(entry);
      this.#serve();
    });
  }

  /** Lets everyone go on without a limit. */
  dispose(): void {
    this.bytesPerSecond = 0;
    this.#timer?.dispose();
  }

  get #capacity(): number {
    return this.#bytesPerSecond * BURST_SECONDS;
  }

  #fill(): void {
    const now = this.clock.now();
    const earned = ((now - this.#filledAt) / 1_000) * this.#bytesPerSecond;
    this.#tokens = Math.min(this.#capacity, this.#tokens + earned);
    this.#filledAt = now;
  }

  #serve(): void {
    this.#timer?.dispose();
    this.#timer = undefined;
    this.#fill();
    while (this.#waiting.length > 0 && (this.isUnlimited || this.#tokens > 0)) {
      const next = this.#waiting.shift()!;
      if (!this.isUnlimited) this.#tokens -= next.bytes;
      next.resolve();
    }
    if (this.#waiting.length === 0) return;
    // One byte over the debt, so that the wake finds the bucket not empty.
    const waitMs = Math.max(MIN_WAIT_MS, Math.ceil(((1 - this.#tokens) * 1_000) / this.#bytesPerSecond));
    this.#timer = this.clock.after(waitMs, () => this.#serve());
  }
}

const SLOTS = 20;

/** Bytes per second over a sliding window. Costs 20 numbers, however much passes. */
export class RateMeter {
  readonly #slots = new Float64Array(SLOTS);
  readonly #slotMs: number;
  readonly #startedAt: number;
  #slot: number;
  #total = 0;

  constructor(
    private readonly windowMs = 3_000,
    private readonly clock: Clock = monotonicClock,
  ) {
    this.#slotMs = windowMs / SLOTS;
    this.#startedAt = clock.now();
    this.#slot = this.#slotNow();
  }

  /** All bytes ever added. */
  get total(): number {
    return this.#total;
  }

  add(bytes: number): void {
    this.#advance();
    this.#slots[this.#slot % SLOTS]! += bytes;
    this.#total += bytes;
  }

  get bytesPerSecond(): number {
    this.#advance();
    const sum = this.#slots.reduce((a, b) => a + b, 0);
    // At the start the window is only as long as we have measured, but never so short that one frame is a gigabyte.
    const measuredMs = Math.min(this.windowMs, Math.max(this.#slotMs * 2, this.clock.now() - this.#startedAt));
    return (sum * 1_000) / measuredMs;
  }

  #slotNow(): number {
    return Math.floor((this.clock.now() - this.#startedAt) / this.#slotMs);
  }

  #advance(): void {
    const now = this.#slotNow();
    for (let slot = Math.max(this.#slot + 1, now - SLOTS + 1); slot <= now; slot++) this.#slots[slot % SLOTS] = 0;
    this.#slot = now;
  }
}
