import { performance } from 'node:perf_hooks';
import { MESSAGES_AT_ONCE, MESSAGES_PER_SECOND } from '../limits';

/** A budget of messages per second; what is useful work gives some back. */
export class MessageBudget {
  #left: number;
  #filledAt: number;

  /** @param now a clock that only goes forward, in milliseconds. */
  constructor(
    private readonly perSecond = MESSAGES_PER_SECOND,
    private readonly burst = MESSAGES_AT_ONCE,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#left = burst;
    this.#filledAt = now();
  }

  /** @returns false when there were too many. */
  spend(count = 1): boolean {
    const now = this.now();
    this.#left = Math.min(this.burst, this.#left + ((now - this.#filledAt) / 1_000) * this.perSecond);
    this.#filledAt = now;
    if (this.#left < count) return false;
    this.#left -= count;
    return true;
  }

  giveBack(count = 1): void {
    this.#left = Math.min(this.burst, this.#left + count);
  }
}
