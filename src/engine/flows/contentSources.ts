import { Emitter, type Event } from '../events';
import { DisposableStore, type Disposable } from '../lifecycle';
import type { TransferChannel } from '../net/transferChannel';
import type { Rooms } from '../net/rooms';
import type { Catalog, CatalogSource } from '../registry/catalog';
import type { SourceRank } from '../transfer/source';
import type { SourceSet } from '../transfer/sourcePool';

export interface ContentSourcesParts {
  readonly rooms: Pick<Rooms, 'kindOf'> & {
    readonly peers: { get(key: string): { readonly transfer: TransferChannel } | undefined };
  };
  readonly catalog: Pick<Catalog, 'sources' | 'onDidChange'>;
  /** A peer can be asked for chunks now. */
  readonly onDidLink: Event<TransferChannel>;
}

/** The peers that offer one adapter and can be asked for it, as they come and go. */
export class ContentSources implements SourceSet, Disposable {
  readonly #owned = new DisposableStore();
  readonly #added = this.#owned.add(new Emitter<TransferChannel>());
  readonly onDidAdd = this.#added.event;
  /** Links that were there a moment ago. One that was taken back and is offered again is a new one. */
  #told: ReadonlySet<TransferChannel>;

  constructor(
    private readonly parts: ContentSourcesParts,
    private readonly contentId: string,
    /** Ids of the rooms to fetch from; empty for all. */
    private readonly roomIds: readonly string[] = [],
  ) {
    this.#told = new Set(this.#links());
    this.#owned.add(parts.onDidLink(() => this.#tell()));
    this.#owned.add(parts.catalog.onDidChange(() => this.#tell()));
  }

  current(): readonly TransferChannel[] {
    return this.#links();
  }

  rankOf({ isLan, isLane, peerKey }: Pick<TransferChannel, 'isLan' | 'isLane' | 'peerKey'>): SourceRank {
    if (isLan || isLane) return 0;
    const rooms = this.#offers().find(({ peer }) => peer === peerKey)?.rooms ?? [];
    return rooms.some((room) => this.#isAllowed(room) && this.parts.rooms.kindOf(room) === 'private') ? 1 : 2;
  }

  get peers(): number {
    return this.#offers().length;
  }

  dispose(): void {
    this.#owned.dispose();
  }

  #tell(): void {
    const links = this.#links();
    const fresh = links.filter((link) => !this.#told.has(link));
    this.#told = new Set(links);
    for (const link of fresh) this.#added.fire(link);
  }

  /** Of each peer the lane, while it is there, and otherwise the connection that its rooms use. */
  #links(): TransferChannel[] {
    return this.#offers().flatMap(({ peer }) => {
      const link = this.parts.rooms.peers.get(peer)?.transfer;
      return link?.isOpen ? [link] : [];
    });
  }

  #offers(): readonly CatalogSource[] {
    const offers = this.parts.catalog.sources(this.contentId);
    return this.roomIds.length === 0
      ? offers
      : offers.filter(({ rooms }) => rooms.some((room) => this.#isAllowed(room)));
  }

  #isAllowed(room: string): boolean {
    return this.roomIds.length === 0 || this.roomIds.includes(room);
  }
}
