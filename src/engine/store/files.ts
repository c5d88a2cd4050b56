import { constants, fstatSync, lstatSync, readFileSync, writeFileSync, type Stats } from 'node:fs';
import { lstat, mkdir, open, readFile, rm, type FileHandle } from 'node:fs/promises';
import { LoraSwarmError, storageError } from '../errors';

// File primitives of the store. Nothing here follows a link: the names are ours, so a link was planted by somebody.
// Windows has no O_NOFOLLOW; there the check before the opening is all.

const NO_FOLLOW = (constants as Partial<typeof constants>).O_NOFOLLOW ?? 0;

const CREATE_FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | NO_FOLLOW;
/** Read at once. */
const TINY_BYTES = 65_536;

/**
 * Makes a folder for its owner only, with what leads to it.
 *
 * @returns whether it was not there. @throws {LoraSwarmError} `STORE_FAILED` when it is a link.
 */
export async function makeFolder(path: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const stat = await statOf(path);
    if (stat) {
      checkFolder(stat, path);
      return false;
    }
    // Not at once: whatever fails in there, Node says of it that a folder is missing.
    if (!isMissing(error)) throw error;
    await mkdir(path, { recursive: true, mode: 0o700 });
  }
  return true;
}

/** @throws {LoraSwarmError} `STORE_FAILED` when it is a link or a file. */
export function checkFolder(stat: Stats, path: string): void {
  if (!stat.isDirectory()) throw notOurs(path);
}

/** Never follows a link. `undefined` when there is nothing. */
export async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Opens a file that exists. @throws {LoraSwarmError} `STORE_FAILED` when it is a link, a folder or a device. */
export async function openFile(path: string, access: 'read' | 'write'): Promise<FileHandle> {
  const stat = await lstat(path);
  if (!stat.isFile()) throw notOurs(path);
  const handle = await open(path, (access === 'read' ? constants.O_RDONLY : constants.O_RDWR) | NO_FOLLOW);
  try {
    const opened = fstatSync(handle.fd); // Of a file that is open: it waits for nothing.
    if (!opened.isFile() || opened.ino !== stat.ino) throw notOurs(path);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Opens a file that does not exist yet, for its owner only. */
export function createFile(path: string): Promise<FileHandle> {
  return open(path, CREATE_FLAGS, 0o600);
}

/** Writes a new file and syncs it. */
export async function writeNewFile(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await createFile(path);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a small new file at once. The caller syncs it later, by `syncFile`. */
export function putNewFile(path: string, bytes: Uint8Array): void {
  writeFileSync(path, bytes, { flag: CREATE_FLAGS as unknown as string, mode: 0o600 }); // Node takes both.
}

/** Makes what a file holds survive a power cut. */
export async function syncFile(path: string): Promise<void> {
  const handle = await openFile(path, 'write');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** As `statOf`, of what lies in a folder of ours: it is told at once, and a turn of another thread costs ten times as much. */
export function statOfOurs(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** Reads a small file of ours whole. `undefined` when there is none, or it is over the limit. */
export async function readSmallFile(path: string, limit: number): Promise<Buffer | undefined> {
  const stat = statOfOurs(path);
  if (!stat) return undefined;
  if (!stat.isFile()) throw notOurs(path);
  if (stat.size > limit) return undefined;
  const flag = constants.O_RDONLY | NO_FOLLOW;
  // Node takes numbers of flags there too; its types do not know.
  if (stat.size <= TINY_BYTES) return readFileSync(path, { flag: flag as unknown as string });
  return await readFile(path, { flag });
}

/** Memory for a reading: a part of what there is when that is long enough. */
export function memoryFor(length: number, there?: Buffer): Buffer {
  return there && there.byteLength >= length ? there.subarray(0, length) : Buffer.allocUnsafeSlow(length);
}

/** Fills memory from a place in a file. @returns how much there was, which is less where the file ends before. */
export async function readInto(handle: FileHandle, bytes: Uint8Array, offset: number): Promise<number> {
  let done = 0;
  while (done < bytes.byteLength) {
    const { bytesRead } = await handle.read(bytes, done, bytes.byteLength - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** Makes names in a folder survive a power cut. Windows can't and need not: its renames are journalled. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Removes a folder with all in it, or a link in its place but not what the link leads to. */
export async function removeFolder(path: string): Promise<void> {
  // Windows refuses for a moment while a virus scanner has a file open.
  await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

/** As `storageError`, and says it when somebody took away what is ours. */
export function storeError(error: unknown, path: string): unknown {
  if (!isMissing(error)) return storageError(error, path);
  return new LoraSwarmError(
    'STORE_FAILED',
    `${path} was moved or removed by somebody. Try again: what is missing is fetched anew.`,
    { kind: 'retry' },
    { cause: error },
  );
}

function notOurs(path: string): LoraSwarmError {
  return new LoraSwarmError(
    'STORE_FAILED',
    `${path} is not what LoRA Swarm made: a link, or another kind of file. Remove it, then try again.`,
  );
}
