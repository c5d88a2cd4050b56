import type { Stats } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { storageError, type LoraSwarmError } from '../errors';
import { Bitfield } from '../release/bitfield';
import { ChunkMap } from '../release/chunkMap';
import { FILE_ROLES, hashGroup, type Manifest } from '../release/manifest';
import type { QuickSums } from '../release/quickSums';
import { checkRun, chunkRuns, firstBadChunk } from './chunkRuns';
import { isMissing, memoryFor, readSmallFile, statOf } from './files';
import { CHUNKS_NAME } from './paths';
import { sourceError } from './sharedStore';
import type { Store } from './store';

/**
 * A path is looked at again after this long. Between, the file that is open tells of itself: that it was written, cut,
 * removed or renamed shows there at once.
 */
const LOOK_MS = 250;

interface Seen {
  readonly path: string;
  readonly stat: Stats;
  readonly at: number;
}

export interface FolderSourceParts {
  readonly store: Store;
  readonly manifest: Manifest;
  readonly folder: string;
  /** The weights are the user's and lie where the store says, not in the folder. */
  readonly isShared: boolean;
}

/** A whole package: all in one folder of ours, but for weights that stay where the user has them. */
export class FolderSource {
  readonly held: Bitfield;
  readonly #map: ChunkMap;
  readonly #hashes: Buffer;
  /** Of chunks that had the right hash before. */
  readonly #quick: QuickSums;
  /** By file, as it was when its path was last looked at. */
  readonly #seen: (Seen | undefined)[] = [];

  private constructor(private readonly parts: FolderSourceParts) {
    this.#map = new ChunkMap(parts.manifest);
    this.#hashes = Buffer.alloc(this.#map.chunks * 32);
    this.#quick = parts.store.quickSums.of(this.#map);
    this.held = Bitfield.full(this.#map.chunks);
  }

  /** @throws {LoraSwarmError} `SOURCE_CHANGED` when neither the list of hashes nor the files are right. */
  static async open(parts: FolderSourceParts): Promise<FolderSource> {
    const source = new FolderSource(parts);
    await source.#loadHashes();
    return source;
  }

  hashes(group: number): Uint8Array {
    const { firstChunk, chunks } = this.#map.group(group);
    return this.#hashes.subarray(firstChunk * 32, (firstChunk + chunks) * 32);
  }

  /** Right bytes, or an error. @param into memory that is long enough; the result is a view of it. */
  async read(first: number, count: number, into?: Buffer): Promise<Buffer> {
    const runs = [...chunkRuns(this.#map, first, count)];
    const total = runs.reduce((sum, { length }) => sum + length, 0);
    const bytes = memoryFor(total, into);
    for (let at = 0, i = 0; i < runs.length; at += runs[i]!.length, i++) {
      const { file, first: start, offset, length } = runs[i]!;
      const part = bytes.subarray(at, at + length);
      await this.#readFile(file, part, offset);
      if (this.#quick.areSame(start, part)) continue;
      if (firstBadChunk(this.#hashes, start, part) !== undefined) throw this.#changed(file);
      this.#quick.remember(start, part);
    }
    return bytes;
  }

  async #readFile(file: number, bytes: Uint8Array, offset: number): Promise<void> {
    const seen = await this.#look(file);
    let stat: Stats;
    try {
      stat = await this.parts.store.handles.read(seen.path, seen.stat, bytes, offset);
    } catch (error) {
      if (error instanceof RangeError) throw this.#changed(file);
      if (isMissing(error)) await this.#lookAnew(file);
      throw storageError(error, seen.path);
    }
    if (!isAsBefore(stat, seen.stat)) await this.#lookAnew(file);
  }

  async #look(file: number): Promise<Seen> {
    const seen = this.#seen[file];
    const isFresh = seen !== undefined && performance.now() - seen.at < LOOK_MS;
    return isFresh && this.#isServed(file) ? seen : await this.#lookAnew(file);
  }

  /** @throws {LoraSwarmError} `SOURCE_CHANGED`, `SOURCE_MISSING`, or `ID_UNKNOWN` when it is shared no more. */
  async #lookAnew(file: number): Promise<Seen> {
    const at = performance.now();
    const path = await this.#pathOf(file);
    const stat = await statOf(path);
    if (!stat) throw sourceError('missing', path);
    return (this.#seen[file] = { path, stat, at });
  }

  #isUsers(file: number): boolean {
    return this.parts.isShared && file === 0;
  }

  #isServed(file: number): boolean {
    const { store, manifest } = this.parts;
    return !this.#isUsers(file) || store.shared.get(manifest.id)?.phase === 'serving';
  }

  /** Checks weights that the user may have changed before it gives their path. */
  async #pathOf(file: number): Promise<string> {
    const { store, manifest } = this.parts;
    return this.#isUsers(file) ? (await store.shared.check(manifest.id)).weightsPath : this.#ownPath(file);
  }

  #ownPath(file: number): string {
    const { manifest, folder } = this.parts;
    return join(folder, FILE_ROLES[manifest.files[file]!.role].name);
  }

  #changed(file: number): LoraSwarmError {
    const { store, manifest } = this.parts;
    return this.#isUsers(file) ? store.shared.markChanged(manifest.id) : sourceError('changed', this.#ownPath(file));
  }

  /** The list lies beside the files, 32 bytes a chunk. Where the disk damaged it, it is made anew from the files. */
  async #loadHashes(): Promise<void> {
    const saved = await readSmallFile(join(this.parts.folder, CHUNKS_NAME), this.#hashes.byteLength);
    saved?.copy(this.#hashes);
    for (let group = 0; group < this.#map.groups; group++) {
      const { hash, firstChunk, chunks, file } = this.#map.group(group);
      if (hashGroup(this.hashes(group)).equals(hash)) continue;
      await this.#rehash(firstChunk, chunks);
      if (!hashGroup(this.hashes(group)).equals(hash)) throw this.#changed(file);
    }
  }

  async #rehash(firstChunk: number, chunks: number): Promise<void> {
    for (const { file, first, offset, length } of chunkRuns(this.#map, firstChunk, chunks, 16)) {
      const bytes = Buffer.allocUnsafe(length);
      await this.#readFile(file, bytes, offset);
      checkRun(this.#hashes, first, bytes, (chunk, _isGood, hash) => void hash.copy(this.#hashes, chunk * 32));
    }
  }
}

/** Whether nothing happened to the file, whatever name it has now. */
function isAsBefore(a: Stats, b: Stats): boolean {
  return (
    a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.nlink === b.nlink
  );
}
