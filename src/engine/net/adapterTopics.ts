import type { Disposable } from '../lifecycle';
import type { SignedRelease } from '../release/release';
import type { JoinedRoom } from './joinedRoom';
import { adapterTopic } from './roomKeys';
import type { JoinedTopic, Swarm } from './swarm';

/** Announcing costs 80 requests per 750 ms, so only so many adapters get a topic of their own; rooms carry the rest. */
const MAX_ANNOUNCED = 32;

interface Joined {
  readonly room: JoinedRoom;
  readonly topic: JoinedTopic;
}

/** Topics of single adapters on the DHT: announced by those who share them, looked up by those who fetch them. */
export class AdapterTopics implements Disposable {
  readonly #announced = new Map<string, Joined>();
  readonly #sought = new Map<string, Joined>();

  constructor(
    private readonly swarm: Swarm,
    private readonly offers: (roomId: string) => readonly SignedRelease[],
  ) {}

  /** The room for which a peer was found under a topic. */
  roomOf(topic: Buffer): JoinedRoom | undefined {
    const key = topic.toString('hex');
    return (this.#announced.get(key) ?? this.#sought.get(key))?.room;
  }

  /** Announces the first adapters of these rooms, up to the limit, and no others. */
  announce(rooms: readonly JoinedRoom[]): void {
    const wanted = new Map<string, JoinedRoom>();
    for (const room of rooms) {
      if (room.kind === 'local') continue; // It never announces anything outside the local network.
      for (const { release } of this.offers(room.id)) {
        if (wanted.size >= MAX_ANNOUNCED) break;
        wanted.set(adapterTopic(room.keys, release.contentId).toString('hex'), room);
      }
    }
    for (const [key, { topic }] of this.#announced) {
      if (wanted.has(key)) continue;
      topic.dispose();
      this.#announced.delete(key);
      const sought = this.#sought.get(key);
      if (sought) this.#sought.set(key, this.#lookUp(sought.room, key)); // That ended with the announcing.
    }
    for (const [key, room] of wanted) {
      if (this.#announced.has(key)) continue;
      this.#announced.set(key, {
        room,
        topic: this.swarm.join(Buffer.from(key, 'hex'), { server: true, client: false }),
      });
    }
  }

  /** Looks for holders of one adapter until it is disposed. */
  seek(room: JoinedRoom, contentId: string): Disposable {
    const bytes = adapterTopic(room.keys, contentId);
    const key = bytes.toString('hex');
    // Who announces it is found by the others anyway.
    if (room.kind === 'local' || this.#announced.has(key) || this.#sought.has(key)) return { dispose: () => undefined };
    this.#sought.set(key, this.#lookUp(room, key));
    return {
      dispose: () => {
        const sought = this.#sought.get(key);
        this.#sought.delete(key);
        if (!this.#announced.has(key)) sought?.topic.dispose();
      },
    };
  }

  #lookUp(room: JoinedRoom, key: string): Joined {
    return { room, topic: this.swarm.join(Buffer.from(key, 'hex'), { server: false, client: true }) };
  }

  /** The room was left, or has another secret now. */
  drop(room: JoinedRoom): void {
    for (const joined of [this.#announced, this.#sought])
      for (const [key, { room: of, topic }] of joined) {
        if (of !== room) continue;
        topic.dispose();
        joined.delete(key);
      }
  }

  dispose(): void {
    for (const { topic } of [...this.#announced.values(), ...this.#sought.values()]) topic.dispose();
  }
}
