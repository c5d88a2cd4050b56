import type { Disposable } from '../lifecycle';
import type { Logger } from '../log';
import type { RoomState } from '../state';
import { MeetingPlaces } from './gossip/meetingPlaces';
import type { JoinedRoom } from './joinedRoom';
import { retiredRooms, type BookEntry } from './roomBook';
import type { JoinedTopic, Swarm } from './swarm';

/**
 * Two who announce at the same moment miss each other, and Hyperswarm looks again after 10 minutes only. So a room looks
 * again at these times after the join, in milliseconds; the late ones only count while nobody was found.
 */
const LOOK_AGAIN_MS = [700, 2_000, 5_000, 15_000, 60_000, 180_000];
const LATE_MS = 15_000;
/** Old secrets under which others are looked for; under the older ones they only find us. */
const LOOKED_UP_PAST = 2;

export interface ActiveRoomParts {
  readonly swarm: Swarm;
  /** Lets members of the local network find each other. @returns whether any network is there. */
  readonly meetNearby: () => Promise<boolean>;
  /** Whether anything outside of the local network may be asked or told. */
  readonly mayUseDht: boolean;
  readonly peers: (roomId: string) => number;
  /** Whom others of the open room told of, hex, and who is not connected. */
  readonly strangers: (count: number) => readonly string[];
  readonly key: Uint8Array;
  readonly onPhase: () => void;
  readonly log: Logger;
}

/** A room that is switched on: its topics on the DHT, its beacon on the local network, or both for a private one. */
export class ActiveRoom implements Disposable {
  readonly room: JoinedRoom;
  readonly retired: readonly JoinedRoom[];
  phase: RoomState['phase'] = 'joining';
  readonly #topics: JoinedTopic[] = [];
  #places: MeetingPlaces | undefined;
  readonly #timers: NodeJS.Timeout[] = [];
  #isEnded = false;

  constructor(
    readonly entry: BookEntry,
    private readonly parts: ActiveRoomParts,
  ) {
    this.room = entry.room;
    this.retired = retiredRooms(entry);
    const usesDht = this.room.kind !== 'local' && parts.mayUseDht;
    if (usesDht && this.room.kind === 'general') this.#meetCrowd();
    else if (usesDht) this.#joinDht();
    if (this.room.kind !== 'general') void this.#joinNearby(!usesDht);
  }

  /** Looks for peers again, now. */
  refresh(): void {
    for (const topic of this.#topics) topic.refresh();
    this.#places?.refresh();
  }

  dispose(): void {
    this.#isEnded = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const topic of this.#topics) topic.dispose();
    this.#places?.dispose();
  }

  async #joinNearby(decidesPhase: boolean): Promise<void> {
    let isOnline = false;
    try {
      isOnline = await this.parts.meetNearby();
    } catch (error) {
      this.parts.log.warn(`local network: ${String(error)}`);
    }
    if (decidesPhase) this.#setPhase(isOnline ? 'joined' : 'offline');
  }

  /** So many may be there that no lookup finds them all, and nobody connects to all of them. */
  #meetCrowd(): void {
    const { swarm, key, strangers, log } = this.parts;
    const neighbours = (): number => this.parts.peers(this.room.id);
    const onLooked = (): void => this.#setPhase(swarm.isOnline ? 'joined' : 'offline');
    const { topic } = this.room.keys;
    this.#places = new MeetingPlaces({ swarm, key, topic, neighbours, strangers, onLooked, log });
  }

  #joinDht(): void {
    const { swarm } = this.parts;
    const main = swarm.join(this.room.keys.topic, { server: true, client: true });
    this.#topics.push(
      // Two admins who each made a new epoch, apart from each other, only meet under the secret that both had.
      ...this.retired.map((room, i, { length }) =>
        swarm.join(room.keys.topic, { server: true, client: i >= length - LOOKED_UP_PAST }),
      ),
      main,
    );
    void main.flushed().then(() => this.#setPhase(swarm.isOnline ? 'joined' : 'offline'));
    for (const ms of LOOK_AGAIN_MS) {
      const timer = setTimeout(() => {
        if (ms < LATE_MS || this.parts.peers(this.room.id) === 0)
          for (const topic of this.#topics.slice(-LOOKED_UP_PAST - 1)) topic.refresh();
        if (this.phase !== 'joining') this.#setPhase(swarm.isOnline ? 'joined' : 'offline');
      }, ms);
      timer.unref();
      this.#timers.push(timer);
    }
  }

  #setPhase(phase: RoomState['phase']): void {
    if (this.#isEnded || phase === this.phase) return;
    this.phase = phase;
    this.parts.onPhase();
  }
}
