import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

/** Buffers are given back some time after their objects were collected. */
const ROUNDS = 5;

/** Bytes that are in use, of the heap and of buffers. */
export async function usedBytes(): Promise<number> {
  if (!collect) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 2));
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
  }
  return least;
}
