import { setImmediate as nextTurn } from 'node:timers/promises';

/** With what one step takes beyond it, well below what a transfer or a click beside it may be kept waiting. */
const SLICE_MS = 6;

/**
 * Lets everything else on this thread have its turn during long computing.
 *
 * `if (pauses.isDue()) await pauses.take();` stands in each loop whose body takes less than a few milliseconds.
 */
export class Pauses {
  #since = performance.now();

  constructor(private readonly signal?: AbortSignal) {}

  isDue(): boolean {
    return performance.now() - this.#since >= SLICE_MS;
  }

  /** @throws `AbortError` when the user gave up. */
  async take(): Promise<void> {
    this.signal?.throwIfAborted();
    await nextTurn();
    this.signal?.throwIfAborted();
    this.#since = performance.now();
  }
}
