import { join } from 'node:path';
import { LoraSwarmError, storageError } from '../errors';
import type { Event } from '../events';
import { Bitfield } from '../release/bitfield';
import { ChunkMap } from '../release/chunkMap';
import { FILE_ROLES, hashGroup, type Manifest } from '../release/manifest';
import { chunkRuns, checkRun, firstBadChunk } from './chunkRuns';
import { readSmallFile, statOf } from './files';
import type { HeldRun } from './heldChunks';
import type { PartialPackage } from './partialPackage';
import { CHUNKS_NAME } from './paths';
import { sourceError } from './sharedStore';
import type { Store } from './store';

/** Where the bytes of a package are read. */
interface Source {
  readonly held: Bitfield;
  hashes(group: number): Uint8Array | undefined;
  /** Right bytes, or an error. */
  read(first: number, count: number): Promise<Buffer>;
}

/**
 * Gives chunks of a package that is here: from the library, from where the user shares it, or from a download that is
 * still running. Every chunk is hashed as it is read, so no wrong byte gets out, whatever happened to the file.
 */
export class PackageReader {
  readonly map: ChunkMap;
  /** Chunks that came to be held. Never fires when the package is whole. */
  readonly onDidHold: Event<HeldRun>;
  #isClosed = false;

  private constructor(
    private readonly store: Store,
    readonly manifest: Manifest,
    private source: Source,
    private partial: PartialPackage | undefined,
  ) {
    this.map = new ChunkMap(manifest);
    this.onDidHold = partial?.onDidHold ?? (() => ({ dispose: () => undefined }));
  }

  /**
   * @throws {LoraSwarmError} `ID_UNKNOWN` when it is not here or not shared now, `SOURCE_CHANGED` and `SOURCE_MISSING`
   * when the file is not what was shared.
   */
  static async open(store: Store, id: string): Promise<PackageReader> {
    const partial = store.partials.get(id);
    const file = await openFolder(store, id);
    if (file) return new PackageReader(store, file.manifest, file.source, undefined);
    if (partial && !partial.isClosed) return new PackageReader(store, partial.manifest, sourceOf(partial), partial);
    throw new LoraSwarmError('ID_UNKNOWN', 'This adapter is not here.');
  }

  /** Chunks that can be read. Grows while the download runs; chunks are never taken back as long as the disk is well. */
  get held(): Bitfield {
    return this.source.held;
  }

  /** Chunk hashes of a group, 32 bytes each; a running download may not know them yet. */
  hashes(group: number): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.source.hashes(group));
  }

  /** @throws {RangeError} for chunks that the package has not. @throws {LoraSwarmError} as `open` does. */
  async read(first: number, count: number): Promise<Buffer> {
    if (this.#isClosed) throw new LoraSwarmError('ENGINE_CLOSED', 'This adapter is not served now.');
    try {
      return await this.source.read(first, count);
    } catch (error) {
      if (!this.partial?.isClosed) throw error;
    }
    // The download ended while we read: it is in the library now, or gone.
    const file = await openFolder(this.store, this.manifest.id);
    if (!file) throw sourceError('missing', 'This download');
    this.source = file.source;
    this.partial = undefined;
    return await this.source.read(first, count);
  }

  /** Files stay with the store, which keeps few of them open. */
  close(): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }
}

function sourceOf(partial: PartialPackage): Source {
  return {
    held: partial.held,
    hashes: (group) => partial.hashesOf(group),
    read: (first, count) => partial.read(first, count),
  };
}

async function openFolder(store: Store, id: string): Promise<{ manifest: Manifest; source: Source } | undefined> {
  const item = store.library.get(id);
  if (item)
    return { manifest: item.manifest, source: await FolderSource.open(store, item.manifest, item.folder, false) };
  const shared = store.shared.get(id);
  if (!shared?.isOn) return undefined;
  await store.shared.check(id);
  const folder = store.paths.package('shared', id);
  return { manifest: shared.manifest, source: await FolderSource.open(store, shared.manifest, folder, true) };
}

/** A whole package: all in one folder of ours, but for weights that stay where the user has them. */
class FolderSource implements Source {
  readonly held: Bitfield;
  readonly #map: ChunkMap;
  #hashes = Buffer.alloc(0);

  private constructor(
    private readonly store: Store,
    private readonly manifest: Manifest,
    private readonly folder: string,
    private readonly isShared: boolean,
  ) {
    this.#map = new ChunkMap(manifest);
    this.held = Bitfield.full(this.#map.chunks);
  }

  static async open(store: Store, manifest: Manifest, folder: string, isShared: boolean): Promise<FolderSource> {
    const source = new FolderSource(store, manifest, folder, isShared);
    await source.#loadHashes();
    return source;
  }

  hashes(group: number): Uint8Array {
    const { firstChunk, chunks } = this.#map.group(group);
    return this.#hashes.subarray(firstChunk * 32, (firstChunk + chunks) * 32);
  }

  async read(first: number, count: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (const { file, first: start, offset, length } of chunkRuns(this.#map, first, count)) {
      const bytes = await this.#readFile(file, offset, length);
      if (firstBadChunk(this.#hashes, start, bytes) !== undefined) throw this.#changed(file);
      parts.push(bytes);
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  async #readFile(file: number, offset: number, length: number): Promise<Buffer> {
    const path = await this.#pathOf(file);
    const stat = await statOf(path);
    if (!stat) throw sourceError('missing', path);
    try {
      return await this.store.handles.read(path, stat, offset, length);
    } catch (error) {
      if (error instanceof RangeError) throw this.#changed(file);
      throw storageError(error, path);
    }
  }

  /** Checks weights that the user may have changed before it gives their path. */
  async #pathOf(file: number): Promise<string> {
    if (this.isShared && file === 0) return (await this.store.shared.check(this.manifest.id)).weightsPath;
    return join(this.folder, FILE_ROLES[this.manifest.files[file]!.role].name);
  }

  #changed(file: number): LoraSwarmError {
    if (this.isShared && file === 0) return this.store.shared.markChanged(this.manifest.id);
    return sourceError('changed', join(this.folder, FILE_ROLES[this.manifest.files[file]!.role].name));
  }

  /** The list lies beside the files, 32 bytes a chunk. Where the disk damaged it, it is made anew from the files. */
  async #loadHashes(): Promise<void> {
    const size = this.#map.chunks * 32;
    const saved = await readSmallFile(join(this.folder, CHUNKS_NAME), size);
    this.#hashes = Buffer.alloc(size);
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
      const bytes = await this.#readFile(file, offset, length);
      checkRun(this.#hashes, first, bytes, (chunk, _isGood, hash) => void hash.copy(this.#hashes, chunk * 32));
    }
  }
}
