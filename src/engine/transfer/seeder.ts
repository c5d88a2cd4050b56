import { hasCode } from '../errors';
import type { Disposable } from '../lifecycle';
import type { Logger } from '../log';
import { MAX_FRAME_BYTES, type TransferMessage } from '../net/transferMessages';
import { CHUNK_BYTES } from '../release/manifest';
import { monotonicClock, type Clock } from './clock';
import type { TransferLink } from './link';
import type { RateLimit } from './rate';
import { Shares, type OpenReader, type Share } from './share';
import { UploadPeer } from './uploadPeer';
import type { Job } from './uploadQueue';

/** A frame is what goes out in this time, so that control messages never wait long behind one. */
const FRAME_SECONDS = 0.05;
/** Frames that are read at once: the file system's threads. */
const MAX_READS = 4;
/** Read or sent, and not yet taken by the connections. A peer has at most two frames of it. */
const MAX_UNSENT_BYTES = 32 * 1024 ** 2;
/** When that is full, who has taken nothing for this long makes room. */
const NOT_READING_MS = 15_000;
const FULL_RETRY_MS = 1_000;
/** Requests of all peers. */
const MAX_QUEUED = 256;
/** But everybody gets this many, so that a few greedy ones can't shut others out. */
const QUEUED_FOR_EACH = 4;
const FAILED_RETRY_MS = 5_000;

export interface SeederParts {
  readonly open: OpenReader;
  /** Of all uploads together. */
  readonly uploadLimit: RateLimit;
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
}

/**
 * Serves packages to peers, in fair turns. Memory is bounded whatever peers ask: requests wait as numbers, and the next
 * frame of a peer is read when the connection has the one before.
 */
export class Seeder implements Disposable {
  readonly #over = new AbortController();
  readonly #clock: Clock;
  readonly #shares: Shares;
  readonly #uploads = new Map<Share, { handles: number }>();
  readonly #attached = new Map<UploadPeer, Disposable>();
  /** In the order of their turns. */
  #ring: UploadPeer[] = [];
  #reads = 0;
  #isWaiting = false;
  #unsentBytes = 0;
  #retry: Disposable | undefined;

