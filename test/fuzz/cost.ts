import { collectAll } from './collect';

/** How often what costs too much is tried again before it counts. */
const TRIES = 6;

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
