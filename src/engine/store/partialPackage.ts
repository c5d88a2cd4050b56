import { writeSync } from 'node:fs';
import { LoraSwarmError } from '../errors';
import { Emitter } from '../events';
import { CHUNK_BYTES } from '../limits';
import { Bitfield } from '../release/bitfield';
import { ChunkMap } from '../release/chunkMap';
import type { Manifest } from '../release/manifest';
import { checkRun, chunkRuns, firstBadChunk } from './chunkRuns';
import { ChunkSums, type ChunksPlace } from './chunkSums';
import { FileHashes } from './fileHashes';
import { memoryFor, storeError } from './files';
import { HeldChunks, type HeldRun } from './heldChunks';
import { heldBytes, type DownloadDetails } from './journal';
import { JournalWriter } from './journalWriter';
import type { LibraryItem } from './library';
import { PartialFiles } from './partialFiles';
import { checkSpace } from './space';
import type { Store } from './store';

/**
 * An unfinished download: files that hold verified chunks only, and a journal that survives a crash.
 *
 * A chunk is verified before it is written, and hashed again when the package is opened the next time, so whatever
 * happened to the disk, `held` names chunks whose bytes are right. One object at a time owns a package.
 */
export class PartialPackage {
  readonly map: ChunkMap;
  readonly #sums: ChunkSums;
  readonly #held: HeldChunks;
  readonly #hashes: FileHashes;
  readonly #journal: JournalWriter;
  readonly #didHold = new Emitter<HeldRun>();
  readonly onDidHold = this.#didHold.event;
  readonly #didMakeRoom = new Emitter<void>();
  readonly onDidMakeRoom = this.#didMakeRoom.event;