  constructor(private readonly parts: SeederParts) {
    this.#clock = parts.clock ?? monotonicClock;
    this.#shares = new Shares(parts.open, this.#clock);
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
      hasRoom: (queuedHere) => queuedHere < QUEUED_FOR_EACH || this.#queued < MAX_QUEUED,
      wake: () => this.#serve(),
      clock: this.#clock,
    });
    const detach = () => {
      if (!this.#attached.delete(peer)) return;
      this.#ring = this.#ring.filter((other) => other !== peer);
      closed.dispose();
      peer.dispose();
    };
    const closed = link.onDidClose(detach);
    this.#attached.set(peer, { dispose: detach });
    this.#ring.push(peer);
    return { dispose: detach };
  }

  /** No longer shared: whoever fetches it is told, and gets nothing more. */
  revoke(contentId: string): void {
    for (const share of [...this.#uploads.keys()]) if (share.contentId === contentId) this.#stop(share, 'gone');
  }

  /** What goes out now. */
  get state(): readonly UploadState[] {
    return [...this.#uploads.keys()].map((share) => ({
      contentId: share.contentId,
      peers: this.#ring.filter((peer) => peer.uses(share)).length,
      rate: share.meter.bytesPerSecond,
      bytes: share.meter.total,
    }));
  }

  dispose(): void {
    this.#over.abort();
    this.#retry?.dispose();
    for (const detach of [...this.#attached.values()]) detach.dispose();
  }

  async #acquire(contentId: string): Promise<Share | undefined> {
    try {
      const share = await this.#shares.acquire(contentId);
      if (!share) return undefined;
      const upload = this.#uploads.get(share) ?? { handles: 0 };
      upload.handles++;
      this.#uploads.set(share, upload);
      return share;
    } catch (error) {
      this.#report(contentId, error);
      return undefined;
    }
  }

  #release(share: Share): void {
    const upload = this.#uploads.get(share);
    if (upload && --upload.handles === 0) this.#uploads.delete(share);
    this.#quietly(this.#shares.release(share));
  }

  get #queued(): number {
    return this.#ring.reduce((sum, peer) => sum + peer.queue.requests, 0);
  }

  #serve(): void {
    while (this.#reads < MAX_READS && !this.#over.signal.aborted) {
      if (!this.#ring.some(({ queue }) => queue.isReady)) return;
      // The limit first and the peer then: who waits in the limit's line could not be overtaken by whose turn it is.
      if (!this.parts.uploadLimit.tryTake(0)) {
        void this.#waitForLimit();
        return;
      }
      const peer = this.#nextPeer();
      const frameBytes = this.#frameBytes(peer);
      const bytes = peer.queue.nextBytes(frameBytes);
      if (this.#unsentBytes + bytes > MAX_UNSENT_BYTES) {
        this.#makeRoom();
        return;
      }
      peer.deficit -= bytes;
      this.parts.uploadLimit.tryTake(bytes);
      const job = peer.queue.take(frameBytes);
      if (job) void this.#serveJob(peer, job, bytes);
    }
  }

  async #waitForLimit(): Promise<void> {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    await this.parts.uploadLimit.take(0, this.#over.signal).catch(() => undefined);
    this.#isWaiting = false;
    this.#serve();
  }

  /**
   * Deficit round robin over the peers that are ready; there is one. Each turn brings 64 KiB, and a peer sends when it has
   * saved up for its frame. So long frames bring no more than short ones when it is us who is slow.
   */
  #nextPeer(): UploadPeer {
    for (const peer of this.#ring) if (peer.queue.isEmpty) peer.deficit = 0;
    for (;;) {
      const peer = this.#ring.shift()!;
      this.#ring.push(peer);
      if (!peer.queue.isReady) continue;
      peer.deficit = Math.min(MAX_FRAME_BYTES, peer.deficit + CHUNK_BYTES);
      if (peer.deficit >= peer.queue.nextBytes(this.#frameBytes(peer))) return peer;
    }
  }

  /** What this peer takes in a twentieth of a second, and no more than the limit lets out in that time. */
  #frameBytes(peer: UploadPeer): number {
    const { uploadLimit } = this.parts;
    const rate = Math.min(peer.meter.bytesPerSecond, uploadLimit.isUnlimited ? Infinity : uploadLimit.bytesPerSecond);
    return Math.min(MAX_FRAME_BYTES, Math.max(CHUNK_BYTES, rate * FRAME_SECONDS));
  }

  async #serveJob(peer: UploadPeer, job: Job, bytes: number): Promise<void> {
    this.#unsentBytes += bytes;
    let isTaken = true;
    try {
      const message = await this.#read(peer, job);
      await peer.drained(); // The frame before goes first, so a peer never has more than two in memory.
      if (message && peer.wants(job)) isTaken = peer.sendBulk(message, bytes);
      if (message?.type === 'data') job.share.meter.add(message.bytes.byteLength);
    } catch (error) {
      if (!this.#over.signal.aborted) this.#failed(peer, job, error);
    }
    peer.queue.sent();
    if (!isTaken) {
      this.#serve(); // Its next frame is read while this one goes out.
      await peer.drained();
    }
    this.#unsentBytes -= bytes;
    this.#serve();
  }

  async #read(peer: UploadPeer, job: Job): Promise<TransferMessage | undefined> {
    this.#reads++;
    try {
      return peer.wants(job) ? await messageOf(job) : undefined;
    } finally {
      this.#reads--;
      this.#serve();
    }
  }

  #failed(peer: UploadPeer, job: Job, error: unknown): void {
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
    if (!this.#uploads.has(share)) return; // Another frame of it failed before.
    for (const peer of this.#ring) peer.close(share, reason);
    this.#uploads.delete(share);
    this.#quietly(this.#shares.drop(share));
  }

  /** Memory is full of what peers do not take. The one who has not read for longest goes, if that is long enough. */
  #makeRoom(): void {
    const now = this.#clock.now();
    const [slowest] = this.#ring
      .filter(({ blockedAt }) => blockedAt !== undefined && now - blockedAt > NOT_READING_MS)
      .sort((a, b) => a.blockedAt! - b.blockedAt!);
    slowest?.link.strike('notReading');
    this.#retry?.dispose();
    this.#retry = this.#clock.after(FULL_RETRY_MS, () => this.#serve());
  }

  #quietly(work: Promise<void>): void {
    work.catch((error: unknown) => this.parts.log.warn(`transfer: closing a source failed, ${String(error)}`));
  }
}

async function messageOf(job: Job): Promise<TransferMessage> {
  const { handle, share } = job;
  switch (job.kind) {
    case 'manifest':
      return { type: 'manifest', handle, bytes: share.reader.manifest.bytes };
    case 'hashes': {
      const bytes = await share.reader.hashes(job.group);
      return { type: 'hashes', handle, group: job.group, bytes: bytes ?? new Uint8Array() };
    }
    case 'chunks': {
      const { first, count } = job.range;
      return { type: 'data', handle, first, bytes: await share.reader.read(first, count) };
    }
  }
}
