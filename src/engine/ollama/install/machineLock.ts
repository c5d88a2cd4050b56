import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { hasCode } from '../../errors';
import { Database } from '../../store/sqlite';

/** How often somebody who waits for another process looks again. SQLite can't wait without holding the thread. */
const LOOK_MS = 100;

/** One file for each Ollama, in a folder of this user. `undefined` where there is no such folder to trust. */
export function lockFileFor(url: string, temporary = os.tmpdir()): string | undefined {
  const folder = path.join(temporary, `lora-swarm-${os.userInfo().uid}`);
  try {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const stat = fs.lstatSync(folder);
    // The temporary folder belongs to everybody on some systems: somebody else may have been there first.
    const isOurs = process.platform === 'win32' || (stat.uid === os.userInfo().uid && (stat.mode & 0o077) === 0);
    if (!stat.isDirectory() || !isOurs) return undefined;
  } catch {
    return undefined;
  }
  const name = createHash('sha256').update(comparable(url)).digest('hex').slice(0, 16);
  return path.join(folder, `ollama-${name}.lock`);
}

/**
 * Waits for a lock that one process of this machine holds at a time, and gives what ends it. The kernel holds it, so it ends with
 * the process, however that ends. Same technique as the leader's lock: an exclusive SQLite transaction that never commits.
 *
 * @returns what gives it up. Whoever has the lock has to keep that: once collected, it is given up, too.
 * @throws what opening the file throws, and the signal's reason. Never because somebody else holds it.
 */
export async function takeMachineLock(file: string, signal?: AbortSignal): Promise<() => void> {
  for (;;) {
    signal?.throwIfAborted();
    const release = tryLock(file);
    if (release) return release;
    await delay(LOOK_MS, undefined, signal ? { signal } : {});
  }
}

function tryLock(file: string): (() => void) | undefined {
  const lock = new Database(file);
  try {
    lock.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return () => lock.close();
  } catch (error) {
    lock.close();
    if (hasCode(error, 'STORE_FAILED') && error.action?.kind === 'retry') return undefined; // In use.
    throw error;
  }
}

/** All names of this machine are one Ollama, if the port is the same. */
function comparable(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  const host = /^(localhost|\[::1\]|127(\.\d{1,3}){3})$/.test(hostname) ? 'here' : hostname;
  return `${host}:${port === '' ? (protocol === 'https:' ? '443' : '80') : port}`;
}
