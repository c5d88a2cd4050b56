import { collectAll } from './collect';

/** How often what costs too much is tried again before it counts. */
const TRIES = 6;

/** Since when, of the processor. */
export type Started = NodeJS.CpuUsage;

export const started = (): Started => process.cpuUsage();

/** Milliseconds of a processor, on all threads of this process, since then. What others on this machine do is not among them. */
export function costSince(since: Started): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1_000;
}

/**
 * Does something, and again when it cost more than the limit, and gives the cheapest. The collector and the compiler of V8 work
 * on other threads and hit whoever comes: before it is tried again they are let finish. What really costs so much does each time.
 */
export async function cheapest<T>(maxMs: number, costOf: (done: T) => number, work: () => Promise<T>): Promise<T> {
  let best = await work();
  for (let tries = 1; tries < TRIES && costOf(best) > maxMs; tries++) {
    await collectAll();
    const done = await work();
    if (costOf(done) < costOf(best)) best = done;
  }
  return best;
}
