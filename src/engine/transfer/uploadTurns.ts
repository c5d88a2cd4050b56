import { CHUNK_BYTES, MAX_FRAME_BYTES } from '../limits';
import type { RateLimit } from './rate';
import type { UploadPeer } from './uploadPeer';

/** A frame is what goes out in this time, so that control messages never wait long behind one. */
const FRAME_SECONDS = 0.05;

/**
 * Beside the rooms a frame is copied three times on its way, into memory that is new each time: what fits into the caches and
 * the free lists costs less, and control messages wait less.
 */
const MAX_ROOM_FRAME_BYTES = 4 * CHUNK_BYTES;

/** Who goes next, with how much. */
export interface Turn {
  readonly peer: UploadPeer;
  readonly bytes: number;
  /** What of its first request goes into the frame at most. */
  readonly frameBytes: number;
  /** All that the frame counts against. */
  readonly limits: readonly RateLimit[];
}

export interface UploadTurnsParts {
  /** What the next frame of a peer counts against. */
  readonly limitsOf: (peer: UploadPeer) => readonly RateLimit[];
  /** A limit that held somebody up allows something again. */
  readonly onAllowed: () => void;
  readonly signal: AbortSignal;
}

/**
 * Deficit round robin over the peers that are ready. Each turn brings 64 KiB, and a peer sends when it has saved up for its
 * frame. So long frames bring no more than short ones, and who asks for much gets no more than who asks for little.
 */
export class UploadTurns {
  /** In the order of their turns. */
  #ring: UploadPeer[] = [];
  readonly #waitedFor = new Set<RateLimit>();

  constructor(private readonly parts: UploadTurnsParts) {}

  get peers(): readonly UploadPeer[] {
    return this.#ring;
  }

  add(peer: UploadPeer): void {
    this.#ring.push(peer);
  }

  remove(peer: UploadPeer): void {
    this.#ring = this.#ring.filter((other) => other !== peer);
  }

  /**
   * The next frame that may go out now. Its peer is asked again first when the turn is not taken.
   *
   * @returns undefined when nobody is ready, or limits hold all of them up; `onAllowed` tells when that is over.
   */
  next(): Turn | undefined {
    const limits = new Map<UploadPeer, readonly RateLimit[]>();
    for (const peer of this.#ring) {
      if (peer.queue.isEmpty) peer.deficit = 0;
      if (!peer.isReady) continue;
      const its = this.parts.limitsOf(peer);
      // Who is held up saves nothing meanwhile, and holds nobody else up.
      if (its.every((limit) => this.#allows(limit))) limits.set(peer, its);
    }
    if (limits.size === 0) return undefined;
    for (;;) {
      const peer = this.#ring.shift()!;
      this.#ring.push(peer);
      const its = limits.get(peer);
      if (!its) continue;
      const frameBytes = frameBytesOf(peer, its);
      const bytes = peer.queue.nextBytes(frameBytes);
      peer.deficit = Math.min(MAX_FRAME_BYTES, peer.deficit + CHUNK_BYTES);
      if (peer.deficit >= bytes) return { peer, bytes, frameBytes, limits: its };
    }
  }

  #allows(limit: RateLimit): boolean {
    if (limit.tryTake(0)) return true;
    if (!this.#waitedFor.has(limit)) void this.#waitFor(limit);
    return false;
  }

  /** The limit first and the peer then: who waited in the limit's line could not be overtaken by whose turn it is. */
  async #waitFor(limit: RateLimit): Promise<void> {
    this.#waitedFor.add(limit);
    await limit.take(0, this.parts.signal).catch(() => undefined);
    this.#waitedFor.delete(limit);
    if (!this.parts.signal.aborted) this.parts.onAllowed();
  }
}

/** What this peer takes in a twentieth of a second, and no more than its limits let out in that time. */
function frameBytesOf(peer: UploadPeer, limits: readonly RateLimit[]): number {
  let rate = peer.meter.bytesPerSecond;
  for (const { isUnlimited, bytesPerSecond } of limits) if (!isUnlimited) rate = Math.min(rate, bytesPerSecond);
  const most = peer.link.isLane ? MAX_FRAME_BYTES : MAX_ROOM_FRAME_BYTES;
  return Math.min(most, Math.max(CHUNK_BYTES, rate * FRAME_SECONDS));
}
