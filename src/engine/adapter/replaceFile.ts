import { randomBytes } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { storageError } from '../errors';

/** Writes a file so that its final name never stands for half of it: beside it, synced, then renamed over it. */
export async function replaceFile<T>(
  path: string,
  write: (handle: FileHandle, partPath: string) => Promise<T>,
): Promise<T> {
  const partPath = `${path}.${randomBytes(6).toString('hex')}.part`;
  try {
    const handle = await open(partPath, 'wx+');
    let result: T;
    try {
      result = await write(handle, partPath);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partPath, path);
    await syncFolder(dirname(path));
    return result;
  } catch (error) {
    await rm(partPath, { force: true });
    throw storageError(error, path);
  }
}

/** Makes the rename last through a power cut. Windows has no such call for folders, and does it by itself. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
