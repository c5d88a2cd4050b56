import { createHash } from 'node:crypto';
import c, { type Encoder } from 'compact-encoding';
import { keyPair, type KeyPair } from 'hypercore-crypto';
import { heard, rumours, tellMe } from '../../src/engine/net/gossip/gossipMessages';
import { isGenuine, type Rumour } from '../../src/engine/net/gossip/rumour';
import { RumourMill, type GossipLink } from '../../src/engine/net/gossip/rumourMill';
import { hexOf } from '../../src/engine/net/gossip/rumourStore';
import type { WireRelease } from '../../src/engine/net/messages';
import type { Clock } from '../../src/engine/transfer/clock';
import { makeRelease } from './packages';

const ROOM = createHash('sha256').update('a room').digest();

export interface TownPeer {
  readonly key: string;
  readonly keys: KeyPair;
  readonly mill: RumourMill;
  readonly lists: Map<string, readonly WireRelease[]>;
  readonly sizes: number[];
  readonly struck: Set<string>;
  readonly links: Map<TownPeer, { dispose(): void }>;
  readonly isSilent: boolean;
  readonly isLiar: boolean;
  bytes: number;
}

interface Carried<M> {
  readonly bytes: number;
  readonly message: M;
}

/** Peers that are connected by the encoded messages, which arrive a millisecond later. */
export class Town {
  readonly clock = new BusyClock();
  readonly #peers = new Set<TownPeer>();
  readonly #genuine = new WeakMap<Rumour, boolean>();

  add({ isSilent = false, isLiar = false } = {}): TownPeer {
    const keys = keyPair();
    const key = hexOf(keys.publicKey);
    const lists = new Map<string, readonly WireRelease[]>();
    const sizes: number[] = [];
    const mill = new RumourMill({
      room: ROOM,
      keys,
      clock: this.clock,
      date: () => 1_800_000_000_000 + this.clock.now(),
      isGenuine: (rumour) => this.#isGenuine(rumour),
      onList: (origin, list) => {
        lists.set(origin, list);
        sizes.push(list.length);
      },
      onGone: (origin) => lists.delete(origin),
    });
    const peer = {
      key,
      keys,
      mill,
      lists,
      sizes,
      struck: new Set<string>(),
      links: new Map(),
      isSilent,
      isLiar,
      bytes: 0,
    };
    this.#peers.add(peer);
    return peer;
  }

  connect(a: TownPeer, b: TownPeer): void {
    if (a === b || a.links.has(b)) return;
    a.links.set(b, a.mill.add(this.#link(a, b)));
    b.links.set(a, b.mill.add(this.#link(b, a)));
  }

  remove(peer: TownPeer): void {
    for (const [other, link] of peer.links) {
      link.dispose();
      other.links.get(peer)?.dispose();
      other.links.delete(peer);
    }
    peer.mill.dispose();
    this.#peers.delete(peer);
  }

  close(): void {
    for (const { mill } of this.#peers) mill.dispose();
  }

  /** The same thousand lists are verified by each of a thousand: once is enough for a test. */
  #isGenuine(rumour: Rumour): boolean {
    const known = this.#genuine.get(rumour) ?? isGenuine(ROOM, rumour);
    this.#genuine.set(rumour, known);
    return known;
  }

  /** Through the encoding. A crowd only has its length counted: a million lists would be written and read. */
  #carry<M>(encoding: Encoder<M>, message: M): Carried<M> {
    if (this.#peers.size > 100) {
      const state = { start: 0, end: 0, buffer: null };
      encoding.preencode(state, message);
      return { bytes: state.end, message };
    }
    const bytes = c.encode(encoding, message);
    return { bytes: bytes.byteLength, message: c.decode(encoding, bytes) };
  }

  #link(from: TownPeer, to: TownPeer): GossipLink {
    const send = <M>({ bytes, message }: Carried<M>, arrive: (message: M) => void): void => {
      from.bytes += bytes;
      this.clock.after(1, () => {
        if (to.links.has(from) && this.#peers.has(from)) arrive(message);
      });
    };
    return {
      key: to.key,
      heard: (message) => {
        send(this.#carry(heard, message), (said) => to.mill.hear(from.key, said));
      },
      tellMe: (message) => {
        send(this.#carry(tellMe, message), (said) => to.mill.answer(from.key, said));
      },
      rumours: (message) => {
        if (from.isSilent) return;
        const said = from.isLiar ? { rumours: message.rumours.map(changed) } : message;
        send(this.#carry(rumours, said), (heard) => to.mill.learn(from.key, heard));
      },
      strike: () => from.struck.add(to.key),
    };
  }
}

function changed(rumour: Rumour): Rumour {
  return { ...rumour, entries: rumour.entries.slice(1) };
}

export function entries(count: number, seed: number): WireRelease[] {
  return Array.from({ length: count }, (_, i) => {
    const id = createHash('sha256').update(`${seed} ${i}`).digest('hex');
    const { authorKey, signature, payload } = RELEASE;
    return { authorKey, signature, payload: Buffer.concat([payload, Buffer.from(id)]) };
  });
}

const RELEASE = makeRelease('a'.repeat(64));

/** Virtual time with a hundred thousand timers. What they call settles no promises. */
class BusyClock implements Clock {
  readonly #calls = new Map<number, Set<() => void>>();
  #now = 0;

  now(): number {
    return this.#now;
  }

  after(ms: number, call: () => void): { dispose(): void } {
    const at = this.#now + Math.max(1, Math.ceil(ms));
    const calls = this.#calls.get(at) ?? new Set();
    this.#calls.set(at, calls);
    const own = () => call(); // The same function may wait twice.
    calls.add(own);
    return { dispose: () => void calls.delete(own) };
  }

  advance(ms: number): void {
    for (const end = this.#now + ms; this.#now < end;) {
      this.#now++;
      for (const call of this.#calls.get(this.#now) ?? []) call();
      this.#calls.delete(this.#now);
    }
  }
}
