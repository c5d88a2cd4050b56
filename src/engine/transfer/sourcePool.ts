import type { Event } from '../events';
import { DisposableStore, type Disposable } from '../lifecycle';
import { MAX_DOWNLOAD_SOURCES } from '../limits';
import type { Logger } from '../log';
import type { TransferMessage } from '../net/transferMessages';
import type { Clock } from './clock';
import type { StrikeReason, TransferLink } from './link';
import { Source, type SourceRank } from './source';

/** One that was left because it was silent is tried again after this long, twice as long each time. */
const MIN_LEFT_MS = 15_000;
const MAX_LEFT_MS = 120_000;

/** Open links to peers that say they have the package: one for each peer, the best that there is. */
export interface SourceSet {
  current(): readonly TransferLink[];
  readonly onDidAdd: Event<TransferLink>;
  rankOf(link: TransferLink): SourceRank;
  /** Peers that offer it now, whether they can be asked or not. */
  readonly peers: number;
}

export interface PoolParts {
  readonly sources: SourceSet;
  readonly contentId: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** It was asked to open; more may be asked at once. */
  readonly onJoin: (source: Source) => void;
  readonly onMessage: (source: Source, message: TransferMessage) => void;
  /** It is no source any more: what it was asked has to be asked elsewhere. */
  readonly onLeave: (source: Source) => void;
  /** Sources came or went by themselves. */
  readonly onChange: () => void;
}

/** The peers that one download fetches from: at most 8 of those that are there, the nearest first, replaced when they go. */
export class SourcePool implements Disposable {
  readonly #owned = new DisposableStore();
  /** By the peer's key: a peer with two links is one source. */
  readonly #sources = new Map<string, Source>();
  /** Liars, and those who said no for good, until they are offered again. */
  readonly #excluded = new Set<string>();
  readonly #struck = new Set<string>();
  /** Those that were silent: how often, and until when they are left alone. */
  readonly #left = new Map<string, { times: number; until: number }>();
  #departed = 0;
  #isActive = false;

  constructor(private readonly parts: PoolParts) {
    this.#owned.add(
      parts.sources.onDidAdd(({ peerKey }) => {
        if (!this.#struck.has(peerKey)) this.#excluded.delete(peerKey); // Who is offered again may have it now.
        this.#left.delete(peerKey);
        this.fill();
      }),
    );
  }

  get all(): readonly Source[] {
    return [...this.#sources.values()];
  }

  /** Peers that lied, hex keys. */
  get struck(): ReadonlySet<string> {
    return this.#struck;
  }

  /** Whether everybody who was there lied or refused: nobody honest left who could come back. */
  get isHopeless(): boolean {
    return this.#struck.size > 0 && this.#sources.size === 0 && this.#departed === 0 && this.#left.size === 0;
  }

  start(): void {
    this.#isActive = true;
    this.fill();
  }

  /** Says goodbye to all, until `start`. */
  stop(): void {
    this.#isActive = false;
    for (const source of this.all) this.#close(source);
  }

  /** It broke the protocol or lied. Its link is closed and nothing more of it counts. */
  strike(source: Source, reason: StrikeReason): void {
    this.parts.log.debug(`transfer: ${source.link.peerKey.slice(0, 8)} struck, ${reason}`);
    this.#struck.add(source.link.peerKey);
    this.#excluded.add(source.link.peerKey);
    this.#remove(source);
    source.link.strike(reason);
    this.fill();
  }

  /** It does not give us this package. */
  exclude(source: Source): void {
    this.#excluded.add(source.link.peerKey);
    this.#remove(source);
    this.fill();
  }

  /** It gives nothing while others do: another takes its place, and it is tried again later. */
  leave(source: Source): void {
    const { peerKey } = source.link;
    const times = (this.#left.get(peerKey)?.times ?? 0) + 1;
    const ms = Math.min(MAX_LEFT_MS, MIN_LEFT_MS * 2 ** (times - 1));
    this.#left.set(peerKey, { times, until: this.parts.clock.now() + ms });
    this.#close(source);
    this.fill();
  }

  /** Begins with it anew, under a new handle. */
  reopen(source: Source): void {
    this.#close(source);
    this.fill();
  }

  /** Takes in who is there and has a place. To be called from time to time, as some come back by waiting alone. */
  fill(): void {
    if (!this.#isActive) return;
    const { sources } = this.parts;
    const links = sources.current().filter(({ isOpen, peerKey }) => isOpen && !this.#excluded.has(peerKey));
    const ready = links.filter(({ peerKey }) => !this.#isLeft(peerKey));
    // When there is nobody else, one that was silent is better than nobody.
    const ranked = [...(ready.length > 0 ? ready : links)].sort((a, b) => sources.rankOf(a) - sources.rankOf(b));
    for (const link of ranked) {
      const known = this.#sources.get(link.peerKey);
      if (known?.link === link) continue;
      if (known) this.#close(known); // The lane takes the place of the room's connection, and the other way round.
      if (known || this.#hasPlaceFor(sources.rankOf(link))) this.#add(link);
    }
  }

  dispose(): void {
    this.stop();
    this.#owned.dispose();
  }

  #isLeft(peerKey: string): boolean {
    const left = this.#left.get(peerKey);
    return left !== undefined && this.parts.clock.now() < left.until;
  }

  /** Makes a place, if need be: one further away goes, the slowest of them. */
  #hasPlaceFor(rank: SourceRank): boolean {
    if (this.#sources.size < MAX_DOWNLOAD_SOURCES) return true;
    const [last] = this.all
      .filter((source) => source.rank > rank)
      .sort((a, b) => b.rank - a.rank || a.rate - b.rate || b.openedAt - a.openedAt);
    if (!last) return false;
    this.#close(last);
    return true;
  }

  #add(link: TransferLink): void {
    const { sources, clock, contentId } = this.parts;
    const source = new Source(link, sources.rankOf(link), clock);
    this.#sources.set(link.peerKey, source);
    source.owned.add(
      link.onDidReceive((message) => {
        if (message.handle !== source.handle || !ANSWERS.has(message.type)) return;
        if (!this.#isIn(source)) return; // It left while this message was being handed out.
        if (message.type === 'data' || source.budget.spend()) {
          this.parts.onMessage(source, message);
        } else {
          this.strike(source, 'flood');
          this.parts.onChange();
        }
      }),
    );
    source.owned.add(
      link.onDidClose(() => {
        if (!this.#isIn(source)) return;
        this.#departed++;
        this.#remove(source);
        this.fill();
        this.parts.onChange();
      }),
    );
    source.send({ type: 'open', handle: source.handle, contentId });
    this.parts.onJoin(source);
  }

  #isIn(source: Source): boolean {
    return this.#sources.get(source.link.peerKey) === source;
  }

  #close(source: Source): void {
    source.send({ type: 'close', handle: source.handle });
    this.#remove(source);
  }

  #remove(source: Source): void {
    if (!this.#isIn(source)) return;
    this.#sources.delete(source.link.peerKey);
    source.dispose();
    this.parts.onLeave(source);
  }
}

/** What a holder says. The rest on the same link belongs to the other direction. */
const ANSWERS: ReadonlySet<TransferMessage['type']> = new Set([
  'opened',
  'refused',
  'manifest',
  'hashes',
  'data',
  'reject',
  'have',
  'closed',
] as const);
