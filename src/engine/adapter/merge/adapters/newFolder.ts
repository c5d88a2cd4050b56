import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LoraSwarmError, storageError } from '../../../errors';

/**
 * Makes a folder that stands there whole or not at all: written beside it, then renamed. It may be there before, empty.
 *
 * @throws {LoraSwarmError} `USAGE` when something is in it, `STORE_FULL`, `STORE_READ_ONLY`, and what `write` throws.
 */
export async function newFolder<T>(path: string, write: (partPath: string) => Promise<T>): Promise<T> {
  await requireEmpty(path);
  const partPath = `${path}.${randomBytes(6).toString('hex')}.part`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await mkdir(partPath);
    const result = await write(partPath);
    await rmdir(path).catch(ifAway); // Windows renames over nothing, not even over an empty folder.
    await rename(partPath, path);
    return result;
  } catch (error) {
    await rm(partPath, { recursive: true, force: true });
    throw storageError(error, path);
  }
}

/** Writes a small file and waits until it lasts. */
export async function writeSynced(path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function requireEmpty(path: string): Promise<void> {
  const found = await readdir(path).catch((error: unknown) => {
    if (hasErrno(error, 'ENOENT')) return [];
    if (hasErrno(error, 'ENOTDIR')) return ['a file'];
    throw storageError(error, path);
  });
  if (found.length > 0) throw new LoraSwarmError('USAGE', `${path} is not empty. Choose a new folder.`);
}

function ifAway(error: unknown): void {
  if (!hasErrno(error, 'ENOENT')) throw error;
}

function hasErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
