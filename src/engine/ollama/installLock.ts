/**
 * One install at a time: Ollama drops layers that no manifest names yet when another model is deleted meanwhile.
 * Of 150 installs, ten at a time, 15 to 20 ended without their adapter.
 */
export class InstallLock {
  #last: Promise<void> = Promise.resolve();

  /** Runs `task` after all earlier ones have ended. An abort while waiting gives up the place. */
  async run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const turn = this.#last;
    let leave: () => void = () => undefined;
    this.#last = new Promise((resolve) => {
      leave = () => void turn.then(resolve);
    });
    try {
      await unlessAborted(turn, signal);
      return await task();
    } finally {
      leave();
    }
  }
}

async function unlessAborted(turn: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  if (!signal) return turn;
  let stop: () => void = () => undefined;
  const aborted = new Promise<void>((resolve) => {
    stop = resolve;
    signal.addEventListener('abort', stop, { once: true });
  });
  await Promise.race([turn, aborted]);
  signal.removeEventListener('abort', stop);
  signal.throwIfAborted();
}
