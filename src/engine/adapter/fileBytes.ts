import { open, type FileHandle } from 'node:fs/promises';
import { LoraSwarmError } from '../errors';

/** Opens a regular file for reading. The caller closes it. */
export async function openForReading(path: string): Promise<{ readonly handle: FileHandle; readonly size: number }> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw notReadable(path, error);
  });
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw unreadable(path, 'it is not a file');
    return { handle, size: stats.size };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Reads exactly `length` bytes. A file that became shorter meanwhile is an error, not a short answer. */
export async function readExactly(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  await readInto(handle, position, bytes);
  return bytes;
}

/** Fills `bytes` from a file, all of them. */
export async function readInto(handle: FileHandle, position: number, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesRead } = await handle.read(bytes, done, bytes.length - done, position + done);
    if (bytesRead === 0) {
      throw new LoraSwarmError('ADAPTER_UNREADABLE', 'The file became shorter while it was read. Try again.');
    }
    done += bytesRead;
  }
}

/** Writes all of `parts`, one after another. `write` alone may write less than it was given. */
export async function writeFully(handle: FileHandle, position: number, ...parts: readonly Uint8Array[]): Promise<void> {
  for (const part of parts) {
    for (let done = 0; done < part.length;) {
      const { bytesWritten } = await handle.write(part, done, part.length - done, position);
      done += bytesWritten;
      position += bytesWritten;
    }
  }
}

/** A weights file that cannot be what it says. `reason` is a clause: "it is cut off". */
export function unreadable(path: string, reason: string, cause?: unknown): LoraSwarmError {
  const message = `${path} cannot be read: ${reason}. Save or download it again.`;
  return new LoraSwarmError('ADAPTER_UNREADABLE', message, undefined, { cause });
}

function notReadable(path: string, cause: unknown): LoraSwarmError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new LoraSwarmError('ADAPTER_NOT_FOUND', `${path} does not exist.`, undefined, { cause });
  }
  return new LoraSwarmError('ADAPTER_UNREADABLE', `${path} cannot be opened (${code}).`, undefined, { cause });
}
