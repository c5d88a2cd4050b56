import { Emitter, type Event } from '../events';
import { DisposableStore, type Disposable } from '../lifecycle';
import type { Catalog } from '../registry/catalog';
import type { Registry } from '../registry/registry';
import type { SignedRelease } from '../release/release';
import { monotonicClock, type Clock } from '../transfer/clock';

/** Less is not worth a line in everybody's catalog: it would be taken back before anybody asks. */
const MIN_BYTES = 1024 ** 2;
/** Most downloads are over by then, and nobody would have asked for a part of one. */
const MIN_MS = 2_000;

export interface OffersParts {
  readonly registry: Pick<Registry, 'list' | 'get'>;
  readonly catalog: Pick<Catalog, 'sources' | 'onDidChange'>;
  readonly clock?: Clock;
}

/** A package that grows. */
export interface Growing {
  readonly bytesDone: number;
  readonly onDidHold: Event<unknown>;
}

interface Running {
  readonly release: SignedRelease;
  /** Rooms where others offer it, too, and from which it is fetched. */
  readonly rooms: Set<string>;
}

/**
 * What this engine gives, and in which rooms: what the user shares, and of each download in progress what is verified. A
 * download is offered only where it was offered to us, so nobody hears of it who could not have known.
 */
export class Offers {
  readonly #running = new Map<string, Running>();
  readonly #changed = new Emitter<{ readonly id: string }>();
  /** A download came to be offered somewhere, or is no more. What the user shares is told by the registry. */
  readonly onDidChange = this.#changed.event;

  constructor(private readonly parts: OffersParts) {}

  /** What a room is told. */
  inRoom(roomId: string): SignedRelease[] {
    const shared = this.parts.registry
      .list()
      .filter(({ phase, rooms }) => phase === 'serving' && rooms.includes(roomId));
    const ids = new Set(shared.map(({ id }) => id));
    const growing = [...this.#running].filter(([id, { rooms }]) => rooms.has(roomId) && !ids.has(id));
    return [...shared, ...growing.map(([, running]) => running)].map(({ release }) => release);
  }

  /** A download that is offered. */
  growing(id: string): SignedRelease | undefined {
    return this.#running.get(id)?.release;
  }

  /** Rooms whose members may fetch it now. */
  roomsOf(id: string): string[] {
    const shared = this.parts.registry.get(id);
    const rooms = shared?.phase === 'serving' ? shared.rooms : [];
    return [...new Set([...rooms, ...(this.#running.get(id)?.rooms ?? [])])];
  }

  /**
   * Offers a download from the first mebibyte and the first seconds on, until it is disposed.
   *
   * @param roomIds rooms that it is fetched from; empty for all.
   */
  grow(release: SignedRelease, roomIds: readonly string[], growing: Growing): Disposable {
    const { contentId: id } = release.release;
    const { catalog, clock = monotonicClock } = this.parts;
    const owned = new DisposableStore();
    let isOldEnough = false;
    const offer = (): void => {
      if (!isOldEnough || growing.bytesDone < MIN_BYTES) return;
      waiting.dispose();
      const running = this.#running.get(id) ?? { release, rooms: new Set<string>() };
      const before = running.rooms.size;
      for (const room of catalog.sources(id).flatMap(({ rooms }) => rooms))
        if (roomIds.length === 0 || roomIds.includes(room)) running.rooms.add(room);
      this.#running.set(id, running);
      if (running.rooms.size > before) this.#changed.fire({ id });
    };
    const waiting: Disposable = owned.add(growing.onDidHold(offer));
    owned.add(catalog.onDidChange(offer)); // It may be offered in another room now.
    owned.add({
      dispose: () => {
        if (this.#running.delete(id)) this.#changed.fire({ id });
      },
    });
    owned.add(
      clock.after(MIN_MS, () => {
        isOldEnough = true;
        offer();
      }),
    );
    return owned;
  }

  /** The room was left. */
  dropRoom(roomId: string): void {
    for (const [id, { rooms }] of this.#running) if (rooms.delete(roomId)) this.#changed.fire({ id });
  }
}
