import { performance } from 'node:perf_hooks';
import type { KeyPair } from 'hypercore-crypto';
import { hasCode } from '../../errors';
import type { Disposable } from '../../lifecycle';
import type { Logger } from '../../log';
import { openRelease, type SignedRelease } from '../../release/release';
import type { WireRelease } from '../messages';
import type { RoomLink } from '../roomLink';
import type { GossipMessage } from './gossipMessages';
import { isGenuine } from './rumour';
import { RumourMill, type GossipClock } from './rumourMill';

export interface CrowdParts {
  readonly keys: KeyPair;
  /** 32 bytes that name the room. */
  readonly room: Uint8Array;
  /** Whether this peer (hex) tells us itself what it offers. Then others are not believed about it. */
  readonly isHere: (key: string) => boolean;
  /** All that a peer who is not connected offers, as others passed it on in its own signed words. */
  readonly onList: (key: string, entries: readonly SignedRelease[]) => void;
  readonly onGone: (key: string) => void;
  readonly log: Logger;
}

/** The open room beyond those that we are connected to: hears what they offer, and passes it on. */
export class Crowd implements Disposable {
  readonly #links = new Map<RoomLink, Disposable>();
  /** Each release is checked once, however often its list comes. */
  readonly #opened = new WeakMap<WireRelease, SignedRelease | null>();
  readonly #shown = new Set<string>();
  #mill: RumourMill | undefined;

  constructor(private readonly parts: CrowdParts) {}

  /** How many peers it knows to offer something, connected or not. */
  get size(): number {
    return this.#mill?.store.lists ?? 0;
  }

  /** The room was switched on. */
  open(): void {
    const { room, keys } = this.parts;
    this.#mill ??= new RumourMill({
      room,
      keys,
      clock: CLOCK,
      date: () => Date.now(),
      isGenuine: (rumour) => isGenuine(room, rumour),
      onList: (origin, list) => this.#show(origin, list),
      onGone: (origin) => this.#hide(origin),
    });
  }

  /** The room was switched off: nobody is listened to, and what was heard does not count any more. */
  close(): void {
    this.#mill?.dispose();
    this.#mill = undefined;
    this.#links.clear();
    for (const key of this.#shown) this.#hide(key);
  }

  setOwn(entries: readonly SignedRelease[]): void {
    this.#mill?.setOwn(entries.map(({ authorKey, signature, payload }) => ({ authorKey, signature, payload })));
  }

  /** @param strike it signed for somebody else. */
  enter(link: RoomLink, strike: (reason: string) => void): void {
    if (!this.#mill || this.#links.has(link)) return;
    const joined = this.#mill.add({
      key: link.peerKey,
      heard: (message) => link.sendGossip({ kind: 'heard', ...message }),
      tellMe: (message) => link.sendGossip({ kind: 'tellMe', ...message }),
      rumours: (message) => link.sendGossip({ kind: 'rumours', ...message }),
      strike,
    });
    this.#links.set(link, joined);
  }

  /** What it said itself was taken back; what others say of it counts again when it is newer. */
  leave(link: RoomLink): void {
    this.#links.get(link)?.dispose();
    this.#links.delete(link);
  }

  hear(link: RoomLink, message: GossipMessage): void {
    if (!this.#links.has(link)) return;
    if (message.kind === 'heard') this.#mill?.hear(link.peerKey, message);
    else if (message.kind === 'tellMe') this.#mill?.answer(link.peerKey, message);
    else this.#mill?.learn(link.peerKey, message);
  }

  /** Some peers that are not connected, drawn anew each time. Hex. */
  strangers(count: number): string[] {
    const origins = this.#mill?.store.origins() ?? [];
    const others = origins.filter((key) => !this.parts.isHere(key) && key !== this.#me);
    return draw(others, count);
  }

  dispose(): void {
    this.close();
  }

  get #me(): string {
    return this.parts.keys.publicKey.toString('hex');
  }

  #show(origin: string, list: readonly WireRelease[]): void {
    this.#shown.delete(origin);
    if (this.parts.isHere(origin)) return;
    this.#shown.add(origin);
    this.parts.onList(
      origin,
      list.flatMap((entry) => this.#open(entry) ?? []),
    );
  }

  #hide(origin: string): void {
    if (this.#shown.delete(origin) && !this.parts.isHere(origin)) this.parts.onGone(origin);
  }

  #open(entry: WireRelease): SignedRelease | null {
    const known = this.#opened.get(entry);
    if (known !== undefined) return known;
    const opened = this.#tryOpen(entry);
    this.#opened.set(entry, opened);
    return opened;
  }

  #tryOpen({ payload, signature, authorKey }: WireRelease): SignedRelease | null {
    try {
      return openRelease(payload, signature, authorKey);
    } catch (error) {
      // One bad entry must not hide the good ones; a later version may also allow what we refuse.
      if (!hasCode(error, 'RELEASE_INVALID')) throw error;
      this.parts.log.debug(`a release that was passed on: ${error.message}`);
      return null;
    }
  }
}

const CLOCK: GossipClock = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    timer.unref();
    return { dispose: () => clearTimeout(timer) };
  },
};

/** Draws without putting back. */
export function draw<T>(from: readonly T[], count: number): T[] {
  const left = [...from];
  const drawn: T[] = [];
  while (drawn.length < count && left.length > 0) {
    const at = Math.floor(Math.random() * left.length);
    drawn.push(left[at]!);
    left[at] = left.at(-1)!;
    left.pop();
  }
  return drawn;
}
