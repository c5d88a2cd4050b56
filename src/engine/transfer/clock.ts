import { performance } from 'node:perf_hooks';
import type { Disposable } from '../lifecycle';

/** Time that only goes forward, so that a changed wall clock ends no deadline. Tests bring their own. */
export interface Clock {
  /** Milliseconds since some moment. */
  now(): number;
  after(ms: number, call: () => void): Disposable;
}

export const monotonicClock: Clock = {
  now: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return { dispose: () => clearTimeout(timer) };
  },
};
