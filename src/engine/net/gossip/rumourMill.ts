import { createHash } from 'node:crypto';
import type { KeyPair } from 'hypercore-crypto';
import type { Disposable } from '../../lifecycle';
import {
  ENTRIES_AT_ONCE,
  ENTRIES_PER_SECOND,
  GOSSIP_BYTES_AT_ONCE,
  GOSSIP_BYTES_PER_SECOND,
  MAX_GOSSIP_NAMES,
  MAX_GOSSIP_PARTS,
} from '../../limits';
import { wireSize, type WireRelease } from '../messages';
import type { Heard, Rumours, TellMe } from './gossipMessages';
import { makeRumours, type Rumour, type RumourName } from './rumour';
import { RumourStore, hexOf } from './rumourStore';

/** Neighbours that hear news at once. HyParView keeps as many. */
const ACTIVE = 6;
/** News wait for others, so that one message names many. */
const TELL_MS = 500;
/** The other neighbours have mostly heard them by then, and it costs a name. */
const TELL_OTHERS_MS = 2_000;
/** Own words are told anew, so that the room knows that we are there. */
const RETELL_MS = 10 * 60_000;
/** Changes in between are told together. */
const MIN_RETELL_MS = 30_000;
/** Somebody else is asked then. */
const ANSWER_MS = 5_000;
/** Of one message: under the limit of all control messages. */
const MESSAGE_BYTES = 60_000;
/** Others who have the same news, to be asked when the first does not answer. */
const MAX_OTHERS = 3;
const MAX_WANTS = 20_000;
/** Of one neighbour. */
const MAX_LATE = 1_000;
const TICK_MS = 1_000;

/** The way to one peer of the room. */
export interface GossipLink {
  /** Public key, hex. */
  readonly key: string;
  heard(message: Heard): void;
  tellMe(message: TellMe): void;
  rumours(message: Rumours): void;
  /** It signed for somebody else. */
  strike(reason: string): void;
}

/** Time that only goes forward. */
export interface GossipClock {
  /** Milliseconds since some moment. */
  now(): number;
  after(ms: number, call: () => void): Disposable;
}

export interface RumourMillParts {
  /** 32 bytes that name the room. */
  readonly room: Uint8Array;
  readonly keys: KeyPair;
  readonly clock: GossipClock;
  /** Milliseconds since 1970, for the order of our own lists. */
  readonly date: () => number;
  /** Whether the signature of a rumour is right. */
  readonly isGenuine: (rumour: Rumour) => boolean;
  /** All that is known of what an origin (hex) offers. */
  readonly onList: (origin: string, list: readonly WireRelease[]) => void;
  readonly onGone: (origin: string) => void;
}

interface Neighbour {
  readonly link: GossipLink;
  /** Entries that it may still bring, and bytes that it may still get. */
  readonly entries: Allowance;
  readonly bytes: Allowance;
  readonly answers: Rumour[];
  /** News that it was not told, and did not tell us. */
  unsaid: Map<string, RumourName>;
  toldAt: number;
  /** What it is to be asked next. */
  readonly queue: Want[];
  /** When it was asked for what it has not answered. */
  readonly asked: Map<string, number>;
  /** What somebody else was asked for instead. Its answer counts all the same: a slow machine would never learn anything. */
  readonly late: Set<string>;
  readonly order: string;
  isActive: boolean;
}

interface Want {
  readonly name: RumourName;
  from: Neighbour;
  readonly others: Neighbour[];
}

/**
 * Passes on what the peers of an open room offer, so that everybody hears of everybody though each is connected to a few only.
 *
 * Names go first, 42 bytes, to a few neighbours; who does not know one asks for the words. So each list travels once to
 * each peer, and what is known ends there. What is told is signed by who offers it, so who passes it on can't change it.
 */
export class RumourMill implements Disposable {
  readonly store: RumourStore;
  readonly #neighbours = new Map<string, Neighbour>();
  readonly #wants = new Map<string, Want>();
  readonly #timers = new Set<Disposable>();
  readonly #me: string;
  #own: readonly WireRelease[] | undefined;
  #ownSeq = 0;
  #toldAt = -Infinity;
  #isTelling = false;
  #isChanged = false;

  constructor(private readonly parts: RumourMillParts) {
    this.#me = hexOf(parts.keys.publicKey);
    this.store = new RumourStore(() => parts.clock.now());
    this.#tick();
  }

  get neighbours(): number {
    return this.#neighbours.size;
  }

  /** Says what we offer, at the next moment that it may be told. */
  setOwn(list: readonly WireRelease[]): void {
    this.#own = list;
    this.#isChanged = true;
    this.#tellOwn();
  }

