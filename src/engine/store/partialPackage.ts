import { fdatasyncSync, writeSync } from 'node:fs';
import { LoraSwarmError, storageError } from '../errors';
import { Emitter } from '../events';
import { Bitfield } from '../release/bitfield';
import { ChunkMap } from '../release/chunkMap';
import { CHUNK_BYTES, hashGroup, type Manifest } from '../release/manifest';
import { checkRun, chunkRuns, firstBadChunk, lastChunk } from './chunkRuns';
import type { DownloadDetails } from './journal';
import type { LibraryItem } from './library';
import { PartialFiles } from './partialFiles';
import { checkSpace } from './space';
import type { Store } from './store';

/** A journal entry is begun after this much was written… */
const FLUSH_BYTES = 8 * 1024 ** 2;
/** …or this long after the first byte of it, … */
const FLUSH_MS = 2_000;
/** …and writing waits for the disk when this much is not safe: 256 chunks, the most that a power cut may cost. */
const MAX_UNSAFE_BYTES = 16 * 1024 ** 2;

/** Chunks of a run that came to be held. */
export interface HeldRun {
  readonly first: number;
  readonly count: number;
}

/** Bytes of a peer that are not what the manifest says. */
export class ChunkMismatch extends LoraSwarmError {
  /** @param chunk the first wrong one. */
  constructor(readonly chunk: number) {
    super('DOWNLOAD_CORRUPT', `Chunk ${chunk} is not what the author published. Another source is asked for it.`);
  }
}

/**
 * An unfinished download: files that hold verified chunks only, and a journal that survives a crash.
 *
 * A chunk is verified before it is written, and hashed again when the package is opened the next time, so whatever
 * happened to the disk, `held` names chunks whose bytes are right. One object at a time owns a package.
 */
export class PartialPackage {
  readonly map: ChunkMap;
  readonly held: Bitfield;
  readonly #chunkHashes: Buffer;
  readonly #knownGroups: Bitfield;
  readonly #held = new Emitter<HeldRun>();
  readonly onDidHold = this.#held.event;

  #resumedBytes = 0;
  #damagedBytes = 0;
  #heldBytes = 0;
  #state: 'open' | 'finishing' | 'closing' | 'closed' = 'open';
  #closing: Promise<void> | undefined;

  #unsafeBytes = 0; // Written since the last journal entry was begun.
  #syncingBytes = 0; // In the entry that is on its way.
  #entry = 0; // Numbers journal entries, so that an older one never lands on a newer.
  #flushes: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #failure: unknown;

  private constructor(
    private readonly store: Store,
    readonly manifest: Manifest,
    private readonly files: PartialFiles,
  ) {
    this.map = new ChunkMap(manifest);
    this.held = new Bitfield(this.map.chunks);
    this.#chunkHashes = Buffer.alloc(this.map.chunks * 32);
    this.#knownGroups = new Bitfield(this.map.groups);
  }

  /**
   * Begins a download or takes an unfinished one up, hashing what is on disk (1.7 GB a second).
   *
   * @throws {LoraSwarmError} `STORE_FULL` with figures when the disk can't hold the rest, and all of `storageError`.
   */
  static async open(
    store: Store,
    manifest: Manifest,
    { signal, ...details }: DownloadDetails & { readonly signal?: AbortSignal } = {},
  ): Promise<PartialPackage> {
    store.partials.claim(manifest.id);
    const folder = store.paths.package('partial', manifest.id);
    let files: PartialFiles | undefined;
    try {
      if (!store.journal.has(manifest.id)) await checkSpace(store.paths.home, manifest.size);
      store.journal.begin(manifest, details);
      const record = store.journal.get(manifest.id);
      files = await PartialFiles.open(folder, { manifest, release: record?.release });
      const partial = new PartialPackage(store, manifest, files);
      await partial.#resume(signal);
      await checkSpace(store.paths.home, partial.missingBytes);
      store.partials.set(partial);
      return partial;
    } catch (error) {
      await files?.close();
      store.partials.release(manifest.id);
      throw storageError(error, folder);
    }
  }

