import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { LoraSwarmError, storageError } from '../errors';
import { CHUNK_BYTES, GROUP_CHUNKS, MAX_PACKAGE_BYTES, MAX_TEXT_BYTES } from '../limits';
import {
  FILE_ROLES,
  buildManifest,
  chunkCount,
  groupCount,
  hashChunk,
  hashGroup,
  type FileRole,
  type Manifest,
  type ManifestFile,
} from './manifest';
import { QuickSums } from './quickSums';

/** 1 MiB: large enough that reading costs nothing beside hashing, small enough that memory stays flat. */
const READ_BYTES = 16 * CHUNK_BYTES;

export interface HashOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (bytesDone: number, bytesTotal: number) => void;
}

export interface HashedFile {
  readonly file: ManifestFile;
  /** 32 bytes for each chunk of this file. */
  readonly chunkHashes: Uint8Array;
  readonly quickSums: QuickSums;
}

/** One file of a package to be: a path, or bytes already in memory. */
export interface PackageSource {
  readonly role: FileRole;
  readonly source: string | Uint8Array;
}

export interface HashedPackage {
  readonly manifest: Manifest;
  /** 32 bytes for each chunk of the package, in the order of `ChunkMap`. */
  readonly chunkHashes: Uint8Array;
  /** Of all chunks in the same order, to see later that a file is still the one that was hashed. */
  readonly quickSums: QuickSums;
}

/** Hashes the files of a package, each read once, and builds its manifest. @throws as `hashFile` does. */
export async function hashPackage(
  files: readonly PackageSource[],
  { signal, onProgress }: HashOptions = {},
): Promise<HashedPackage> {
  const sorted = [...files].sort((a, b) => a.role - b.role);
  const hashed: HashedFile[] = [];
  let done = 0;
  for (const { role, source } of sorted) {
    const before = done;
    const one = await hashFile(source, role, {
      ...(signal && { signal }),
      // Weights come first and are nearly all of it, so the total may grow by the small files behind them.
      ...(onProgress && { onProgress: (bytes, total) => onProgress(before + bytes, before + total) }),
    });
    done += one.file.size;
    hashed.push(one);
  }
  return {
    manifest: buildManifest(hashed.map(({ file }) => file)),
    chunkHashes: Buffer.concat(hashed.map(({ chunkHashes }) => chunkHashes)),
    quickSums: QuickSums.joined(hashed.map(({ quickSums }) => quickSums)),
  };
}

/**
 * Reads a file once and gives its line of the manifest and the hash of every chunk.
 *
 * @throws {LoraSwarmError} `SOURCE_CHANGED` when it changes while it is read, `ADAPTER_NOT_FOUND`, `ADAPTER_UNREADABLE`
 * for an empty file or none at all, `ADAPTER_TOO_LARGE` over the limit of its role. `AbortError` when `signal` says so.
 */
export async function hashFile(
  source: string | Uint8Array,
  role: FileRole,
  { signal, onProgress }: HashOptions = {},
): Promise<HashedFile> {
  signal?.throwIfAborted();
  const reader = typeof source === 'string' ? await openFile(source) : readerOf(source);
  try {
    checkSize(reader, role);
    const whole = createHash('sha256');
    const chunkHashes = Buffer.alloc(chunkCount(reader.size) * 32);
    const quickSums = new QuickSums(chunkCount(reader.size));
    const buffer = Buffer.alloc(Math.min(READ_BYTES, reader.size));
    for (let at = 0; at < reader.size;) {
      const wanted = Math.min(buffer.byteLength, reader.size - at);
      await reader.fill(buffer.subarray(0, wanted), at);
      signal?.throwIfAborted();
      for (let from = 0; from < wanted; from += CHUNK_BYTES) {
        const chunk = buffer.subarray(from, Math.min(from + CHUNK_BYTES, wanted));
        hashChunk(chunk).copy(chunkHashes, ((at + from) / CHUNK_BYTES) * 32);
      }
      quickSums.remember(at / CHUNK_BYTES, buffer.subarray(0, wanted));
      whole.update(buffer.subarray(0, wanted));
      at += wanted;
      onProgress?.(at, reader.size);
    }
    await reader.checkUnchanged();
    const groups = Array.from({ length: groupCount(reader.size) }, (_, g) =>
      hashGroup(chunkHashes.subarray(g * GROUP_CHUNKS * 32, (g + 1) * GROUP_CHUNKS * 32)),
    );
    return { file: { role, size: reader.size, sha256: whole.digest(), groups }, chunkHashes, quickSums };
  } finally {
    await reader.close();
  }
}

interface Reader {
  readonly name: string;
  readonly size: number;
  fill(target: Buffer, at: number): Promise<void>;
  checkUnchanged(): Promise<void>;
  close(): Promise<void>;
}

function readerOf(bytes: Uint8Array): Reader {
  return {
    name: 'This file',
    size: bytes.byteLength,
    fill: (target, at) => {
      target.set(bytes.subarray(at, at + target.byteLength));
      return Promise.resolve();
    },
    checkUnchanged: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

async function openFile(path: string): Promise<Reader> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'r');
    const before = await handle.stat();
    if (!before.isFile()) throw new LoraSwarmError('ADAPTER_UNREADABLE', `${path} is not a file.`);
    const file = handle;
    return {
      name: path,
      size: before.size,
      async fill(target, at) {
        for (let done = 0; done < target.byteLength;) {
          const { bytesRead } = await file
            .read(target, done, target.byteLength - done, at + done)
            .catch((error: unknown) => Promise.reject(readError(error, path) as Error));
          if (bytesRead === 0) throw sourceChanged(path);
          done += bytesRead;
        }
      },
      async checkUnchanged() {
        const after = await file.stat();
        if (after.size !== before.size || after.mtimeMs !== before.mtimeMs) throw sourceChanged(path);
      },
      close: () => file.close(),
    };
  } catch (error) {
    await handle?.close();
    throw readError(error, path);
  }
}

function checkSize({ name, size }: Reader, role: FileRole): void {
  if (size === 0) throw new LoraSwarmError('ADAPTER_UNREADABLE', `${name} is empty.`);
  const limit = FILE_ROLES[role].format === undefined ? MAX_TEXT_BYTES : MAX_PACKAGE_BYTES;
  if (size > limit)
    throw new LoraSwarmError('ADAPTER_TOO_LARGE', `${name} has ${size} bytes. At most ${limit} can be shared.`);
}

function readError(error: unknown, path: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new LoraSwarmError('ADAPTER_NOT_FOUND', `There is no file ${path}.`, undefined, { cause: error });
  if (code === 'EACCES' || code === 'EPERM')
    return new LoraSwarmError(
      'ADAPTER_UNREADABLE',
      `${path} may not be read by you. Check its permissions.`,
      undefined,
      {
        cause: error,
      },
    );
  return storageError(error, path);
}

function sourceChanged(path: string): LoraSwarmError {
  return new LoraSwarmError(
    'SOURCE_CHANGED',
    `${path} changed while it was read. Wait until nothing writes to it, then share it again.`,
  );
}
