import { DisposableStore, type Disposable } from '../lifecycle';
import { MAX_UNSENT_FRAMES, MAX_UPLOAD_HANDLES } from '../limits';
import type { ChunkRange, ClosedReason, RejectReason, TransferMessage } from '../net/transferMessages';
import type { Clock } from './clock';
import { Conduct, QUESTIONS } from './conduct';
import { isInside, runsWhere } from './dataRange';
import { HeldNews } from './heldNews';
import type { TransferLink } from './link';
import { RateMeter } from './rate';
import type { Share } from './share';
import { UploadQueue, type ChunksJob, type Job } from './uploadQueue';

/** What a peer may send on before we have opened what it asked for. */
const MAX_BACKLOG = 64;
const BUSY_RETRY_MS = 1_000;

interface Handle {
  share: Share | undefined;
  /** Messages that came before the package was open. */
  readonly backlog: TransferMessage[];
  readonly owned: DisposableStore;
}

export interface UploadPeerParts {
  readonly link: TransferLink;
  /** Whether this peer may ask for it: shared in a room that it proved. */
  readonly allows: (contentId: string) => boolean;
  /** @returns undefined when it is not here. */
  readonly acquire: (contentId: string) => Promise<Share | undefined>;
  readonly release: (share: Share) => void;
  /** 0 when anybody may open a package now, or when they may ask again. */
  readonly pausedMs: () => number;
  /** 0 when this peer may have chunks now, or when it may ask again. */
  readonly waitMs: () => number;
  /** Whether all peers together have room for one more request of this one, which has so many. */
  readonly hasRoom: (queuedHere: number) => boolean;
  /** Something went wrong here, and not on the side of the peer. */
  readonly onError: (error: unknown) => void;
  /** There may be something to send. */
  readonly wake: () => void;
  readonly clock: Clock;
}

/** What one peer gets of one package. */
export interface TakerState {
  /** Public key, hex. */
  readonly key: string;
  readonly isLane: boolean;
  /** `resting`: it was sent away, and may ask again later. */
  readonly phase: 'active' | 'idle' | 'resting';
  /** Bytes per second over the last seconds. */
  readonly rate: number;
  /** Since it opened the package. */
  readonly bytes: number;
}

/** One peer that fetches from us: what it asked for, in order, within its limits. Answers at once, but sends no bulk. */
export class UploadPeer implements Disposable {
  readonly queue = new UploadQueue();
  readonly meter: RateMeter;
  /** Of the round robin, in bytes. */
  deficit = 0;
  /** Settles when its last frame went out. */
  line: Promise<void> = Promise.resolve();
  /** Since when the connection takes nothing. */
  blockedAt: number | undefined;

  readonly #owned = new DisposableStore();
  readonly #handles = new Map<number, Handle>();
  /** What went out of each package that it has open. */
  readonly #meters = new Map<Share, RateMeter>();
  readonly #conduct: Conduct;
  readonly #news: HeldNews;
  readonly #onDrain: (() => void)[] = [];
  #isClosed = false;
  #awayUntil = 0;

  constructor(private readonly parts: UploadPeerParts) {
    this.meter = new RateMeter(1_000, parts.clock);
    this.#conduct = new Conduct(parts.link, parts.clock);
    this.#news = this.#owned.add(new HeldNews(parts.clock, (message) => this.#answer(message)));
    this.#owned.add(parts.link.onDidReceive((message) => this.#receive(message)));
    this.#owned.add(parts.link.onDidDrain(() => this.#drain()));
  }

  get link(): TransferLink {
    return this.parts.link;
  }

  /** Whether it waits for something, and less than two frames are on their way to it. */
  get isReady(): boolean {
    const frames = this.queue.taken + (this.blockedAt === undefined ? 0 : 1);
    return frames < MAX_UNSENT_FRAMES && !this.queue.isEmpty;
  }