  get id(): string {
    return this.manifest.id;
  }

  /** Bytes that were here when it was opened. */
  get resumedBytes(): number {
    return this.#resumedBytes;
  }

  /** Bytes that the journal had and the disk has no more: they are fetched a second time. */
  get damagedBytes(): number {
    return this.#damagedBytes;
  }

  get bytesDone(): number {
    return this.#heldBytes;
  }

  get missingBytes(): number {
    return this.manifest.size - this.#heldBytes;
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** The first chunk from `from` on that is not held. */
  nextMissing(from = 0): number | undefined {
    for (let i = from; i < this.map.chunks; i++) if (!this.held.has(i)) return i;
    return undefined;
  }

  /** Chunk hashes of a group, 32 bytes each, once they are known. */
  hashesOf(group: number): Uint8Array | undefined {
    if (!this.#knownGroups.has(group)) return undefined;
    const { firstChunk, chunks } = this.map.group(group);
    return this.#chunkHashes.subarray(firstChunk * 32, (firstChunk + chunks) * 32);
  }

  /** @throws {LoraSwarmError} `DOWNLOAD_CORRUPT` when they are not the ones that the manifest names. */
  addHashes(group: number, bytes: Uint8Array): void {
    this.#checkOpen();
    const { firstChunk, chunks, hash } = this.map.group(group);
    if (bytes.byteLength !== chunks * 32 || !hashGroup(bytes).equals(hash))
      throw new LoraSwarmError('DOWNLOAD_CORRUPT', `The hashes of group ${group} are wrong. Another source is asked.`);
    if (this.#knownGroups.has(group)) return;
    this.#write(this.files.hashes, bytes, firstChunk * 32);
    this.#chunkHashes.set(bytes, firstChunk * 32);
    this.#knownGroups.set(group);
  }

  /**
   * Verifies whole consecutive chunks of one file, then writes them all at once. Chunks that are held already are fine.
   *
   * @throws {ChunkMismatch} for the first wrong chunk, or a length that does not end with a chunk; nothing is written.
   */
  write(first: number, data: Uint8Array): void {
    this.#checkOpen();
    if (this.#failure !== undefined) throw this.#failure as Error;
    const { file, offset, count } = this.#checkData(first, data);
    this.#write(this.files.file(file), data, offset);
    const runs = this.#hold(first, count);
    this.#unsafeBytes += data.byteLength;
    for (const run of runs) this.#held.fire(run);
    this.#saveSoon();
  }

  /** Reads held chunks and hashes them again. @throws {LoraSwarmError} `STORE_FAILED` when the disk lost one. */
  async read(first: number, count: number): Promise<Buffer> {
    this.#checkNotClosed();
    const parts: Buffer[] = [];
    for (const run of chunkRuns(this.map, first, count)) {
      for (let i = run.first; i < run.first + run.count; i++)
        if (!this.held.has(i)) throw new RangeError(`chunk ${i} is not held`);
      const bytes = await this.files.read(run.file, run.offset, run.length);
      const bad = firstBadChunk(this.#chunkHashes, run.first, bytes);
      if (bad !== undefined) throw this.#damaged(bad);
      parts.push(bytes);
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  /** Syncs what was written so far, then enters it in the journal. */
  flush(): Promise<void> {
    const flush = this.#flushes.then(() => this.#flush());
    this.#flushes = flush.catch((error: unknown) => void (this.#failure ??= error));
    return flush;
  }

  /**
   * Checks the whole files and moves the package into the library. This object is closed afterwards.
   *
   * @throws {LoraSwarmError} `DOWNLOAD_CORRUPT` when the disk damaged chunks since: they are missing again and the
   * package stays open. `MANIFEST_INVALID` when every chunk is right and the whole is not: the author's fault.
   */
  async finish(signal?: AbortSignal): Promise<LibraryItem> {
    this.#checkOpen();
    if (!this.held.isFull) throw new TypeError(`${this.missingBytes} bytes are missing`);
    this.#state = 'finishing';
    try {
      await this.flush();
      for (const [index, file] of this.manifest.files.entries())
        if (!(await this.files.hash(index, signal)).equals(file.sha256)) throw await this.#blame(index);
      await this.files.seal();
    } catch (error) {
      this.#state = 'open';
      throw storageError(error, this.files.folder);
    }
    await this.close();
    const item = await this.store.library.adopt(this.id, this.files.folder);
    this.store.journal.remove(this.id);
    return item;
  }

  /** Saves and lets go of the files. Fine at any time, and more than once. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close(true));
  }

  /** Ends the download for good and removes all of it. */
  async discard(): Promise<void> {
    this.store.journal.discard(this.id); // First: from here a crash can't bring it back.
    await (this.#closing ??= this.#close(false));
    await this.store.throwAway(this.files.folder);
    this.store.journal.remove(this.id);
  }

  async #close(isSaved: boolean): Promise<void> {
    this.#state = 'closing';
    // What could not be saved was reported where it was written, and is hashed again when this is opened again.
    if (isSaved) await this.flush().catch(() => undefined);
    else await this.#flushes;
    this.#state = 'closed';
    clearTimeout(this.#timer);
    this.#held.dispose();
    await this.files.close();
    this.store.partials.release(this.id);
  }

  /**
   * Finds out what is here. Looks at every chunk whose hash is known, not only at those of the journal: after a killed
   * process the disk has more, and a damaged journal may have named fewer.
   */
  async #resume(signal: AbortSignal | undefined): Promise<void> {
    const saved = await this.files.readHashes(this.#chunkHashes.byteLength);
    for (let group = 0; group < this.map.groups; group++) {
      const { firstChunk, chunks, hash } = this.map.group(group);
      const bytes = saved.subarray(firstChunk * 32, (firstChunk + chunks) * 32);
      if (bytes.byteLength !== chunks * 32 || !hashGroup(bytes).equals(hash)) continue;
      this.#chunkHashes.set(bytes, firstChunk * 32);
      this.#knownGroups.set(group);
      await this.#rehash(firstChunk, chunks, signal);
    }
    this.#resumedBytes = this.#heldBytes;
    const claimed = this.store.journal.held(this.id, this.map.chunks);
    for (let i = 0; claimed && i < this.map.chunks; i++)
      if (claimed.has(i) && !this.held.has(i)) this.#damagedBytes += this.map.chunk(i).length;
    if (claimed && claimed.count === this.held.count && this.#damagedBytes === 0) return;
    await this.files.sync();
    this.store.journal.commit(this.id, this.held);
  }

  async #rehash(first: number, count: number, signal?: AbortSignal): Promise<number> {
    let bad = 0;
    for (const { file, first: start, offset, length } of chunkRuns(this.map, first, count, 16)) {
      signal?.throwIfAborted();
      const bytes = await this.files.read(file, offset, length, { isShortFine: true });
      // Cut to whole chunks: a torn tail is one more chunk that is not here.
      const end = bytes.byteLength === length ? length : bytes.byteLength - (bytes.byteLength % CHUNK_BYTES);
      checkRun(this.#chunkHashes, start, bytes.subarray(0, end), (chunk, isGood) => {
        if (!isGood) bad++;
        if (this.held.set(chunk, isGood)) this.#heldBytes += (isGood ? 1 : -1) * this.map.chunk(chunk).length;
      });
    }
    return bad;
  }

  #checkData(first: number, data: Uint8Array): { file: number; offset: number; count: number } {
    if (!Number.isInteger(first) || first < 0 || first >= this.map.chunks) throw new ChunkMismatch(first);
    const { file, offset } = this.map.chunk(first);
    const count = Math.ceil(data.byteLength / CHUNK_BYTES);
    const last = first + count - 1;
    if (count === 0 || last > lastChunk(this.map, file)) throw new ChunkMismatch(first);
    const end = this.map.chunk(last);
    if (offset + data.byteLength !== end.offset + end.length) throw new ChunkMismatch(last);
    for (let i = first; i <= last; i++)
      if (!this.#knownGroups.has(this.map.chunk(i).group)) throw new TypeError(`hash of chunk ${i} is not known yet`);
    const bad = firstBadChunk(this.#chunkHashes, first, data);
    if (bad !== undefined) throw new ChunkMismatch(bad);
    return { file, offset, count };
  }

  #write(fd: number, data: Uint8Array, offset: number): void {
    try {
      // One call as a rule; a disk that is nearly full takes a part and fails at the next.
      for (let done = 0; done < data.byteLength;)
        done += writeSync(fd, data, done, data.byteLength - done, offset + done);
    } catch (error) {
      throw storageError(error, this.files.folder);
    }
  }

  /** @returns the runs that were not held before. */
  #hold(first: number, count: number): HeldRun[] {
    const runs: { first: number; count: number }[] = [];
    for (let chunk = first; chunk < first + count; chunk++) {
      if (!this.held.set(chunk)) continue;
      this.#heldBytes += this.map.chunk(chunk).length;
      const run = runs.at(-1);
      if (run && run.first + run.count === chunk) run.count++;
      else runs.push({ first: chunk, count: 1 });
    }
    return runs;
  }

  #saveSoon(): void {
    if (this.#unsafeBytes + this.#syncingBytes >= MAX_UNSAFE_BYTES) this.#flushNow();
    else if (this.#unsafeBytes >= FLUSH_BYTES && this.#syncingBytes === 0) this.#flushInBackground();
    else this.#timer ??= setTimeout(() => this.#flushInBackground(), FLUSH_MS).unref();
  }

  #flushInBackground(): void {
    this.flush().catch(() => undefined); // `#failure` keeps it, and the next write throws it.
  }

  async #flush(): Promise<void> {
    if (this.#unsafeBytes === 0 || this.#state === 'closed') return;
    const { held, entry } = this.#beginEntry();
    try {
      await this.files.sync();
      if (entry === this.#entry) this.store.journal.commit(this.id, held);
    } catch (error) {
      throw storageError(error, this.files.folder);
    } finally {
      this.#syncingBytes = 0;
    }
  }

  /** The disk is slower than the network: wait for it here, so that neither memory nor what is at risk grows. */
  #flushNow(): void {
    const { held } = this.#beginEntry();
    try {
      for (const fd of this.files.opened()) fdatasyncSync(fd);
      this.store.journal.commit(this.id, held);
    } catch (error) {
      throw (this.#failure ??= storageError(error, this.files.folder)) as Error;
    } finally {
      this.#syncingBytes = 0;
    }
  }

  #beginEntry(): { held: Bitfield; entry: number } {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#syncingBytes += this.#unsafeBytes;
    this.#unsafeBytes = 0;
    return { held: this.held.copy(), entry: ++this.#entry };
  }

  async #blame(file: number): Promise<LoraSwarmError> {
    const first = this.map.firstChunk(file);
    const bad = await this.#rehash(first, lastChunk(this.map, file) + 1 - first);
    if (bad > 0)
      return new LoraSwarmError('DOWNLOAD_CORRUPT', `The disk damaged ${bad} chunks. They are fetched again.`);
    return new LoraSwarmError(
      'MANIFEST_INVALID',
      'The author published wrong sums for this adapter. It can not be verified, so it is not kept.',
    );
  }

  #damaged(chunk: number): LoraSwarmError {
    if (this.held.set(chunk, false)) this.#heldBytes -= this.map.chunk(chunk).length;
    return new LoraSwarmError(
      'STORE_FAILED',
      `The disk damaged chunk ${chunk} of ${this.files.folder}. It is fetched again.`,
    );
  }

  #checkOpen(): void {
    if (this.#state !== 'open') throw new LoraSwarmError('ENGINE_CLOSED', 'This download is closed.');
  }

  #checkNotClosed(): void {
    if (this.#state === 'closed') throw new LoraSwarmError('ENGINE_CLOSED', 'This download is closed.');
  }
}
