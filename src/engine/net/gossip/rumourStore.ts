import { GOSSIP_KEEP_MS, MAX_CATALOG_CONTENTS, MAX_GOSSIP_LISTS } from '../../limits';
import type { WireRelease } from '../messages';
import type { Rumour, RumourName } from './rumour';

interface List {
  readonly seq: number;
  readonly parts: (Rumour | undefined)[];
  /** Who told it first, hex. Whoever brings much gives way to who brings little. */
  readonly teller: string;
  readonly heardAt: number;
  /** What was shown before, until all parts are here. */
  readonly before: readonly WireRelease[];
}

/** What was heard of the peers of a room, within limits that nobody can use up alone. */
export class RumourStore {
  /** By origin, hex; the newest last. */
  readonly #lists = new Map<string, List>();
  readonly #byTeller = new Map<string, number>();
  #entries = 0;

  constructor(private readonly now: () => number) {}

  get entries(): number {
    return this.#entries;
  }

  get lists(): number {
    return this.#lists.size;
  }

  /** Whose lists are here, hex. */
  origins(): string[] {
    return [...this.#lists.keys()];
  }

  /** Newest first. */
  names(): RumourName[] {
    const names: RumourName[] = [];
    for (const { parts } of [...this.#lists.values()].reverse()) for (const part of parts) if (part) names.push(part);
    return names;
  }

  /** Whether it would be news. */
  wants({ origin, seq, part }: RumourName): boolean {
    const list = this.#lists.get(hexOf(origin));
    return !list || seq > list.seq || (seq === list.seq && part < list.parts.length && !list.parts[part]);
  }

  get(origin: Uint8Array, part: number): Rumour | undefined {
    return this.#lists.get(hexOf(origin))?.parts[part];
  }

  /**
   * Keeps a part whose signature is right.
   *
   * @param teller who told it, hex. @param onGone an origin that gave way.
   * @returns whether it is kept: not when it is old, or there is no place for one more of this teller.
   */
  add(rumour: Rumour, teller: string, onGone: (origin: string) => void): boolean {
    const origin = hexOf(rumour.origin);
    const known = this.#lists.get(origin);
    if (!this.wants(rumour)) return false;
    const list = known?.seq === rumour.seq ? known : this.#renew(origin, rumour, teller);
    if (rumour.parts !== list.parts.length) return false; // Its origin says two things.
    while (this.#entries + rumour.entries.length > MAX_CATALOG_CONTENTS || this.#lists.size > MAX_GOSSIP_LISTS)
      if (!this.#makePlace(origin, list.teller, onGone)) {
        if (list.parts.every((part) => !part)) this.#drop(origin);
        return false;
      }
    list.parts[rumour.part] = rumour;
    this.#count(list.teller, rumour.entries.length);
    return true;
  }

  /** What an origin offers, as far as it was heard. */
  listOf(origin: string): readonly WireRelease[] {
    const list = this.#lists.get(origin);
    if (!list) return [];
    const isWhole = list.parts.every((part) => part !== undefined);
    const heard = list.parts.flatMap((part) => part?.entries ?? []);
    return isWhole || list.before.length === 0 ? heard : list.before;
  }

  /** Forgets what nobody tells any more. @returns the origins. */
  expire(): string[] {
    const gone = [...this.#lists]
      .filter(([, { heardAt }]) => this.now() - heardAt > GOSSIP_KEEP_MS)
      .map(([origin]) => origin);
    for (const origin of gone) this.#drop(origin);
    return gone;
  }

  /** Its words of before go with the list, but are shown until the new ones are all here. */
  #renew(origin: string, { seq, parts }: Rumour, teller: string): List {
    const before = this.listOf(origin);
    this.#drop(origin);
    const list = { seq, parts: new Array<undefined>(parts).fill(undefined), teller, heardAt: this.now(), before };
    this.#lists.set(origin, list);
    return list;
  }

  /** The newest list of who brought most goes. @returns false when nobody brought more than this teller. */
  #makePlace(keep: string, teller: string, onGone: (origin: string) => void): boolean {
    let most = teller;
    for (const [key, count] of this.#byTeller) if (count > (this.#byTeller.get(most) ?? 0)) most = key;
    if (most === teller && this.#byTeller.size > 1) return false;
    const newest = [...this.#lists].reverse().find(([origin, list]) => origin !== keep && list.teller === most);
    if (!newest) return false;
    this.#drop(newest[0]);
    onGone(newest[0]);
    return true;
  }

  #drop(origin: string): void {
    const list = this.#lists.get(origin);
    if (!list) return;
    this.#lists.delete(origin);
    for (const part of list.parts) if (part) this.#count(list.teller, -part.entries.length);
  }

  #count(teller: string, entries: number): void {
    this.#entries += entries;
    const left = (this.#byTeller.get(teller) ?? 0) + entries;
    if (left > 0) this.#byTeller.set(teller, left);
    else this.#byTeller.delete(teller);
  }
}

export function hexOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('hex');
}
