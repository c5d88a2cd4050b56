import type { Disposable } from '../engine/lifecycle';

/** Hands on the newest value at most once per interval: the first at once, the last one always. */
export class LatestValue<T> implements Disposable {
  #waiting: { readonly value: T } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly intervalMs: number,
    private readonly handOn: (value: T) => void,
  ) {}

  offer(value: T): void {
    this.#waiting = { value };
    if (!this.#timer) this.flush();
  }

  /** Hands on what waits, without waiting for its turn. */
  flush(): void {
    const waiting = this.#waiting;
    if (!waiting) return;

    this.#waiting = undefined;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.flush();
    }, this.intervalMs);
    this.handOn(waiting.value);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = undefined;
  }
}

/** Waits, or less long when the signal fires. Never rejects: the caller looks at its signal. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}

/** The answer, or undefined when it takes longer. The work itself goes on. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, ms, undefined)));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
