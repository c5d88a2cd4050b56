import { performance } from 'node:perf_hooks';

/** The lower key dials. The other one waits this long before it tries too: one direction of multicast may be blocked. */
const SECOND_CHANCE_MS = 3_000;
/** Three slow beacons that did not come. */
const FORGET_MS = 35_000;
/** A flood of forged beacons must not become a flood of dials: as many keys in all, and of one address. */
const MAX_KEYS = 256;
const MAX_KEYS_OF_HOST = 8;
/** A machine has a cable and a Wi-Fi. What is more may be somebody who wants to hide where a key really is. */
const MAX_ADDRESSES = 4;
/** They are tried one after the other, each for four seconds when nobody answers. */
const MAX_TAKEN = 2;
const MAX_SENDERS = 256;

export interface LanPlace {
  readonly host: string;
  readonly port: number;
}

/** What is known of one key that beacons named. */
export interface Sighting {
  /** Named long enough that the side which should have dialled had its time. */
  readonly isOld: boolean;
  /**
   * Two of the addresses to try, for a dial that begins now: those that were not given yet, then those given longest ago.
   * A forged one costs a dial seconds, so it must not come before the true one each time.
   */
  readonly take: () => readonly LanPlace[];
}

interface Seen {
  readonly sinceMs: number;
  lastMs: number;
  /** `host:port` to where and when, in the order in which they were heard last. */
  readonly places: Map<string, SeenPlace>;
}

interface SeenPlace extends LanPlace {
  readonly heardMs: number;
  takenMs: number;
}

/** Whom beacons named lately, and from where. Bounded, as everybody of the network can send what they like. */
export class LanSightings {
  readonly #seen = new Map<string, Seen>();
  readonly #senders = new Set<string>();

  /** @param now a clock that only goes forward, in milliseconds. */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** @returns undefined when there is no room for one more. */
  see(key: Uint8Array, place: LanPlace): Sighting | undefined {
    const now = this.now();
    const hex = Buffer.from(key).toString('hex');
    this.#forget(now);
    let seen = this.#seen.get(hex);
    if (!seen) {
      if (this.#seen.size >= MAX_KEYS || this.#keysOf(place.host) >= MAX_KEYS_OF_HOST) return undefined;
      seen = { sinceMs: now, lastMs: now, places: new Map() };
      this.#seen.set(hex, seen);
    }
    seen.lastMs = now;
    const name = `${place.host}:${place.port}`;
    const takenMs = seen.places.get(name)?.takenMs ?? -Infinity;
    seen.places.delete(name);
    seen.places.set(name, { ...place, heardMs: now, takenMs });
    if (seen.places.size > MAX_ADDRESSES) seen.places.delete(seen.places.keys().next().value!);
    const { places, sinceMs } = seen;
    return { isOld: now - sinceMs > SECOND_CHANCE_MS, take: () => this.#take([...places.values()].reverse()) };
  }

  /** @param places the one heard last first. */
  #take(places: readonly SeenPlace[]): LanPlace[] {
    const byTurn = [...places].sort((a, b) => (a.takenMs === b.takenMs ? 0 : a.takenMs - b.takenMs));
    const taken = byTurn.slice(0, MAX_TAKEN);
    for (const place of taken) place.takenMs = this.now();
    return taken.map(({ host, port }) => ({ host, port }));
  }

  /** Whether nothing came from this `host:port` yet. */
  isNewSender(sender: string): boolean {
    if (this.#senders.has(sender)) return false;
    this.#senders.add(sender);
    if (this.#senders.size > MAX_SENDERS) this.#senders.delete(this.#senders.values().next().value!);
    return true;
  }

  forgetSenders(): void {
    this.#senders.clear();
  }

  #keysOf(host: string): number {
    return [...this.#seen.values()].filter(({ places }) => [...places.values()].some((place) => place.host === host))
      .length;
  }

  #forget(now: number): void {
    for (const [hex, { lastMs, places }] of this.#seen) {
      if (now - lastMs > FORGET_MS) this.#seen.delete(hex);
      for (const [name, { heardMs }] of places) if (now - heardMs > FORGET_MS) places.delete(name);
    }
  }
}
