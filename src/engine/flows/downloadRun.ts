import { LoraSwarmError, hasCode } from '../errors';
import { DisposableStore, type Disposable } from '../lifecycle';
import type { Manifest } from '../release/manifest';
import type { SignedRelease } from '../release/release';
import { PartialPackage } from '../store/partialPackage';
import { monotonicClock, type Clock } from '../transfer/clock';
import type { DownloadProgress } from '../transfer/downloadParts';
import { Leecher } from '../transfer/leecher';
import { RateLimit } from '../transfer/rate';
import type { DownloadView } from '../transfer/transferView';
import { ContentSources, type ContentSourcesParts } from './contentSources';
import { OtherPackages } from './localChunks';
import type { Offers } from './offers';
import type { EngineParts } from './parts';
import type { RoomLimits } from './roomLimits';

/**
 * Who is in the rooms is asked first. A look at the DHT costs hundreds of packets, and most downloads are over before it is.
 */
const SEEK_AFTER_MS = 2_000;
const NO_LIMITS: readonly RateLimit[] = [];

export interface DownloadRequest {
  readonly id: string;
  readonly release: SignedRelease | undefined;
  readonly roomIds: readonly string[];
  /** Bytes per second of this download alone; 0 is no limit. */
  readonly maxRate: number;
}

export interface Downloaded {
  readonly path: string;
  readonly bytes: number;
  readonly seconds: number;
  readonly sources: number;
  readonly resumedBytes: number;
  readonly refetchedBytes: number;
}

export type DownloadRunParts = Pick<EngineParts, 'store' | 'library' | 'settings' | 'catalog' | 'rooms' | 'log'> & {
  /** Who gave us much may fetch first. */
  readonly seeder: Pick<EngineParts['seeder'], 'credit'>;
  readonly onDidLink: ContentSourcesParts['onDidLink'];
  /** Of all downloads together. */
  readonly limit: RateLimit;
  readonly roomLimits: RoomLimits;
  readonly offers: Pick<Offers, 'grow'>;
  readonly clock?: Clock;
};

export interface DownloadRunEvents {
  readonly onProgress: (progress: DownloadProgress) => void;
  /** Every chunk is here; the whole files are checked now. */
  readonly onVerify: () => void;
}

/** One try of a download: begins or takes up its package, fetches, verifies, and moves it into the library. */
export class DownloadRun {
  readonly done: Promise<Downloaded>;
  /** Stopped or cancelled: `done` rejects soon, unless it was done already. */
  isStopping = false;
  /** The user's limit for all downloads stands against it, and not the disk. */
  isOverQuota = false;
  readonly #stop = new AbortController();
  readonly #owned = new DisposableStore();
  readonly #leecher: Leecher<PartialPackage>;
  readonly #limitsOf = new Map<string, readonly RateLimit[]>();
  #offer: Disposable | undefined;
  #partial: PartialPackage | undefined;
  #pausing: Promise<void> | undefined;
  #isCancelled = false;

