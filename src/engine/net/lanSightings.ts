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
const MAX_SENDERS = 256;

export interface LanPlace {
  readonly host: string;
  readonly port: number;
}

/** What is known of one key that beacons named. */
export interface Sighting {
  /** Named long enough that the side which should have dialled had its time. */
  readonly isOld: boolean;
  /** The last one first. */
  readonly addresses: readonly LanPlace[];
}

interface Seen {
  readonly sinceMs: number;
  lastMs: number;
  /** `host:port` to where and when, in the order in which they were heard last. */
  readonly places: Map<string, LanPlace & { readonly atMs: number }>;
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
    seen.places.delete(name);
    seen.places.set(name, { ...place, atMs: now });
    if (seen.places.size > MAX_ADDRESSES) seen.places.delete(seen.places.keys().next().value!);
    const addresses = [...seen.places.values()].reverse().map(({ host, port }) => ({ host, port }));
    return { isOld: now - seen.sinceMs > SECOND_CHANCE_MS, addresses };
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
      for (const [name, { atMs }] of places) if (now - atMs > FORGET_MS) places.delete(name);
    }
  }
}