  /** Hashes of what was on disk at the start, for groups whose right hashes were not there. */
  readonly #found = new Map<number, Buffer>();
  /** Chunks that the journal had and the disk has not. */
  #lost: Bitfield;
  #resumedBytes = 0;
  #state: 'open' | 'finishing' | 'closing' | 'closed' = 'open';
  #isClaimed = true; // `open` claimed it.
  #isDiscarding = false;
  readonly #stop = new AbortController();
  #finishing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  private constructor(
    private readonly store: Store,
    readonly manifest: Manifest,
    private readonly files: PartialFiles,
  ) {
    this.map = new ChunkMap(manifest);
    this.#sums = new ChunkSums(this.map);
    this.#held = new HeldChunks(this.map);
    this.#lost = new Bitfield(this.map.chunks);
    this.#hashes = new FileHashes({ map: this.map, held: this.held, files, following: store.followingHashes });
    this.#journal = new JournalWriter({
      ...{ id: manifest.id, journal: store.journal, files, held: this.held },
      onEntry: () => this.#didMakeRoom.fire(),
    });
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
      const isBegun = store.journal.has(manifest.id);
      if (!isBegun) await checkSpace(store.paths.home, manifest.size);
      store.journal.begin(manifest, details);
      const record = store.journal.get(manifest.id);
      files = await PartialFiles.open(folder, { manifest, release: record?.release });
      const partial = new PartialPackage(store, manifest, files);
      await partial.#resume(signal);
      if (isBegun) await checkSpace(store.paths.home, partial.missingBytes);
      store.partials.set(partial);
      return partial;
    } catch (error) {
      await files?.close();
      store.partials.release(manifest.id);
      throw storeError(error, folder);
    }
  }

  get id(): string {
    return this.manifest.id;
  }

  /** Chunks that are here and verified. Live; they go only when the disk damages them. */
  get held(): Bitfield {
    return this.#held.bits;
  }

  /** Bytes that were here when it was opened. */
  get resumedBytes(): number {
    return this.#resumedBytes;
  }

  /** Bytes that the journal had and the disk has no more: they are fetched a second time. */
  get damagedBytes(): number {
    return heldBytes(this.map, this.#lost);
  }

  get bytesDone(): number {
    return this.#held.bytes;
  }

  get missingBytes(): number {
    return this.manifest.size - this.#held.bytes;
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** The first chunk from `from` on that is not held. */
  nextMissing(from = 0): number | undefined {
    return this.#held.nextMissing(from);
  }

  /** Chunk hashes of a group, 32 bytes each, once they are known. */
  hashesOf(group: number): Uint8Array | undefined {
    return this.#sums.of(group);
  }

  /**
   * Takes the chunk hashes of a group, so that its chunks can be written.
   *
   * @throws {LoraSwarmError} `DOWNLOAD_CORRUPT` when they are not the ones that the manifest names.
   */
  addHashes(group: number, bytes: Uint8Array): void {
    this.#checkOpen();
    if (!this.#sums.areOf(group, bytes))
      throw new LoraSwarmError('DOWNLOAD_CORRUPT', `The hashes of group ${group} are wrong. Another source is asked.`);
    if (this.#sums.of(group)) return;
    this.#write(this.files.hashes, bytes, this.map.group(group).firstChunk * 32);
    this.#sums.set(group, bytes);
    this.#recognize(group);
  }

  /**
   * Verifies whole consecutive chunks of one file, then writes them all at once. Chunks that are held already are fine.
   *
   * @throws {ChunkMismatch} for the first wrong chunk, or a length that does not end with a chunk; nothing is written.
   */
  write(first: number, data: Uint8Array): void {
    this.#checkOpen();
    this.#put(this.#sums.check(first, data), first, data);
  }

  /** Writes chunks that were verified before, by the same hashes, and were in no hands but ours since. */
  keep(first: number, data: Uint8Array): void {
    this.#checkOpen();
    this.#put(this.#sums.placeOf(first, data), first, data);
  }

  /**
   * Reads held chunks and hashes them again.
   *
   * @param into memory that is long enough; the result is a view of it.
   * @throws {LoraSwarmError} `STORE_FAILED` when the disk lost one.
   */
  async read(first: number, count: number, into?: Buffer): Promise<Buffer> {
    this.#checkNotClosed();
    const runs = [...chunkRuns(this.map, first, count)];
    for (let i = first; i < first + count; i++) if (!this.held.has(i)) throw new RangeError(`chunk ${i} is not held`);
    const total = runs.reduce((sum, { length }) => sum + length, 0);
    const bytes = memoryFor(total, into);
    for (let at = 0, i = 0; i < runs.length; at += runs[i]!.length, i++) {
      const run = runs[i]!;
      const part = bytes.subarray(at, at + run.length);
      await this.files.fill(run.file, part, run.offset);
      const bad = firstBadChunk(this.#sums.bytes, run.first, part);
      if (bad !== undefined) throw this.#damaged(bad);
    }
    return bytes;
  }

  /** Chunks that may come before writing one waits for the disk. */
  get room(): number {
    return Math.floor(this.#journal.room / CHUNK_BYTES);
  }

  /** Syncs what was written so far, then enters it in the journal. */
  flush(): Promise<void> {
    return this.#journal.flush();
  }

  /**
   * Checks the whole files and moves the package into the library. This object is closed afterwards.
   *
   * @throws {LoraSwarmError} `DOWNLOAD_CORRUPT` when the disk damaged chunks since: they are missing again and the
   * package stays open. `MANIFEST_INVALID` when every chunk is right and the whole is not: the author's fault.
   */
  finish(signal?: AbortSignal): Promise<LibraryItem> {
    this.#checkOpen();
    if (!this.held.isFull) throw new TypeError(`${this.missingBytes} bytes are missing`);
    this.#state = 'finishing';
    const finish = this.#finish(signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal);
    this.#finishing = finish.then(
      () => undefined,
      () => undefined,
    );
    return finish;
  }

  /** Saves and lets go of the files. Fine at any time, and more than once. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close(true));
  }

  /** Ends the download for good and removes all of it. */
  async discard(): Promise<void> {
    if (this.isClosed && !this.#isClaimed) this.#claim(); // Nobody else may have it open.
    this.#isDiscarding = true;
    try {
      this.store.journal.discard(this.id); // First: from here a crash can't bring it back.
      await (this.#closing ??= this.#close(false));
      await this.store.throwAway(this.files.folder);
      this.store.journal.remove(this.id);
    } finally {
      this.#isDiscarding = false;
      this.#release();
    }
  }

  async #finish(signal: AbortSignal): Promise<LibraryItem> {
    try {
      await this.#journal.settled();
      for (const index of this.manifest.files.keys())
        if (!(await this.#hashes.isRight(index, signal))) throw await this.#blame(index);
      signal.throwIfAborted();
      await this.files.seal();
    } catch (error) {
      this.#state = 'open';
      throw storeError(error, this.files.folder);
    }
    try {
      await this.#letGo();
      const item = await this.store.library.adopt(this.id, this.files.folder);
      this.store.journal.remove(this.id);
      return item;
    } finally {
      this.#release();
    }
  }

  async #close(isSaved: boolean): Promise<void> {
    this.#stop.abort();
    await this.#finishing;
    if (this.isClosed) return;
    this.#state = 'closing';
    // What could not be saved was reported where it was written, and is hashed again when this is opened again.
    if (isSaved) await this.flush().catch(() => undefined);
    await this.#letGo();
    this.#release();
  }

  #claim(): void {
    this.store.partials.claim(this.id);
    this.#isClaimed = true;
  }

  #release(): void {
    if (!this.#isClaimed || this.#isDiscarding) return;
    this.#isClaimed = false;
    this.store.partials.release(this.id);
  }

  async #letGo(): Promise<void> {
    await this.#journal.close();
    this.#state = 'closed';
    this.#didHold.dispose();
    this.#didMakeRoom.dispose();
    await this.#hashes.close();
    await this.files.close();
  }

  /**
   * Finds out what is here. Hashes all that the files have, not only the chunks of the journal: after a killed process
   * the disk has more, and a damaged journal may name fewer.
   */
  async #resume(signal: AbortSignal | undefined): Promise<void> {
    if (!this.files.isNew) await this.#recall(signal);
    const claimed = this.store.journal.held(this.id, this.map.chunks);
    for (let i = 0; claimed && i < this.map.chunks; i++) if (claimed.has(i) && !this.held.has(i)) this.#lost.set(i);
    if (claimed?.count === this.held.count && this.#lost.count === 0) return;
    await this.files.sync();
    this.store.journal.commit(this.id, this.held);
  }

  async #recall(signal: AbortSignal | undefined): Promise<void> {
    const saved = await this.files.readHashes(this.#sums.bytes.byteLength);
    for (let group = 0; group < this.map.groups; group++) {
      const { firstChunk, chunks } = this.map.group(group);
      const listed = saved.subarray(firstChunk * 32, (firstChunk + chunks) * 32);
      const found = await this.#hashGroup(group, signal);
      // A damaged list does not matter where the chunks are all here: they hash to it.
      const right = [listed, found].find((hashes) => this.#sums.areOf(group, hashes));
      if (found.some((byte) => byte !== 0)) this.#found.set(group, found);
      if (!right) continue; // The right list comes from a peer.
      if (right === found) this.#write(this.files.hashes, found, firstChunk * 32);
      this.#sums.set(group, right);
      this.#recognize(group);
    }
  }

  /** Hashes of a group's chunks as they are on disk; zeros for those that are not there. */
  async #hashGroup(group: number, signal?: AbortSignal): Promise<Buffer> {
    const { firstChunk, chunks } = this.map.group(group);
    const found = Buffer.alloc(chunks * 32);
    for (const { file, first, offset, length } of chunkRuns(this.map, firstChunk, chunks, 16)) {
      signal?.throwIfAborted();
      const bytes = await this.files.read(file, offset, length, { isShortFine: true });
      if (bytes.byteLength === 0) break;
      // A torn tail hashes like any other wrong chunk.
      checkRun(
        this.#sums.bytes,
        first,
        bytes,
        (chunk, _isGood, hash) => void hash.copy(found, (chunk - firstChunk) * 32),
      );
    }
    return found;
  }

  /** Holds the chunks of a group that were found on disk, now that the right hashes are known. */
  #recognize(group: number): void {
    const found = this.#found.get(group);
    if (!found) return;
    this.#found.delete(group);
    const { firstChunk, chunks } = this.map.group(group);
    const before = this.#held.bytes;
    for (let i = 0; i < chunks; i++) {
      const chunk = firstChunk + i;
      if (found.compare(this.#sums.bytes, chunk * 32, chunk * 32 + 32, i * 32, i * 32 + 32) !== 0) continue;
      this.#lost.set(chunk, false);
      for (const run of this.#held.addRun(chunk, 1)) this.#didHold.fire(run);
    }
    this.#resumedBytes += this.#held.bytes - before;
  }

  #put({ file, offset, count }: ChunksPlace, first: number, data: Uint8Array): void {
    this.#journal.check();
    this.#write(this.files.file(file), data, offset);
    for (const run of this.#held.addRun(first, count)) this.#didHold.fire(run);
    this.#hashes.wrote(file);
    this.#journal.wrote(data.byteLength);
  }

  #write(fd: number, data: Uint8Array, offset: number): void {
    try {
      // One call as a rule; a disk that is nearly full takes a part and fails at the next.
      for (let done = 0; done < data.byteLength;)
        done += writeSync(fd, data, done, data.byteLength - done, offset + done);
    } catch (error) {
      throw storeError(error, this.files.folder);
    }
  }

  async #blame(file: number): Promise<LoraSwarmError> {
    let bad = 0;
    for (let group = 0; group < this.map.groups; group++) {
      const { file: its, firstChunk, chunks } = this.map.group(group);
      if (its !== file) continue;
      const found = await this.#hashGroup(group);
      for (let i = 0; i < chunks; i++) {
        const at = (firstChunk + i) * 32;
        const isGood = found.compare(this.#sums.bytes, at, at + 32, i * 32, i * 32 + 32) === 0;
        if (!isGood && this.#held.set(firstChunk + i, false)) bad++;
      }
    }
    if (bad > 0)
      return new LoraSwarmError('DOWNLOAD_CORRUPT', `The disk damaged ${bad} chunks. They are fetched again.`);
    return new LoraSwarmError(
      'MANIFEST_INVALID',
      'The author published wrong sums for this adapter. It can not be verified, so it is not kept.',
    );
  }

  #damaged(chunk: number): LoraSwarmError {
    this.#held.set(chunk, false);
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
