import { hasCode } from '../errors';
import type { Clock } from './clock';
import type { PackageReader } from './parts';
import { RateMeter } from './rate';
import { RateHistory } from './rateHistory';

/** A package that somebody fetches from us now: one open reader, however many peers read. */
export interface Share {
  readonly contentId: string;
  readonly reader: PackageReader;
  /** It was a running download when it was opened, so its files may move. */
  readonly isGrowing: boolean;
  /** What went out. */
  readonly meter: RateMeter;
  readonly history: RateHistory;
}

/** @returns undefined when the package is not here. */
export type OpenReader = (contentId: string) => Promise<PackageReader | undefined>;

interface Entry {
  readonly opening: Promise<Share | undefined>;
  /** Once it is open. */
  share: Share | undefined;
  users: number;
}

/** The packages that are read now, each as long as a peer has a handle on it. */
export class Shares {
  readonly #entries = new Map<string, Entry>();

  constructor(
    private readonly openReader: OpenReader,
    private readonly clock: Clock,
  ) {}

  /** All that are open. */
  get list(): readonly Share[] {
    return [...this.#entries.values()].flatMap(({ share }) => share ?? []);
  }

  isOpen(share: Share): boolean {
    return this.#entries.get(share.contentId)?.share === share;
  }

  /** Opens it or joins those who read it. Whoever gets one gives it back with `release`. @throws as the reader does. */
  async acquire(contentId: string): Promise<Share | undefined> {
    let entry = this.#entries.get(contentId);
    if (!entry) {
      entry = { opening: this.#open(contentId), share: undefined, users: 0 };
      this.#entries.set(contentId, entry);
    }
    entry.users++;
    try {
      const share = await entry.opening;
      if (this.#entries.get(contentId) === entry) entry.share = share;
      else if (share) return await this.acquire(contentId); // Dropped meanwhile.
      if (!share) this.#leave(contentId, entry);
      return share;
    } catch (error) {
      this.#leave(contentId, entry);
      throw error;
    }
  }

  async release(share: Share): Promise<void> {
    const entry = this.#entries.get(share.contentId);
    // After `drop` another entry may stand under the same id.
    if (entry?.share === share && this.#leave(share.contentId, entry)) await share.reader.close();
  }

  /** Closes it for everyone. Who asks next opens it anew. */
  async drop(share: Share): Promise<void> {
    if (!this.isOpen(share)) return;
    this.#entries.delete(share.contentId);
    await share.reader.close();
  }

  async #open(contentId: string): Promise<Share | undefined> {
    try {
      const reader = await this.openReader(contentId);
      const { clock } = this;
      const rates = { meter: new RateMeter(3_000, clock), history: new RateHistory(clock) };
      return reader && { contentId, reader, isGrowing: !reader.held.isFull, ...rates };
    } catch (error) {
      if (hasCode(error, 'ID_UNKNOWN')) return undefined;
      throw error;
    }
  }

  /** @returns whether that was the last user. */
  #leave(contentId: string, entry: Entry): boolean {
    if (--entry.users > 0 || this.#entries.get(contentId) !== entry) return false;
    this.#entries.delete(contentId);
    return true;
  }
}