  /** Takes part with this peer until the result is disposed. */
  add(link: GossipLink): Disposable {
    const { clock } = this.parts;
    const neighbour: Neighbour = {
      link,
      entries: new Allowance(clock, ENTRIES_PER_SECOND, ENTRIES_AT_ONCE),
      bytes: new Allowance(clock, GOSSIP_BYTES_PER_SECOND, GOSSIP_BYTES_AT_ONCE),
      answers: [],
      unsaid: new Map(),
      toldAt: clock.now(),
      queue: [],
      asked: new Map(),
      late: new Set(),
      order: orderOf(this.#me, link.key),
      isActive: false,
    };
    this.#neighbours.set(link.key, neighbour);
    this.#choose();
    for (const names of slices(this.store.names(), MAX_GOSSIP_NAMES)) link.heard({ names });
    return { dispose: () => this.#leave(neighbour) };
  }

  hear(key: string, { names }: Heard): void {
    const neighbour = this.#neighbours.get(key);
    if (!neighbour) return;
    for (const name of names) {
      const id = idOf(name);
      if ((neighbour.unsaid.get(id)?.seq ?? Infinity) <= name.seq) neighbour.unsaid.delete(id);
      if (hexOf(name.origin) === this.#me || !this.store.wants(name)) continue;
      const known = this.#wants.get(id);
      if (known && known.name.seq >= name.seq) {
        this.#share(known, neighbour);
      } else if (known || this.#wants.size < MAX_WANTS) {
        const want: Want = { name, from: neighbour, others: [] };
        this.#wants.set(id, want);
        neighbour.queue.push(want);
      }
    }
    this.#ask(neighbour);
  }

  /** One more who can be asked: it takes its part of what is not asked yet. */
  #share(want: Want, neighbour: Neighbour): void {
    const { from, others } = want;
    if (from === neighbour || others.includes(neighbour) || others.length >= MAX_OTHERS) return;
    const isAsked = from.asked.has(idOf(want.name));
    if (isAsked || neighbour.queue.length >= from.queue.length) {
      others.push(neighbour);
      return;
    }
    others.push(from);
    want.from = neighbour;
    neighbour.queue.push(want);
  }

  answer(key: string, { wanted }: TellMe): void {
    const neighbour = this.#neighbours.get(key);
    if (!neighbour) return;
    for (const { origin, part } of wanted) {
      const rumour = this.store.get(origin, part);
      if (rumour && neighbour.answers.length < MAX_GOSSIP_PARTS && !neighbour.answers.includes(rumour))
        neighbour.answers.push(rumour);
    }
    this.#sendAnswers(neighbour);
  }

  learn(key: string, { rumours }: Rumours): void {
    const neighbour = this.#neighbours.get(key);
    if (!neighbour) return;
    for (const rumour of rumours) {
      const id = idOf(rumour);
      if (!neighbour.asked.delete(id) && !neighbour.late.delete(id)) continue; // Not asked.
      if ((this.#wants.get(id)?.name.seq ?? Infinity) <= rumour.seq) this.#wants.delete(id);
      neighbour.entries.take(rumour.entries.length + 1);
      if (!this.store.wants(rumour)) continue;
      if (!this.parts.isGenuine(rumour)) {
        this.#leave(neighbour);
        neighbour.link.strike('a rumour with a wrong signature');
        return;
      }
      this.#keep(rumour, key);
    }
    this.#ask(neighbour);
  }

  dispose(): void {
    for (const timer of this.#timers) timer.dispose();
    this.#timers.clear();
    this.#neighbours.clear();
  }

  get #active(): Neighbour[] {
    return [...this.#neighbours.values()].filter(({ isActive }) => isActive);
  }

  #keep(rumour: Rumour, from: string | undefined): void {
    const isKept = this.store.add(rumour, from ?? this.#me, (gone) => this.parts.onGone(gone));
    if (!isKept) return;
    const origin = hexOf(rumour.origin);
    if (origin !== this.#me) this.parts.onList(origin, this.store.listOf(origin));
    const id = idOf(rumour);
    for (const neighbour of this.#neighbours.values())
      if (neighbour.link.key !== from) neighbour.unsaid.set(id, rumour);
    this.#tellSoon();
  }

  #tellOwn(): void {
    const { clock, date, room, keys } = this.parts;
    if (!this.#own) return;
    const age = clock.now() - this.#toldAt;
    if (age < (this.#isChanged ? MIN_RETELL_MS : RETELL_MS)) return;
    this.#isChanged = false;
    this.#toldAt = clock.now();
    this.#ownSeq = Math.max(date(), this.#ownSeq + 1);
    for (const rumour of makeRumours(room, keys, this.#ownSeq, this.#own)) this.#keep(rumour, undefined);
  }

  #tellSoon(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#later(TELL_MS, () => {
      this.#isTelling = false;
      for (const neighbour of this.#active) this.#tell(neighbour);
    });
  }

  #tell(neighbour: Neighbour): void {
    const { link, unsaid } = neighbour;
    neighbour.unsaid = new Map();
    neighbour.toldAt = this.parts.clock.now();
    for (const names of slices([...unsaid.values()], MAX_GOSSIP_NAMES)) link.heard({ names });
  }

  /** One message at a time, so that what it has of us to do is bounded. */
  #ask(neighbour: Neighbour): void {
    if (neighbour.asked.size > 0) return;
    const room = Math.min(MAX_GOSSIP_PARTS, Math.floor(neighbour.entries.left));
    const wanted: Want[] = [];
    while (wanted.length < room && neighbour.queue.length > 0) {
      const want = neighbour.queue.shift()!;
      const isOpen = this.#wants.get(idOf(want.name)) === want && want.from === neighbour;
      if (isOpen && this.store.wants(want.name)) wanted.push(want);
    }
    if (wanted.length === 0) return;
    for (const { name } of wanted) neighbour.asked.set(idOf(name), this.parts.clock.now());
    neighbour.link.tellMe({ wanted: wanted.map(({ name: { origin, part } }) => ({ origin, part })) });
  }

  #sendAnswers(neighbour: Neighbour): void {
    while (neighbour.answers.length > 0 && neighbour.bytes.left > 0) {
      const rumours: Rumour[] = [];
      for (let bytes = 0; neighbour.answers.length > 0;) {
        bytes += sizeOf(neighbour.answers[0]!);
        if (rumours.length > 0 && bytes > MESSAGE_BYTES) break;
        rumours.push(neighbour.answers.shift()!);
      }
      neighbour.bytes.take(rumours.reduce((sum, rumour) => sum + sizeOf(rumour), 0));
      neighbour.link.rumours({ rumours });
    }
  }

  #tick(): void {
    this.#later(TICK_MS, () => this.#tick());
    for (const origin of this.store.expire()) this.parts.onGone(origin);
    this.#tellOwn();
    this.#askOthers();
    for (const neighbour of this.#neighbours.values()) {
      if (this.parts.clock.now() - neighbour.toldAt >= TELL_OTHERS_MS) this.#tell(neighbour);
      this.#ask(neighbour);
      this.#sendAnswers(neighbour);
    }
  }

  /** Who does not answer is asked no more for that. */
  #askOthers(): void {
    const now = this.parts.clock.now();
    for (const [id, want] of this.#wants) {
      const { from, others } = want;
      const isHere = this.#neighbours.get(from.link.key) === from;
      const askedAt = from.asked.get(id) ?? now;
      if (isHere && now - askedAt < ANSWER_MS) continue;
      if (from.asked.delete(id) && from.late.size < MAX_LATE) from.late.add(id);
      const next = others.shift();
      if (!next) {
        this.#wants.delete(id);
        continue;
      }
      want.from = next;
      next.queue.push(want);
    }
  }

  #leave(neighbour: Neighbour): void {
    const { key } = neighbour.link;
    if (this.#neighbours.get(key) !== neighbour) return;
    this.#neighbours.delete(key);
    this.#choose();
  }

  /** By lot, so that who came last hears as much as who came first. */
  #choose(): void {
    const byLot = [...this.#neighbours.values()].sort((a, b) => (a.order < b.order ? -1 : 1));
    for (const [i, neighbour] of byLot.entries()) neighbour.isActive = i < ACTIVE;
  }

  #later(ms: number, call: () => void): void {
    const timer = this.parts.clock.after(ms, () => {
      this.#timers.delete(timer);
      call();
    });
    this.#timers.add(timer);
  }
}

/** So much a second, and so much at once. */
class Allowance {
  #left: number;
  #filledAt: number;

  constructor(
    private readonly clock: GossipClock,
    private readonly perSecond: number,
    private readonly burst: number,
  ) {
    this.#left = burst;
    this.#filledAt = clock.now();
  }

  get left(): number {
    const now = this.clock.now();
    this.#left = Math.min(this.burst, this.#left + ((now - this.#filledAt) / 1_000) * this.perSecond);
    this.#filledAt = now;
    return this.#left;
  }

  take(amount: number): void {
    this.#left = this.left - amount;
  }
}

/** The lot of two peers, the same for both. */
function orderOf(a: string, b: string): string {
  return createHash('sha256').update([a, b].sort().join(' ')).digest('hex');
}

function idOf({ origin, part }: Pick<RumourName, 'origin' | 'part'>): string {
  return `${hexOf(origin)} ${part}`;
}

function sizeOf({ entries }: Rumour): number {
  return entries.reduce((sum, entry) => sum + wireSize(entry), 128);
}

function* slices<T>(list: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < list.length; at += size) yield list.slice(at, at + size);
}
