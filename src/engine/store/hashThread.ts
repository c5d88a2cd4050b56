import { closeSync, openSync, readSync } from 'node:fs';
import { createHash, type Hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import type { HashAnswer, HashOrder } from './followingHash';

// The entry of the thread that hashes whole files behind those who write them, bundled as dist/hashThread.js.

const READ_BYTES = 1024 ** 2;
/** Then others have their turn, and an order to stop is heard. */
const TURN_BYTES = 2 * READ_BYTES;

interface Followed {
  readonly fd: number;
  readonly hash: Hash;
  at: number;
  upTo: number;
  isLast: boolean;
}

const port = parentPort!;
const files = new Map<number, Followed>();
const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
let isBusy = false;

port.on('message', (order: HashOrder) => {
  if (order.type === 'close') {
    end(order.file);
    answer({ file: order.file, type: 'closed' });
    return;
  }
  try {
    take(order);
    work();
  } catch (error) {
    fail(order.file, error);
  }
});

function take(order: Exclude<HashOrder, { type: 'close' }>): void {
  if (order.type === 'open') {
    const fd = openSync(order.path, 'r');
    files.set(order.file, { fd, hash: createHash('sha256'), at: 0, upTo: 0, isLast: false });
    return;
  }
  const followed = files.get(order.file);
  if (!followed) return; // It failed before, and that was said.
  followed.upTo = order.upTo;
  followed.isLast = order.isLast;
}

function work(): void {
  if (isBusy) return;
  isBusy = true;
  setImmediate(() => {
    isBusy = false;
    let isMore = false;
    for (const [file, followed] of [...files]) {
      try {
        isMore = turn(file, followed) || isMore;
      } catch (error) {
        fail(file, error);
      }
    }
    if (isMore) work();
  });
}

/** @returns whether something is left to read. */
function turn(file: number, followed: Followed): boolean {
  const stop = Math.min(followed.upTo, followed.at + TURN_BYTES);
  while (followed.at < stop) {
    const size = readSync(followed.fd, buffer, 0, Math.min(READ_BYTES, stop - followed.at), followed.at);
    if (size === 0) throw new RangeError(`the file ends at ${followed.at}`);
    followed.hash.update(buffer.subarray(0, size));
    followed.at += size;
  }
  if (followed.at < followed.upTo) return true;
  if (!followed.isLast) return false;
  const digest = followed.hash.digest();
  end(file);
  answer({ file, type: 'digest', digest });
  return false;
}

function fail(file: number, error: unknown): void {
  end(file);
  answer({ file, type: 'failed', reason: String(error) });
}

function end(file: number): void {
  const followed = files.get(file);
  files.delete(file);
  if (followed) closeSync(followed.fd);
}

function answer(message: HashAnswer): void {
  port.postMessage(message);
}
