import { JOURNAL_BYTES, JOURNAL_MS, MAX_UNSYNCED_BYTES } from '../limits';
import type { Bitfield } from '../release/bitfield';
import { storeError } from './files';
import type { DownloadJournal } from './journal';
import type { PartialFiles } from './partialFiles';

export interface JournalWriterParts {
  readonly id: string;
  readonly journal: DownloadJournal;
  readonly files: PartialFiles;
  /** Live. */
  readonly held: Bitfield;
  /** An entry was made or failed: nothing is on its way to the disk any more. */
  readonly onEntry: () => void;
}

/** Enters chunks in the journal after their files were synced, often enough and not too often. */
export class JournalWriter {
  #unsafeBytes = 0; // Written since the last entry was begun.
  #syncingBytes = 0; // In the entry that is on its way.
  #entry = 0; // Numbers entries, so that an older one never lands on a newer.
  #flushes: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #failure: unknown;

  constructor(private readonly parts: JournalWriterParts) {}

  /** @throws what an entry failed with: what was written since then may not be on disk. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure as Error;
  }

  /** Bytes that may come before writing has to wait for the disk. No limit while the disk keeps up. */
  get room(): number {
    if (this.#syncingBytes === 0 && this.#unsafeBytes < JOURNAL_BYTES) return Infinity;
    return Math.max(0, MAX_UNSYNCED_BYTES - this.#unsafeBytes - this.#syncingBytes);
  }

  /** Call it after writing. Waits for the disk when that falls too far behind, although nothing beyond `room` was asked. */
  wrote(bytes: number): void {
    this.#unsafeBytes += bytes;
    if (this.#unsafeBytes + this.#syncingBytes > MAX_UNSYNCED_BYTES) this.#flushNow();
    else if (this.#unsafeBytes >= JOURNAL_BYTES && this.#syncingBytes === 0) this.#flushInBackground();
    else this.#timer ??= setTimeout(() => this.#flushInBackground(), JOURNAL_MS).unref();
  }

  /** Syncs what was written so far, then enters it. */
  flush(): Promise<void> {
    const flush = this.#flushes.then(() => this.#flush());
    this.#flushes = flush.catch((error: unknown) => void (this.#failure ??= error));
    return flush;
  }

  /** Resolves when no entry is on its way. @throws what one failed with. */
  async settled(): Promise<void> {
    await this.#flushes;
    this.check();
  }

  /** Ends timers and waits for the entry that is on its way. Flush before, if it is to be kept. */
  async close(): Promise<void> {
    this.#unsafeBytes = 0;
    clearTimeout(this.#timer);
    await this.#flushes;
  }

  #flushInBackground(): void {
    this.flush().catch(() => undefined); // `#failure` keeps it, and the next `check` throws it.
  }

  async #flush(): Promise<void> {
    if (this.#unsafeBytes === 0) return;
    const { held, entry } = this.#begin();
    try {
      await this.parts.files.sync();
      if (entry === this.#entry) this.parts.journal.commit(this.parts.id, held);
    } catch (error) {
      throw storeError(error, this.parts.files.folder);
    } finally {
      this.#syncingBytes = 0;
      this.parts.onEntry();
    }
    // What came meanwhile does not wait for more to come: nothing may be asked before it is safe.
    if (this.#unsafeBytes >= JOURNAL_BYTES) this.#flushInBackground();
  }

  /** The disk is slower than the network: wait for it here, so that what is at risk does not grow. */
  #flushNow(): void {
    const { held } = this.#begin();
    try {
      this.parts.files.syncChunksNow();
      this.parts.journal.commit(this.parts.id, held);
    } catch (error) {
      throw (this.#failure ??= storeError(error, this.parts.files.folder)) as Error;
    } finally {
      this.#syncingBytes = 0;
    }
  }

  #begin(): { held: Bitfield; entry: number } {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#syncingBytes += this.#unsafeBytes;
    this.#unsafeBytes = 0;
    return { held: this.parts.held.copy(), entry: ++this.#entry };
  }
}
