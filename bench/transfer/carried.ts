import { once } from 'node:events';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { pipeline } from 'node:stream/promises';
import type { LoopDelay, Usage } from '../peers/usage';

/** How one run went. What there was not, or was not measured, is absent. */
export interface Carried {
  readonly ms: number;
  readonly firstByteMs?: number | undefined;
  readonly giving?: EndUsage;
  readonly taking?: EndUsage;
  /** Of the process of the benchmark, which does next to nothing meanwhile: what the machine does to everybody. */
  readonly idle?: Usage;
  /** Bytes that who took has on the disk in the end. */
  readonly diskBytes?: number;
  /** The file that arrived. */
  readonly file?: string;
  /** What it came over, where that was told. */
  readonly path?: string | undefined;
}

/** Of an engine, also of its own thread. */
export type EndUsage = Usage & { readonly engine?: LoopDelay };

/**
 * Looked at from here, so that who takes does no more than it does for a user.
 *
 * @returns when the first byte was in the file, by the clock of this process; undefined when the signal came first.
 */
export async function whenFileGrows(file: string, signal: AbortSignal): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const timer = setInterval(() => {
    if ((fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0) resolve(performance.now());
  }, 1);
  if (!signal.aborted) void once(signal, 'abort').then(() => resolve(undefined));
  return await promise.finally(() => clearInterval(timer));
}

/** What a folder takes on the disk. Windows does not tell, so sizes are counted there. */
export function diskBytesOf(folder: string): number {
  return filesOf(folder)
    .map((file) => fs.statSync(file))
    .reduce((sum, { blocks, size }) => sum + (process.platform === 'win32' ? size : blocks * 512), 0);
}

/** What was just written must not go to the disk while something is measured. */
export async function syncFiles(folder: string): Promise<void> {
  for (const file of filesOf(folder)) {
    await using handle = await fs.promises.open(file, 'r+');
    await handle.sync();
  }
}

export async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(fs.createReadStream(file, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}

function filesOf(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}
