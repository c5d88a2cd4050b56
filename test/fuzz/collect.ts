import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

/** Buffers are given back some time after their objects were collected. */
const ROUNDS = 5;
const ROUND_MS = 2;

/** Bytes that are in use, of the heap and of buffers, whenever the collector came by last. */
export async function usedBytes(): Promise<number> {
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    await collectAll();
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
  }
  return least;
}

/** Has everything collected that is in use no more. */
export async function collectAll(): Promise<void> {
  if (!collect) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
  await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
}
