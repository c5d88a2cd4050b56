import type { Disposable } from '../../lifecycle';
import type { Logger } from '../../log';
import { shardTopic } from '../roomKeys';
import type { FoundPeer, JoinedTopic, Swarm } from '../swarm';
import { draw } from './crowd';
import { estimateCount } from './crowdSize';

/** A DHT node keeps a topic's announcements in one place and gives 20 of them, so beyond this most are never found. */
const CROWDED = 600;
/** Four billion places: 16 a level. */
const MAX_LEVEL = 8;
/** Of those that a lookup brings. The others are heard of through them. */
const MAX_DIALS = 12;
/** As many neighbours hear news at once; with fewer we look for more. */
const WANTED = 6;
/** Two who announce at the same moment miss each other, so it is looked again at these times after the join. */
const LOOK_AGAIN_MS = [700, 2_000, 5_000, 15_000, 60_000, 180_000];
/** From the last of those on. Announcements on the DHT stay for 20 minutes. */
const LOOK_MS = 10 * 60_000;
/** Until then every look is for everybody, as a room of two has no other way. */
const EARLY_MS = 15_000;

export interface MeetingPlacesParts {
  readonly swarm: Pick<Swarm, 'join' | 'lookUp' | 'meet'>;
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** Peers of the room that are connected. */
  readonly neighbours: () => number;
  /** Some whom others told of, hex. */
  readonly strangers: (count: number) => readonly string[];
  /** The topic that a peer found at any of the places belongs to. */
  readonly topic: Buffer;
  readonly onLooked: () => void;
  readonly log: Logger;
  /** From so many peers of one topic on there is another one for each next digit; absent: 600. */
  readonly crowded?: number;
}

interface Place {
  readonly topic: Buffer;
  announced: JoinedTopic | undefined;
}

/**
 * Where the peers of the open room meet on the DHT: one topic for all while they are few, and when that is crowded, one for
 * each first digit of their keys, and so on. Whom nobody meets there is known by hearsay, and dialled by key.
 */
export class MeetingPlaces implements Disposable {
  readonly #places: Place[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  #isEnded = false;
  #looking: Promise<void> | undefined;

  constructor(private readonly parts: MeetingPlacesParts) {
    this.#enter(0);
    for (const ms of [0, ...LOOK_AGAIN_MS]) this.#later(ms, () => void this.look(ms <= EARLY_MS));
    this.#later(LOOK_AGAIN_MS.at(-1)! + LOOK_MS, () => this.#every());
  }

  /** How deep the room is divided where we are. */
  get level(): number {
    return this.#places.length - 1;
  }

  /** Whether we can be found on the topic of this level. */
  isAnnounced(level: number): boolean {
    return this.#places[level]?.announced !== undefined;
  }

  /** Announces and looks again, now. */
  refresh(): void {
    for (const { announced } of this.#places) announced?.refresh();
    void this.look(true);
  }

  /** @param isForAll also with enough neighbours. One at a time. */
  look(isForAll: boolean): Promise<void> {
    if (!isForAll && this.parts.neighbours() >= WANTED) return Promise.resolve();
    return (this.#looking ??= this.#look().finally(() => (this.#looking = undefined)));
  }

  dispose(): void {
    this.#isEnded = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const { announced } of this.#places) announced?.dispose();
  }

  async #look(): Promise<void> {
    for (let level = 0; level <= MAX_LEVEL; level++) {
      const isCrowded = await this.#lookAt(level);
      if (this.#isEnded) return;
      if (!isCrowded) {
        this.#leaveBelow(level);
        break;
      }
    }
    this.#thin();
    for (const key of this.parts.neighbours() < WANTED ? this.parts.strangers(WANTED) : [])
      this.parts.swarm.meet({ key: Buffer.from(key, 'hex'), take: () => [], topic: this.parts.topic });
    this.parts.onLooked();
  }

  /** @returns whether there are more than lookups find. */
  async #lookAt(level: number): Promise<boolean> {
    const { topic } = this.#places[level] ?? this.#enter(level);
    const found = await this.#lookUp(topic);
    if (this.#isEnded) return false;
    this.#meet(found);
    const different = new Set(found.map(({ publicKey }) => publicKey.toString('hex'))).size;
    return estimateCount(found.length, different) > (this.parts.crowded ?? CROWDED);
  }

  async #lookUp(topic: Buffer): Promise<readonly FoundPeer[]> {
    try {
      return await this.parts.swarm.lookUp(topic);
    } catch (error) {
      this.parts.log.debug(`lookup: ${String(error)}`);
      return [];
    }
  }

  #meet(found: readonly FoundPeer[]): void {
    const byKey = new Map(found.map((peer) => [peer.publicKey.toString('hex'), peer]));
    for (const { publicKey, relayAddresses } of draw([...byKey.values()], MAX_DIALS))
      this.parts.swarm.meet({ key: publicKey, take: () => relayAddresses, topic: this.parts.topic });
  }

  #enter(level: number): Place {
    const topic = shardTopic(level, this.parts.key);
    const place = { topic, announced: this.#announce(topic) };
    this.#places[level] = place;
    return place;
  }

  #announce(topic: Buffer): JoinedTopic {
    return this.parts.swarm.join(topic, { server: true, client: false });
  }

  /** The room is smaller now. */
  #leaveBelow(level: number): void {
    for (const { announced } of this.#places.splice(level + 1)) announced?.dispose();
  }

  /**
   * At each level above the last about as many stay announced as at the last one, times four: enough for newcomers to find,
   * and for all places to be linked.
   */
  #thin(): void {
    for (const [level, place] of this.#places.entries()) {
      const share = 4 * 16 ** (level - this.level);
      // Drawn from the key, so that the same peers stay.
      if (level === this.level || this.#lot(level) < share) place.announced ??= this.#announce(place.topic);
      else {
        place.announced?.dispose();
        place.announced = undefined;
      }
    }
  }

  /** Between 0 and 1, of this key and level: the first digits say where we are, so later ones are taken. */
  #lot(level: number): number {
    const { buffer, byteOffset, byteLength } = this.parts.key;
    return Buffer.from(buffer, byteOffset, byteLength).readUInt16LE(16 + level) / 2 ** 16;
  }

  #every(): void {
    void this.look(true);
    this.#later(LOOK_MS, () => this.#every());
  }

  #later(ms: number, call: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      call();
    }, ms);
    timer.unref();
    this.#timers.add(timer);
  }
}
