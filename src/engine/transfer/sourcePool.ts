import type { Event } from '../events';
import { DisposableStore, type Disposable } from '../lifecycle';
import type { Logger } from '../log';
import type { TransferMessage } from '../net/transferMessages';
import type { Clock } from './clock';
import type { StrikeReason, TransferLink } from './link';
import { Source } from './source';

/** More sources than this bring nothing but messages. */
const MAX_SOURCES = 8;

/** Open links to peers that say they have the package. */
export interface SourceSet {
  current(): readonly TransferLink[];
  readonly onDidAdd: Event<TransferLink>;
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

/** The peers that one download fetches from: at most 8 of those that are there, replaced when they go. */
export class SourcePool implements Disposable {
  readonly #owned = new DisposableStore();
  readonly #sources = new Map<TransferLink, Source>();
  /** Liars, those who said no for good, and links that closed. */
  readonly #excluded = new WeakSet<TransferLink>();
  readonly #struck = new Set<string>();
  #departed = 0;
  #isActive = false;

  constructor(private readonly parts: PoolParts) {
    this.#owned.add(
      parts.sources.onDidAdd((link) => {
        this.#excluded.delete(link); // Who is offered again may have it now.
        this.#fill();
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
    return this.#struck.size > 0 && this.#sources.size === 0 && this.#departed === 0;
  }

  start(): void {
    this.#isActive = true;
    this.#fill();
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
    this.#excluded.add(source.link);
    this.#remove(source);
    source.link.strike(reason);
    this.#fill();
  }

  /** It does not give us this package. */
  exclude(source: Source): void {
    this.#excluded.add(source.link);
    this.#remove(source);
    this.#fill();
  }

  /** Begins with it anew, under a new handle. */
  reopen(source: Source): void {
    this.#close(source);
    this.#fill();
  }

  dispose(): void {
    this.stop();
    this.#owned.dispose();
  }

  #fill(): void {
    if (!this.#isActive) return;
    for (const link of this.parts.sources.current()) {
      if (this.#sources.size >= MAX_SOURCES) return;
      if (!this.#sources.has(link) && !this.#excluded.has(link)) this.#add(link);
    }
  }

  #add(link: TransferLink): void {
    const source = new Source(link, this.parts.clock);
    this.#sources.set(link, source);
    source.owned.add(
      link.onDidReceive((message) => {
        if (message.handle !== source.handle || !ANSWERS.has(message.type)) return;
        if (this.#sources.get(link) !== source) return; // It left while this message was being handed out.
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
        if (this.#sources.get(link) !== source) return;
        this.#departed++;
        this.#excluded.add(link);
        this.#remove(source);
        this.#fill();
        this.parts.onChange();
      }),
    );
    source.send({ type: 'open', handle: source.handle, contentId: this.parts.contentId });
    this.parts.onJoin(source);
  }

  #close(source: Source): void {
    source.send({ type: 'close', handle: source.handle });
    this.#remove(source);
  }

  #remove(source: Source): void {
    if (!this.#sources.delete(source.link)) return;
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
