import { monotonicClock, type Clock } from './clock';

const SECONDS = 60;

/** Bytes of each of the last 60 seconds. */
export class RateHistory {
  readonly #slots = new Float64Array(SECONDS + 1); // And the second that is not over.
  readonly #startedAt: number;
  #second = 0;

  constructor(private readonly clock: Clock = monotonicClock) {
    this.#startedAt = clock.now();
  }

  add(bytes: number): void {
    this.#advance();
    this.#slots[this.#second % this.#slots.length]! += bytes;
  }

  /** Bytes per second in each of the last 60 whole seconds, oldest first; shorter when it has not run that long. */
  get samples(): number[] {
    this.#advance();
    const count = Math.min(SECONDS, this.#second);
    return Array.from({ length: count }, (_, i) => this.#slots[(this.#second - count + i) % this.#slots.length]!);
  }

  #advance(): void {
    const now = Math.floor((this.clock.now() - this.#startedAt) / 1_000);
    const from = Math.max(this.#second + 1, now - SECONDS);
    for (let second = from; second <= now; second++) this.#slots[second % this.#slots.length] = 0;
    this.#second = now;
  }
}
