import type { Logger } from '../../log';
import { takeMachineLock } from './machineLock';

export interface MachineLockOptions {
  /** File of the lock between processes. `undefined` when there is none: then this one only queues its own. */
  readonly file: () => string | undefined;
  readonly log: Logger;
}

/**
 * One install at a time: Ollama drops layers that no manifest names yet when another model is deleted meanwhile.
 * Of 150 installs, ten at a time, 15 to 20 ended without their adapter.
 */
export class InstallLock {
  #last: Promise<void> = Promise.resolve();

  /** @param between keeps other processes of this user out, too. */
  constructor(private readonly between?: MachineLockOptions) {}

  /** Runs `task` after all earlier ones have ended. An abort while waiting gives up the place. */
  async run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const turn = this.#last;
    let leave: () => void = () => undefined;
    this.#last = new Promise((resolve) => {
      leave = () => void turn.then(resolve);
    });
    let release: () => void = () => undefined;
    try {
      await unlessAborted(turn, signal);
      release = await this.#keepOthersOut(signal);
      return await task();
    } finally {
      release();
      leave();
    }
  }

  async #keepOthersOut(signal: AbortSignal | undefined): Promise<() => void> {
    const nothing = (): void => undefined;
    const file = this.between?.file();
    if (file === undefined) return nothing;
    try {
      return await takeMachineLock(file, signal);
    } catch (error) {
      signal?.throwIfAborted();
      // Two programs that install at once is rare, and each checks what it made: no reason not to go on.
      this.between?.log.warn(`no lock between programs at ${file}: ${String(error)}`);
      return nothing;
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
