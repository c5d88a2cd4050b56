import { fstatSync, type Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { openFile, readInto } from './files';

/** Sharing 1,000 adapters must not hold 1,000 descriptors; macOS starts with 256 for everything. */
const MAX_HANDLES = 32;

interface Entry {
  readonly handle: Promise<FileHandle>;
  readonly ino: number;
  readers: number;
  isStale: boolean;
}

/** Files that are read again and again, kept open while they are the ones last used. */
export class HandleCache {
  readonly #entries = new Map<string, Entry>(); // In order of use, oldest first.
  #closings = new Set<Promise<void>>();

  /**
   * Fills `bytes` from a place in the file.
   *
   * @param stat of the path a moment ago: another file in its place is opened anew.
   * @returns what the open file says of itself now. @throws {RangeError} when it is too short.
   */
  async read(path: string, stat: Stats, bytes: Uint8Array, offset: number): Promise<Stats> {
    let entry = this.#entries.get(path);
    if (entry && entry.ino !== stat.ino) {
      this.#drop(path, entry);
      entry = undefined;
    }
    entry ??= { handle: openFile(path, 'read'), ino: stat.ino, readers: 0, isStale: false };
    this.#entries.delete(path);
    this.#entries.set(path, entry);
    entry.readers++;
    this.#trim();
    try {
      const handle = await entry.handle;
      const done = await readInto(handle, bytes, offset);
      if (done < bytes.byteLength) throw new RangeError(`file ends at ${offset + done}`);
      return fstatSync(handle.fd); // Of a file that is open: it waits for nothing, and costs less than a turn of another thread.
    } catch (error) {
      this.#drop(path, entry);
      throw error;
    } finally {
      entry.readers--;
      this.#closeIfDone(entry);
    }
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Lets go of every file below a folder, so that it can be moved on Windows too. */
  async closeBelow(folder: string): Promise<void> {
    for (const [path, entry] of [...this.#entries]) if (path.startsWith(folder)) this.#drop(path, entry);
    await Promise.all(this.#closings);
  }

  async close(): Promise<void> {
    await this.closeBelow('');
  }

  #trim(): void {
    for (const [path, entry] of this.#entries) {
      if (this.#entries.size <= MAX_HANDLES) return;
      this.#drop(path, entry);
    }
  }

  #drop(path: string, entry: Entry): void {
    if (this.#entries.get(path) === entry) this.#entries.delete(path);
    entry.isStale = true;
    this.#closeIfDone(entry);
  }

  #closeIfDone(entry: Entry): void {
    if (!entry.isStale || entry.readers > 0) return;
    const closing = entry.handle
      .then((handle) => handle.close())
      .catch(() => undefined) // It never opened, or was closed before.
      .finally(() => this.#closings.delete(closing));
    this.#closings.add(closing);
  }
}
