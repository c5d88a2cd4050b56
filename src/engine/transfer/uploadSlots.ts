import type { Disposable } from '../lifecycle';
import { UPLOAD_SLOTS } from '../limits';
import type { Clock } from './clock';

/** The others go round among those who have given us nothing, or not enough, so that everybody gets to show what they give. */
const SLOTS_FOR_GIVERS = 6;
/** Who has got less than this needs no slot: a small adapter, or the start of a large one, which lets a new peer give too. */
const FREE_BYTES = 5_000_000;
const REVIEW_MS = 10_000;
/** Who has a slot keeps it for so long, when others wait. */
const TURN_MS = 30_000;
/** Who asks for nothing and takes nothing for so long does not need its slot. */
const IDLE_MS = 5_000;
/** What a peer gave us counts half after this time. */
const HALF_LIFE_MS = 300_000;
/** Peers that are remembered; the one that was not seen for longest is forgotten. */
const MAX_PEERS = 1_000;

interface Peer {
  readonly key: string;
  /** Bytes that it gave us, as they counted at `gaveAt`. */
  gave: number;
  gaveAt: number;
  /** Bytes that it got. */
  got: number;
  /** When it last asked for something or got something. */
  activeAt: number;
  /** Since when it has its slot. */
  heldSince: number | undefined;
  /** Since when it has been sent away for want of a slot. */
  waitsSince: number | undefined;
}

/**
 * Who may fetch when many want to: those who gave us most lately, and some of the others in turn. Everybody gets the first
 * 5 MB. Not asked about peers of the local network, where there is enough for all.
 */
export class UploadSlots implements Disposable {
  /** In the order in which they were last seen. */
  readonly #peers = new Map<string, Peer>();
  #reviewAt = -Infinity;
  #timer: Disposable | undefined;

  /** @param onDidLose a peer had to leave its slot to somebody. */
  constructor(
    private readonly clock: Clock,
    private readonly onDidLose: (key: string) => void,
  ) {}

  /** Peers that are remembered. */
  get size(): number {
    return this.#peers.size;
  }

  /** A peer wants chunks. @returns 0 when it may have them, or when to ask again. */
  waitMs(key: string): number {
    const now = this.clock.now();
    const peer = this.#seen(key);
    if (peer.got < FREE_BYTES || peer.heldSince !== undefined) return 0;
    this.#freeIdle();
    if (this.#holders().length < UPLOAD_SLOTS) {
      this.#give(peer);
      return 0;
    }
    peer.waitsSince ??= now;
    if (!this.#timer) this.#schedule();
    return Math.max(1, Math.ceil(this.#reviewAt - now));
  }

  /** Verified bytes came from a peer. */
  gave(key: string, bytes: number): void {
    const peer = this.#seen(key);
    peer.gave = this.#credit(peer) + bytes;
    peer.gaveAt = this.clock.now();
  }

  /** Bytes went out to a peer. @returns false when it has no slot and needs one from now on. */
  got(key: string, bytes: number): boolean {
    const peer = this.#seen(key);
    peer.got += bytes;
    return this.waitMs(key) === 0;
  }

  dispose(): void {
    this.#timer?.dispose();
  }

  #seen(key: string): Peer {
    const now = this.clock.now();
    const peer = this.#peers.get(key) ?? {
      key,
      gave: 0,
      gaveAt: now,
      got: 0,
      activeAt: now,
      heldSince: undefined,
      waitsSince: undefined,
    };
    peer.activeAt = now;
    this.#peers.delete(key);
    this.#peers.set(key, peer);
    for (const [oldest] of this.#peers) {
      if (this.#peers.size <= MAX_PEERS) break;
      this.#peers.delete(oldest);
    }
    return peer;
  }

  #credit({ gave, gaveAt }: Peer): number {
    return gave * 2 ** ((gaveAt - this.clock.now()) / HALF_LIFE_MS);
  }

  #holders(): Peer[] {
    return [...this.#peers.values()].filter(({ heldSince }) => heldSince !== undefined);
  }

  #give(peer: Peer): void {
    peer.heldSince = peer.activeAt = this.clock.now(); // It may come for it later, when it was told to.
    peer.waitsSince = undefined;
  }

  #freeIdle(): void {
    const now = this.clock.now();
    for (const peer of this.#holders()) if (now - peer.activeAt > IDLE_MS) peer.heldSince = undefined;
  }

  #schedule(): void {
    this.#reviewAt = this.clock.now() + REVIEW_MS;
    this.#timer = this.clock.after(REVIEW_MS, () => this.#review());
  }

  /** Slots go to those who gave most, and then to those whose turn it is. */
  #review(): void {
    this.#timer = undefined;
    this.#freeIdle();
    const now = this.clock.now();
    for (const peer of this.#peers.values()) if (now - peer.activeAt > REVIEW_MS + IDLE_MS) peer.waitsSince = undefined; // It has not come back.
    const holders = this.#holders();
    const waiting = [...this.#peers.values()].filter(({ waitsSince }) => waitsSince !== undefined);
    if (waiting.length === 0) return;

    const givers = [...holders, ...waiting]
      .filter((peer) => this.#credit(peer) >= 1)
      .sort((a, b) => this.#credit(b) - this.#credit(a))
      .slice(0, SLOTS_FOR_GIVERS);
    const isGiver = new Set(givers);
    const others = [
      ...holders.filter(({ heldSince }) => now - heldSince! < TURN_MS),
      ...waiting.sort((a, b) => a.waitsSince! - b.waitsSince!),
      ...holders.filter(({ heldSince }) => now - heldSince! >= TURN_MS).sort((a, b) => b.heldSince! - a.heldSince!),
    ].filter((peer) => !isGiver.has(peer));
    const chosen = new Set([...givers, ...others].slice(0, UPLOAD_SLOTS));

    for (const peer of chosen) if (peer.heldSince === undefined) this.#give(peer);
    this.#schedule();
    for (const peer of holders) {
      if (chosen.has(peer)) continue;
      peer.heldSince = undefined;
      peer.waitsSince = now;
      this.onDidLose(peer.key);
    }
  }
}
