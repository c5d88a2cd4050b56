import type { Clock } from '../../src/engine/transfer/clock';

/** Time that passes when a test says so. */
export class VirtualClock implements Clock {
  #now = 0;
  #timers: { readonly at: number; readonly call: () => void }[] = [];
  /** How often a timer ran. */
  wakes = 0;

  now(): number {
    return this.#now;
  }

  after(ms: number, call: () => void): { dispose(): void } {
    const timer = { at: this.#now + ms, call };
    this.#timers.push(timer);
    return { dispose: () => void (this.#timers = this.#timers.filter((other) => other !== timer)) };
  }

  get isIdle(): boolean {
    return this.#timers.length === 0;
  }

  /** Runs what comes due, in order, with the promises that it settles. */
  async advance(ms: number): Promise<void> {
    await settled(); // What was started before may set timers yet.
    const end = this.#now + ms;
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      this.wakes++;
      next.call();
      await settled();
    }
    this.#now = end;
    await settled();
  }
}

async function settled(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
