import { createHash, subtle } from 'node:crypto';
import { fdatasyncSync, fstatSync } from 'node:fs';
import { readdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { FILE_ROLES, type Manifest } from '../release/manifest';
import { createFile, makeFolder, openFile, readInto, removeFolder, statOfOurs, syncFile, syncFolder } from './files';
import { putPackageFacts, readPackageFacts, type PackageFacts } from './packageFiles';
import { CHUNKS_NAME, MANIFEST_NAME, RELEASE_NAME } from './paths';

const READ_BYTES = 1024 ** 2;
/** Read whole to be hashed. */
const SMALL_BYTES = 4 * READ_BYTES;

interface OpenedFiles {
  readonly manifest: Manifest;
  readonly contents: readonly FileHandle[];
  readonly hashList: FileHandle;
  readonly isNew: boolean;
  /** Files that were made anew and are not synced. */
  readonly written: readonly string[];
}

/** The open files of one unfinished package: its contents, and the hashes of its chunks. Knows nothing of chunks. */
export class PartialFiles {
  private readonly manifest: Manifest;
  private readonly contents: readonly FileHandle[];
  private readonly hashList: FileHandle;
  /** Whether nothing of the contents was there when they were opened. */
  readonly isNew: boolean;
  /** Files whose names and contents a power cut may take; undefined when all are safe. The first chunk does not wait for that. */
  #unsynced: readonly string[] | undefined;

  private constructor(
    readonly folder: string,
    parts: OpenedFiles,
  ) {
    this.manifest = parts.manifest;
    this.contents = parts.contents;
    this.hashList = parts.hashList;
    this.isNew = parts.isNew;
    this.#unsynced = parts.written;
  }

  /** Makes what is missing, cuts what is too long, and refuses links in any place. */
  static async open(folder: string, facts: PackageFacts): Promise<PartialFiles> {
    const { manifest } = facts;
    const isMade = await makeFolder(folder);
    const written = isMade ? putPackageFacts(folder, facts) : await keepFacts(folder, facts);
    const names = [...manifest.files.map(({ role }) => FILE_ROLES[role].name), CHUNKS_NAME];
    const sizes = [...manifest.files.map(({ size }) => size), Infinity];
    const opened = await Promise.allSettled(names.map((name, file) => openUpTo(join(folder, name), sizes[file]!)));
    const handles = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const failed = opened.find((each) => each.status === 'rejected');
    if (failed) {
      for (const handle of handles) await handle.close();
      throw failed.reason;
    }
    const contents = handles.slice(0, -1);
    return new PartialFiles(folder, {
      manifest,
      isNew: contents.every(({ fd }) => fstatSync(fd).size === 0),
      contents,
      hashList: handles.at(-1)!,
      written,
    });
  }

  /** Descriptor of the list of chunk hashes. */
  get hashes(): number {
    return this.hashList.fd;
  }

  pathOf(index: number): string {
    return join(this.folder, FILE_ROLES[this.manifest.files[index]!.role].name);
  }

  /** Descriptor of a file of the manifest. */
  file(index: number): number {
    return this.contents[index]!.fd;
  }

  /** Makes all that was written survive a power cut. */
  async sync(): Promise<void> {
    await this.#syncAll((handle) => handle.datasync());
    if (!this.#unsynced) return;
    await syncFolder(this.folder);
    this.#unsynced = undefined;
  }

  /** As `sync`, and everything else waits for it. What the folder says of itself is left to the next `sync`. */
  syncChunksNow(): void {
    for (const { fd } of this.#handles) fdatasyncSync(fd);
  }

  /** @param isShortFine gives less where the file ends before; otherwise that is an error. */
  read(file: number, offset: number, length: number, { isShortFine = false } = {}): Promise<Buffer> {
    return readAt(this.contents[file]!, offset, length, isShortFine);
  }

  /** Fills `bytes` from a place in a file. @throws {RangeError} when it is too short. */
  async fill(file: number, bytes: Uint8Array, offset: number): Promise<void> {
    const done = await readInto(this.contents[file]!, bytes, offset);
    if (done < bytes.byteLength) throw new RangeError(`file ends at ${offset + done}`);
  }

  readHashes(limit: number): Promise<Buffer> {
    return readAt(this.hashList, 0, limit, true);
  }

  /** SHA-256 of a whole file as it is on disk. */
  async hash(index: number, signal?: AbortSignal): Promise<Buffer> {
    const { size } = this.manifest.files[index]!;
    if (size <= SMALL_BYTES) return await this.#hashSmall(index, size);
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, size)); // One for all: new ones would pile up until they are collected.
    for (let at = 0; at < size;) {
      signal?.throwIfAborted();
      const { bytesRead } = await this.contents[index]!.read(buffer, 0, Math.min(buffer.byteLength, size - at), at);
      if (bytesRead === 0) break; // Shorter than it should be, which its hash shows.
      hash.update(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
    return hash.digest();
  }

  /** In a thread of the system's pool, so that the next adapter of many does not wait for this one. */
  async #hashSmall(index: number, size: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(size);
    const done = await readInto(this.contents[index]!, bytes, 0);
    return Buffer.from(await subtle.digest('SHA-256', bytes.subarray(0, done)));
  }

  /** Makes the folder what it is to be in the library: synced, and with nothing in it that is not ours. */
  async seal(): Promise<void> {
    await this.#syncAll((handle) => handle.sync());
    const ours = new Set<string>([MANIFEST_NAME, RELEASE_NAME, CHUNKS_NAME]);
    for (const { role } of this.manifest.files) ours.add(FILE_ROLES[role].name);
    for (const name of await readdir(this.folder)) if (!ours.has(name)) await removeFolder(join(this.folder, name));
    await syncFolder(this.folder);
  }

  async close(): Promise<void> {
    await Promise.all(this.#handles.map((handle) => handle.close()));
  }

  /** All at once: the disk puts them into one commit. */
  async #syncAll(sync: (handle: FileHandle) => Promise<void>): Promise<void> {
    await Promise.all([...(this.#unsynced ?? []).map((path) => syncFile(path)), ...this.#handles.map(sync)]);
  }

  get #handles(): readonly FileHandle[] {
    return [...this.contents, this.hashList];
  }
}

/** A manifest or release that a crash or the disk damaged is written again. */
async function keepFacts(folder: string, facts: PackageFacts): Promise<readonly string[]> {
  const { manifest, release } = facts;
  const there = await readPackageFacts(folder, manifest.id);
  if (there && (!release || there.release)) return [];
  for (const name of [MANIFEST_NAME, RELEASE_NAME]) await removeFolder(join(folder, name));
  return putPackageFacts(folder, { manifest, release: release ?? there?.release });
}

async function openUpTo(path: string, size: number): Promise<FileHandle> {
  if (!statOfOurs(path)) return await createFile(path);
  const handle = await openFile(path, 'write');
  try {
    if (fstatSync(handle.fd).size > size) await handle.truncate(size);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

export async function readAt(handle: FileHandle, offset: number, length: number, isShortFine = false): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  const done = await readInto(handle, bytes, offset);
  if (done < length && !isShortFine) throw new RangeError(`file ends at ${offset + done}`);
  return done < length ? bytes.subarray(0, done) : bytes;
}
