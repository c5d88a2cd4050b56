import { LoraSwarmError } from '../errors';
import type { Event } from '../events';
import type { Bitfield } from '../release/bitfield';
import { ChunkMap } from '../release/chunkMap';
import type { Manifest } from '../release/manifest';
import { FolderSource } from './folderSource';
import type { HeldRun } from './heldChunks';
import type { PartialPackage } from './partialPackage';
import { sourceError } from './sharedStore';
import type { Store } from './store';

/** Where the bytes of a package are read. */
interface Source {
  readonly held: Bitfield;
  hashes(group: number): Uint8Array | undefined;
  /** Right bytes, or an error. @param into memory that is long enough; the result is a view of it. */
  read(first: number, count: number, into?: Buffer): Promise<Buffer>;
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
    await store.partials.moved(id);
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

  /**
   * @param into memory that is long enough; the result is a view of it. Without it memory is made.
   * @throws {RangeError} for chunks that the package has not. @throws {LoraSwarmError} as `open` does.
   */
  async read(first: number, count: number, into?: Buffer): Promise<Buffer> {
    if (this.#isClosed) throw new LoraSwarmError('ENGINE_CLOSED', 'This adapter is not served now.');
    try {
      return await this.source.read(first, count, into);
    } catch (error) {
      if (!this.partial?.isClosed) throw error;
    }
    // The download ended while we read: it is in the library in a moment, or gone.
    await this.store.partials.moved(this.manifest.id);
    const file = await openFolder(this.store, this.manifest.id);
    if (!file) throw sourceError('missing', 'This download');
    this.source = file.source;
    this.partial = undefined;
    return await this.source.read(first, count, into);
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
    read: (first, count, into) => partial.read(first, count, into),
  };
}

async function openFolder(store: Store, id: string): Promise<{ manifest: Manifest; source: Source } | undefined> {
  const item = store.library.get(id);
  if (item) {
    const { manifest, folder } = item;
    return { manifest, source: await FolderSource.open({ store, manifest, folder, isShared: false }) };
  }
  const shared = store.shared.get(id);
  if (!shared?.isOn) return undefined;
  await store.shared.check(id);
  const { manifest } = shared;
  const folder = store.paths.package('shared', id);
  return { manifest, source: await FolderSource.open({ store, manifest, folder, isShared: true }) };
}
