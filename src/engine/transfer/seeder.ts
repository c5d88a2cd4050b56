import { inspect } from 'node:util';
import { hasCode } from '../errors';
import type { Disposable } from '../lifecycle';
import { MAX_QUEUED_OF_ALL, MAX_UNSENT_BYTES, STALLED_FRAME_MS } from '../limits';
import type { Logger } from '../log';
import type { TransferMessage } from '../net/transferMessages';
import { monotonicClock, type Clock } from './clock';
import { FramePool, type Frame } from './framePool';
import type { TransferLink } from './link';
import type { RateLimit } from './rate';
import { Shares, type OpenReader, type Share } from './share';
import { UploadPeer, type TakerState } from './uploadPeer';
import { messageOf } from './uploadMessage';
import type { Job } from './uploadQueue';
import { UploadSlots } from './uploadSlots';
import { UploadTurns } from './uploadTurns';

/** Frames that are read at once: the file system's threads. */
const MAX_READS = 4;
const FULL_RETRY_MS = 1_000;
/** But everybody gets this many, so that a few greedy ones can't shut others out. */
const QUEUED_FOR_EACH = 4;
const FAILED_RETRY_MS = 5_000;
/** Nobody knows how long a pause is; who is sent away asks others meanwhile. */
const PAUSED_RETRY_MS = 15_000;
/** Memory of frames stays for the next adapter of a row, and not for ever. */
const KEEP_FRAMES_MS = 5_000;

export interface SeederParts {
  readonly open: OpenReader;
  /** Of all uploads together. */
  readonly uploadLimit: RateLimit;
  /** Of what goes to this peer of this package, on top. Asked for every frame. */
  readonly limitsFor?: (peerKey: string, contentId: string) => readonly RateLimit[];
  readonly log: Logger;
  /** A file is not what was shared: `SOURCE_CHANGED` or `SOURCE_MISSING`. Nobody is served from it any more. */
  readonly onSourceProblem: (contentId: string, error: Error) => void;
  readonly clock?: Clock;
}

/** What goes out of one package. */
export interface UploadState {
  readonly contentId: string;
  /** Peers that have it open with us. */
  readonly peers: number;
  /** Bytes per second over the last seconds. */
  readonly rate: number;
  /** Since the first of these peers came. */
  readonly bytes: number;
  /** Bytes in each of the last 60 seconds, oldest first. */
  readonly rates: readonly number[];
  /** Each connection that has it open, quickest first. */
  readonly takers: readonly TakerState[];
}

/**
 * Serves packages to peers, in fair turns. Memory is bounded whatever peers ask: requests wait as numbers, and the next
 * frame of a peer is read when the connection has the one before.
 */
export class Seeder implements Disposable {
  readonly #over = new AbortController();
  readonly #clock: Clock;
  readonly #shares: Shares;
  readonly #slots: UploadSlots;
  readonly #turns: UploadTurns;
  readonly #frames = new FramePool();
  readonly #attached = new Map<UploadPeer, Disposable>();
  #isPaused = false;
  #reads = 0;
  #unsentBytes = 0;
  #retry: Disposable | undefined;
  #forgetting: Disposable | undefined;