  /** Undefined when it has not opened the package. */
  stateOf(share: Share): TakerState | undefined {
    const meter = this.#meters.get(share);
    if (!meter) return undefined;
    const isAway = this.parts.clock.now() < this.#awayUntil;
    return {
      key: this.link.peerKey,
      isLane: this.link.isLane,
      phase: this.queue.isBusyWith(share) ? 'active' : isAway ? 'resting' : 'idle',
      rate: meter.bytesPerSecond,
      bytes: meter.total,
    };
  }

  /** Whether the handle still stands for this package, so that what was read for it may go out. */
  wants(job: Job): boolean {
    return this.#handles.get(job.handle)?.share === job.share && this.parts.allows(job.share.contentId);
  }

  /** Resolves when the connection takes more, or has ended. */
  async drained(): Promise<void> {
    if (this.blockedAt === undefined || this.#isClosed) return;
    await new Promise<void>((resolve) => this.#onDrain.push(resolve));
  }

  /**
   * Sends what a job was made into.
   *
   * @param onTaken nobody reads the bytes of the message any more.
   */
  sendBulk(message: TransferMessage, job: Job, onTaken?: () => void): void {
    if (message.type === 'data') {
      this.meter.add(message.bytes.byteLength);
      this.#meters.get(job.share)?.add(message.bytes.byteLength);
    }
    this.#conduct.served();
    if (!this.#isClosed && !this.link.send(message, onTaken)) this.blockedAt ??= this.parts.clock.now();
  }

  /** Nothing of what it asked comes for now. */
  sendAway(retryMs: number): void {
    for (const job of this.queue.takeRequests()) this.reject(job, 'busy', retryMs);
    this.#awayUntil = this.parts.clock.now() + retryMs;
  }

  reject({ handle, range }: ChunksJob, reason: RejectReason, retryMs: number): void {
    this.#answer({ type: 'reject', handle, ...range, reason, retryMs });
  }

  /** Nothing more comes for this package. */
  close(share: Share, reason: ClosedReason): void {
    for (const [id, handle] of [...this.#handles]) if (handle.share === share) this.#closeHandle(id, reason);
  }

  dispose(): void {
    this.#isClosed = true;
    this.#owned.dispose();
    for (const id of [...this.#handles.keys()]) this.#end(id);
    this.#drain();
  }

  #receive(message: TransferMessage): void {
    if (!QUESTIONS.has(message.type)) return;
    const handle = this.#handles.get(message.handle);
    if (!this.#conduct.asked()) return;
    if (message.type === 'open') this.#open(message.handle, message.contentId);
    else if (!handle)
      return; // It may be one that we closed a moment ago.
    else if (message.type === 'close') this.#end(message.handle);
    else if (handle.share) this.#ask(message, handle.share);
    else if (handle.backlog.length < MAX_BACKLOG) handle.backlog.push(message);
    else this.#conduct.askedInVain();
  }

  #open(id: number, contentId: string): void {
    if (this.#handles.has(id)) this.#conduct.askedInVain();
    else if (!this.parts.allows(contentId)) this.#isUnknown(id);
    else if (this.#handles.size >= MAX_UPLOAD_HANDLES) this.#refuse(id, BUSY_RETRY_MS);
    else if (this.parts.pausedMs() > 0) this.#refuse(id, this.parts.pausedMs());
    else this.#acquire(id, contentId).catch((error: unknown) => this.#fail(error));
  }

  async #acquire(id: number, contentId: string): Promise<void> {
    const handle: Handle = { share: undefined, backlog: [], owned: new DisposableStore() };
    this.#handles.set(id, handle);
    const share = await this.parts.acquire(contentId);
    if (this.#handles.get(id) !== handle) {
      if (share) this.parts.release(share); // Closed meanwhile.
      return;
    }
    if (!share) {
      this.#handles.delete(id);
      this.#isUnknown(id);
      return;
    }
    handle.share = share;
    this.#opened(id, handle, share);
    for (const message of handle.backlog.splice(0)) if (this.#handles.get(id) === handle) this.#ask(message, share);
  }

  /** What waits for an answer gets none from here any more: it has to ask elsewhere. */
  #fail(error: unknown): void {
    this.parts.onError(error);
    for (const id of [...this.#handles.keys()]) this.#closeHandle(id, 'other');
  }

  #opened(id: number, handle: Handle, share: Share): void {
    const { held } = share.reader;
    this.#answer({ type: 'opened', handle: id, have: held.isFull ? 'full' : held.bytes.slice() });
    handle.owned.add(this.#news.follow(id, share));
    if (!this.#meters.has(share)) this.#meters.set(share, new RateMeter(3_000, this.parts.clock));
  }

  /** The same answer for what is not here and what is not shared with this peer. */
  #isUnknown(id: number): void {
    this.#answer({ type: 'refused', handle: id, reason: 'unknown', retryMs: 0 });
    this.#conduct.askedInVain();
  }

  #refuse(id: number, retryMs: number): void {
    this.#answer({ type: 'refused', handle: id, reason: 'busy', retryMs });
  }

  #ask(message: TransferMessage, share: Share): void {
    const { handle } = message;
    if (!this.parts.allows(share.contentId)) {
      this.#closeHandle(handle, 'gone');
      return;
    }
    switch (message.type) {
      case 'getManifest':
        this.#addFact(this.queue.addFact({ kind: 'manifest', handle, share }));
        return;
      case 'getHashes': {
        const { group } = message;
        this.#addFact(group < share.reader.map.groups && this.queue.addFact({ kind: 'hashes', handle, share, group }));
        return;
      }
      case 'request':
        this.#request(handle, share, { first: message.first, count: message.count });
        return;
      case 'cancel':
        this.queue.cancel(handle, { first: message.first, count: message.count });
        return;
      default: // What a holder says is not for us.
    }
  }

  #addFact(isAdded: boolean): void {
    if (isAdded) this.parts.wake();
    else this.#conduct.askedInVain();
  }

  #request(handle: number, share: Share, range: ChunkRange): void {
    const { map, held } = share.reader;
    if (!isInside(map, range) || map.chunk(range.first).group !== map.chunk(range.first + range.count - 1).group) {
      this.reject({ kind: 'chunks', handle, share, range }, 'invalid', 0);
      this.#conduct.askedInVain();
      return;
    }
    for (const missing of runsWhere(range, (chunk) => !held.has(chunk)))
      this.reject({ kind: 'chunks', handle, share, range: missing }, 'notHeld', 0);
    // What waits already is sent once.
    const wanted = runsWhere(range, (chunk) => held.has(chunk) && !this.queue.hasChunk(handle, chunk));
    const waitMs = wanted.length > 0 ? this.parts.waitMs() : 0;
    if (waitMs > 0) this.#awayUntil = this.parts.clock.now() + waitMs;
    for (const run of wanted) {
      const job: ChunksJob = { kind: 'chunks', handle, share, range: run };
      if (waitMs > 0) this.reject(job, 'busy', waitMs);
      else if (!this.parts.hasRoom(this.queue.requests) || !this.queue.addChunks(job))
        this.reject(job, 'busy', BUSY_RETRY_MS);
    }
    this.parts.wake();
  }

  #answer(message: TransferMessage): void {
    if (!this.#isClosed && !this.link.send(message)) this.#conduct.leftUnread(message);
  }

  #closeHandle(id: number, reason: ClosedReason): void {
    this.#end(id);
    this.#answer({ type: 'closed', handle: id, reason });
  }

  #end(id: number): void {
    const handle = this.#handles.get(id);
    if (!handle) return;
    this.#handles.delete(id);
    this.queue.dropHandle(id);
    handle.owned.dispose();
    const { share } = handle;
    if (!share) return;
    if (![...this.#handles.values()].some((other) => other.share === share)) this.#meters.delete(share);
    this.parts.release(share);
  }

  #drain(): void {
    this.blockedAt = undefined;
    this.#conduct.reads();
    for (const resolve of this.#onDrain.splice(0)) resolve();
    this.parts.wake();
  }
}
