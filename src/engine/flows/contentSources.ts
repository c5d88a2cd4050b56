import { Emitter, type Event } from '../events';
import { DisposableStore, type Disposable } from '../lifecycle';
import type { TransferChannel } from '../net/transferChannel';
import type { Rooms } from '../net/rooms';
import type { Catalog } from '../registry/catalog';
import type { SourceSet } from '../transfer/sourcePool';

export interface ContentSourcesParts {
  readonly rooms: Pick<Rooms, 'peers'>;
  readonly catalog: Pick<Catalog, 'sources' | 'onDidChange'>;
  /** A peer can be asked for chunks now. */
  readonly onDidLink: Event<TransferChannel>;
}

/** The peers that offer one adapter and can be asked for it, as they come and go. */
export class ContentSources implements SourceSet, Disposable {
  readonly #owned = new DisposableStore();
  readonly #added = this.#owned.add(new Emitter<TransferChannel>());
  readonly onDidAdd = this.#added.event;
  readonly #told = new WeakSet<TransferChannel>();

  constructor(
    private readonly parts: ContentSourcesParts,
    private readonly contentId: string,
    /** Ids of the rooms to fetch from; empty for all. */
    private readonly roomIds: readonly string[] = [],
  ) {
    this.#owned.add(parts.onDidLink(() => this.#tell()));
    this.#owned.add(parts.catalog.onDidChange(() => this.#tell()));
  }

  current(): readonly TransferChannel[] {
    const links = this.#links();
    for (const link of links) this.#told.add(link);
    return links;
  }

  dispose(): void {
    this.#owned.dispose();
  }

  #tell(): void {
    const fresh = this.#links().filter((link) => !this.#told.has(link));
    for (const link of fresh) {
      this.#told.add(link);
      this.#added.fire(link);
    }
  }

  #links(): TransferChannel[] {
    return this.parts.catalog.sources(this.contentId).flatMap(({ peer, rooms }) => {
      if (this.roomIds.length > 0 && !rooms.some((room) => this.roomIds.includes(room))) return [];
      const link = this.parts.rooms.peers.get(peer)?.transfer;
      return link?.isOpen ? [link] : [];
    });
  }
}