  constructor(
    private readonly parts: DownloadRunParts,
    private readonly request: DownloadRequest,
    manifest: Manifest | undefined,
    private readonly events: DownloadRunEvents,
  ) {
    const { id, roomIds, maxRate } = request;
    const clock = parts.clock ?? monotonicClock;
    const sources = this.#owned.add(new ContentSources(parts, id, roomIds));
    this.#owned.add(clock.after(sources.current().length > 0 ? SEEK_AFTER_MS : 0, () => this.#seek()));
    this.#owned.add(parts.catalog.onDidChange(() => this.#limitsOf.clear()));
    const own = maxRate > 0 ? [this.#owned.add(new RateLimit(maxRate, clock))] : [];
    const leecherParts = {
      sources,
      local: this.#owned.add(new OtherPackages(parts.store, id)),
      openPartial: (found: Manifest) => this.#open(found),
      limits: [...own, parts.limit],
      limitsOf: (peerKey: string) => this.#limitsFrom(peerKey),
      onDidGet: (peerKey: string, bytes: number) => parts.seeder.credit(peerKey, bytes),
      log: parts.log,
      clock,
    };
    this.#leecher = new Leecher<PartialPackage>(leecherParts, id, {
      signal: this.#stop.signal,
      onProgress: events.onProgress,
      ...(manifest ? { manifest } : {}),
      ...(request.release ? { expectedBytes: request.release.release.bytes } : {}),
    });
    this.done = this.#run().finally(() => this.#owned.dispose());
  }

  /** All that is known of it now. */
  get view(): DownloadView {
    return this.#leecher.view;
  }

  /** What the disk must still take, when that is known. */
  get missingBytes(): number | undefined {
    return this.#partial?.missingBytes;
  }

  /** Asks nobody any more, and makes what is there safe. @throws when the disk refuses that. */
  pause(): Promise<void> {
    this.#offer?.dispose();
    return (this.#pausing ??= this.#leecher.pause());
  }

  resume(): void {
    if (!this.#pausing) return;
    this.#pausing = undefined;
    this.#offerIt();
    this.#leecher.resume();
  }

  /** Ends it and keeps what is there. */
  stop(): void {
    this.isStopping = true;
    this.#stop.abort();
  }

  /** Ends it and removes what is there. */
  cancel(): void {
    this.isStopping = true;
    this.#isCancelled = true;
    this.#leecher.cancel();
    this.#stop.abort(); // While the files are verified the leecher is over.
  }

  async #run(): Promise<Downloaded> {
    try {
      const { sources, resumedBytes, refetchedBytes, seconds } = await this.#leecher.run();
      this.events.onVerify();
      const { folder, manifest } = await this.#partial!.finish(this.#stop.signal);
      return { path: folder, bytes: manifest.size, seconds, sources, resumedBytes, refetchedBytes };
    } catch (error) {
      // The leecher leaves nothing open behind it, but what could not be finished is ours.
      const isWorthless = this.#isCancelled || hasCode(error, 'MANIFEST_INVALID');
      if (this.#partial && !this.#partial.isClosed)
        await (isWorthless ? this.#partial.discard() : this.#partial.close());
      throw error;
    }
  }

  /** Looks for those who have it and whom no room has brought. */
  #seek(): void {
    const { id, roomIds } = this.request;
    const { catalog, rooms } = this.parts;
    const offers = () => catalog.sources(id);
    const where = new Set(roomIds.length > 0 ? roomIds : offers().flatMap((offer) => offer.rooms));
    const holders = (): string[] => offers().flatMap(({ peer, rooms: at }) => (at.includes('general') ? [peer] : []));
    this.#owned.add(rooms.seek(id, where.size === 0 ? rooms.ids : [...where], holders));
  }

  async #open(manifest: Manifest): Promise<PartialPackage> {
    const { store, settings, library } = this.parts;
    const quota = overQuota(settings()['storage.maxGB'], library.bytes, manifest.size);
    this.isOverQuota = quota !== undefined;
    if (quota) throw quota;
    const { release } = this.request;
    this.#partial = await PartialPackage.open(store, manifest, { release, signal: this.#stop.signal });
    this.#offerIt();
    return this.#partial;
  }

  /** Others may have what is here, while more comes. */
  #offerIt(): void {
    const { release, roomIds } = this.request;
    if (release && this.#partial && !this.#pausing)
      this.#offer = this.#owned.add(this.parts.offers.grow(release, roomIds, this.#partial));
  }

  /** Of each room through which the peer offers it, as far as this download may use them. */
  #limitsFrom(peerKey: string): readonly RateLimit[] {
    const known = this.#limitsOf.get(peerKey);
    if (known) return known;
    const { id, roomIds } = this.request;
    const offer = this.parts.catalog.sources(id).find(({ peer }) => peer === peerKey);
    const rooms = (offer?.rooms ?? []).filter((room) => roomIds.length === 0 || roomIds.includes(room));
    const limits = rooms.length === 0 ? NO_LIMITS : this.parts.roomLimits.downloads(rooms);
    this.#limitsOf.set(peerKey, limits);
    return limits;
  }
}

function overQuota(maxGigabytes: number, used: number, needed: number): LoraSwarmError | undefined {
  const limit = maxGigabytes * 1e9;
  if (limit === 0 || used + needed <= limit) return undefined;
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;
  return new LoraSwarmError(
    'STORE_FULL',
    `Your downloads take ${gigabytes(used)} of the ${gigabytes(limit)} that you allow, and this one needs ${gigabytes(needed)}. Forget some of them, or raise the limit.`,
    { kind: 'openSetting', key: 'storage.maxGB' },
  );
}