  constructor(private readonly parts: SeederParts) {
    this.#clock = parts.clock ?? monotonicClock;
    this.#shares = new Shares(parts.open, this.#clock);
    this.#slots = new UploadSlots(this.#clock, (key) => this.#sendAway(key));
    this.#turns = new UploadTurns({
      limitsOf: (peer) => this.#limitsOf(peer),
      onAllowed: () => this.#serve(),
      signal: this.#over.signal,
    });
  }

  /**
   * Serves this peer until the link closes or the result is disposed.
   *
   * @param allows asked at every step: whether the peer may have it, because it is shared in a room that it proved.
   */
  attach(link: TransferLink, allows: (contentId: string) => boolean): Disposable {
    const peer = new UploadPeer({
      link,
      allows,
      acquire: (contentId) => this.#acquire(contentId),
      release: (share) => this.#release(share),
      pausedMs: () => (this.#isPaused ? PAUSED_RETRY_MS : 0),
      waitMs: () => this.#waitMs(link),
      hasRoom: (queuedHere) => queuedHere < QUEUED_FOR_EACH || this.#queued < MAX_QUEUED_OF_ALL,
      onError: (error) => this.#logBug(error),
      wake: () => this.#serve(),
      clock: this.#clock,
    });
    const detach = () => {
      if (!this.#attached.delete(peer)) return;
      this.#turns.remove(peer);
      closed.dispose();
      peer.dispose();
    };
    const closed = link.onDidClose(detach);
    this.#attached.set(peer, { dispose: detach });
    this.#turns.add(peer);
    return { dispose: detach };
  }

  /** No longer shared: whoever fetches it is told, and gets nothing more. */
  revoke(contentId: string): void {
    for (const share of this.#shares.list) if (share.contentId === contentId) this.#stop(share, 'gone');
  }

  /** Verified bytes came from this peer, so it may expect some. */
  credit(peerKey: string, bytes: number): void {
    this.#slots.gave(peerKey, bytes);
  }

  /** All uploads stand still: who asks is told to come back. What the connections have taken already still goes out. */
  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    for (const peer of this.#turns.peers) peer.sendAway(PAUSED_RETRY_MS);
  }

  resume(): void {
    this.#isPaused = false;
  }

  /** What goes out now. */
  get state(): readonly UploadState[] {
    return this.#shares.list.map((share) => {
      const takers = this.#turns.peers.flatMap((peer) => peer.stateOf(share) ?? []);
      return {
        contentId: share.contentId,
        peers: new Set(takers.map(({ key }) => key)).size,
        rate: share.meter.bytesPerSecond,
        bytes: share.meter.total,
        rates: share.history.samples,
        takers: takers.sort((a, b) => b.rate - a.rate),
      };
    });
  }

  dispose(): void {
    this.#over.abort();
    this.#retry?.dispose();
    this.#forgetting?.dispose();
    this.#slots.dispose();
    for (const detach of [...this.#attached.values()]) detach.dispose();
  }

  async #acquire(contentId: string): Promise<Share | undefined> {
    try {
      return await this.#shares.acquire(contentId);
    } catch (error) {
      this.#report(contentId, error);
      return undefined;
    }
  }

  #release(share: Share): void {
    this.#quietly(this.#shares.release(share));
    if (this.#shares.list.length > 0 || this.#over.signal.aborted) return;
    this.#forgetting?.dispose();
    this.#forgetting = this.#clock.after(KEEP_FRAMES_MS, () => this.#frames.clear());
  }

  get #queued(): number {
    return this.#turns.peers.reduce((sum, peer) => sum + peer.queue.requests, 0);
  }

  #limitsOf(peer: UploadPeer): readonly RateLimit[] {
    const { uploadLimit, limitsFor } = this.parts;
    const share = peer.queue.nextShare;
    const own = share && limitsFor?.(peer.link.peerKey, share.contentId);
    return own ? [uploadLimit, ...own] : [uploadLimit];
  }

  /** 0 when the peer may have chunks now. */
  #waitMs({ peerKey, isLan }: TransferLink): number {
    if (this.#isPaused) return PAUSED_RETRY_MS;
    return isLan ? 0 : this.#slots.waitMs(peerKey);
  }

  #sendAway(peerKey: string): void {
    for (const peer of this.#turns.peers)
      if (peer.link.peerKey === peerKey && !peer.link.isLan) peer.sendAway(this.#slots.waitMs(peerKey));
  }

  #serve(): void {
    while (this.#reads < MAX_READS && !this.#over.signal.aborted) {
      const turn = this.#turns.next();
      if (!turn) return;
      const { peer, bytes, frameBytes, limits } = turn;
      if (this.#unsentBytes + bytes > MAX_UNSENT_BYTES) {
        this.#makeRoom();
        return;
      }
      peer.deficit -= bytes;
      for (const limit of limits) limit.tryTake(bytes);
      const job = peer.queue.take(frameBytes);
      if (job) peer.line = this.#serveJob(peer, job, bytes, peer.line).catch((error: unknown) => this.#logBug(error));
    }
  }

  /** @param before the peer's frame before this one, which goes out first. */
  async #serveJob(peer: UploadPeer, job: Job, bytes: number, before: Promise<void>): Promise<void> {
    this.#unsentBytes += bytes;
    const frame = job.kind === 'chunks' ? this.#frames.take(bytes) : undefined;
    try {
      const message = await this.#read(peer, job, frame);
      await before;
      await peer.drained();
      this.#send(peer, job, message, frame);
    } catch (error) {
      await before;
      if (!this.#over.signal.aborted) this.#failed(peer, job, error);
    } finally {
      peer.queue.sent(job);
      peer
        .drained()
        .then(() => {
          this.#unsentBytes -= bytes;
          this.#serve();
        })
        .catch((error: unknown) => this.#logBug(error));
      this.#serve(); // Its next frame is read while this one goes out.
    }
  }

  async #read(peer: UploadPeer, job: Job, frame: Frame | undefined): Promise<TransferMessage | undefined> {
    this.#reads++;
    try {
      return peer.wants(job) ? await messageOf(job, frame) : undefined;
    } finally {
      this.#reads--;
      this.#serve();
    }
  }

  #send(peer: UploadPeer, job: Job, message: TransferMessage | undefined, frame: Frame | undefined): void {
    const isHeldBack = this.#isPaused && job.kind === 'chunks';
    if (!message || !peer.wants(job) || isHeldBack) {
      frame?.release();
      if (message && isHeldBack) peer.reject(job, 'busy', PAUSED_RETRY_MS);
      return;
    }
    peer.sendBulk(message, job, frame?.release);
    if (message.type !== 'data') return;
    job.share.meter.add(message.bytes.byteLength);
    job.share.history.add(message.bytes.byteLength);
    const { peerKey, isLan } = peer.link;
    if (!isLan && !this.#slots.got(peerKey, message.bytes.byteLength)) this.#sendAway(peerKey);
  }

  #failed(peer: UploadPeer, job: Job, error: unknown): void {
    if (!this.#shares.isOpen(job.share)) return; // Another frame of it failed before.
    const hasMoved = job.share.isGrowing && hasCode(error, 'SOURCE_MISSING');
    if (hasMoved || hasCode(error, 'ENGINE_CLOSED', 'ID_UNKNOWN')) {
      this.#stop(job.share, 'gone'); // Who opens it again gets it from where it is then, if it is anywhere.
    } else if (hasCode(error, 'SOURCE_CHANGED', 'SOURCE_MISSING')) {
      this.#report(job.share.contentId, error);
      this.#stop(job.share, 'changed');
    } else {
      this.parts.log.warn(`transfer: a chunk could not be read, ${String(error)}`);
      if (job.kind === 'chunks' && peer.wants(job)) peer.reject(job, 'busy', FAILED_RETRY_MS);
    }
  }

  #report(contentId: string, error: unknown): void {
    if (hasCode(error, 'SOURCE_CHANGED', 'SOURCE_MISSING')) this.parts.onSourceProblem(contentId, error);
    else this.parts.log.warn(`transfer: ${contentId.slice(0, 8)} could not be opened, ${String(error)}`);
  }

  #stop(share: Share, reason: 'gone' | 'changed'): void {
    for (const peer of this.#turns.peers) peer.close(share, reason);
    this.#quietly(this.#shares.drop(share));
  }

  /** Memory is full of what peers do not take. The one who has not read for longest goes, if that is long enough. */
  #makeRoom(): void {
    const now = this.#clock.now();
    const [slowest] = this.#turns.peers
      .filter(({ blockedAt }) => blockedAt !== undefined && now - blockedAt > STALLED_FRAME_MS)
      .sort((a, b) => a.blockedAt! - b.blockedAt!);
    slowest?.link.strike('notReading');
    this.#retry?.dispose();
    this.#retry = this.#clock.after(FULL_RETRY_MS, () => this.#serve());
  }

  /** Not the peer's fault, and no reason to serve nobody any more. */
  #logBug(error: unknown): void {
    this.parts.log.error(`transfer: ${inspect(error)}`);
  }

  #quietly(work: Promise<void>): void {
    work.catch((error: unknown) => this.parts.log.warn(`transfer: closing a source failed, ${String(error)}`));
  }
}
