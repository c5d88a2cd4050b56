import { DisposableStore, type Disposable } from '../lifecycle';
import {
  MAX_HAVE_RANGES,
  type ChunkRange,
  type ClosedReason,
  type RejectReason,
  type TransferMessage,
} from '../net/transferMessages';
import type { Clock } from './clock';
import { isInside, joinRanges, runsWhere } from './dataRange';
import type { TransferLink } from './link';
import { MessageBudget, RateMeter } from './rate';
import type { Share } from './share';
import { UploadQueue, type ChunksJob, type Job } from './uploadQueue';

/** Downloads that one peer may have from us at once. The engine itself runs four. */
const MAX_HANDLES = 16;
/** What a peer may send on before we have opened what it asked for. */
const MAX_BACKLOG = 64;
/** Hypercore's number. */
const MAX_INVALID = 64;
/** Answers that wait because the peer does not read. What is bulk waits in the queue and not here. */
const MAX_UNREAD_BYTES = 1024 ** 2;
/** Counted for a small message on top of what it carries. */
const MESSAGE_BYTES = 128;
/** Newly held chunks are told at most this often. */
const HAVE_MS = 100;
const BUSY_RETRY_MS = 1_000;

interface Handle {
  share: Share | undefined;
  /** Messages that came before the package was open. */
  readonly backlog: TransferMessage[];
  readonly owned: DisposableStore;
  readonly newlyHeld: ChunkRange[];
}

export interface UploadPeerParts {
  readonly link: TransferLink;
  /** Whether this peer may ask for it: shared in a room that it proved. */
  readonly allows: (contentId: string) => boolean;
  /** @returns undefined when it is not here. Does not throw. */
  readonly acquire: (contentId: string) => Promise<Share | undefined>;
  readonly release: (share: Share) => void;
  /** Whether all peers together have room for one more request of this one, which has so many. */
  readonly hasRoom: (queuedHere: number) => boolean;
  /** There may be something to send. */
  readonly wake: () => void;
  readonly clock: Clock;
}

/** One peer that fetches from us: what it asked for, in order, within its limits. Answers at once, but sends no bulk. */
export class UploadPeer implements Disposable {
  readonly queue = new UploadQueue();
  readonly meter: RateMeter;
  /** Of the round robin, in bytes. */
  deficit = 0;
  /** Since when the connection takes nothing. */
  blockedAt: number | undefined;

  readonly #owned = new DisposableStore();
  readonly #handles = new Map<number, Handle>();
  readonly #budget: MessageBudget;
  readonly #onDrain: (() => void)[] = [];
  #isClosed = false;
  #invalid = 0;
  #unreadBytes = 0;
  #haveTimer: Disposable | undefined;

  constructor(private readonly parts: UploadPeerParts) {
    this.meter = new RateMeter(1_000, parts.clock);
    this.#budget = new MessageBudget(undefined, undefined, parts.clock);
    this.#owned.add(parts.link.onDidReceive((message) => this.#receive(message)));
    this.#owned.add(parts.link.onDidDrain(() => this.#drain()));
  }

  get link(): TransferLink {
    return this.parts.link;
  }

  uses(share: Share): boolean {
    return [...this.#handles.values()].some((handle) => handle.share === share);
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

  /** Sends what a job was made into. @returns false when the connection takes no more for now. */
  sendBulk(message: TransferMessage, bytes: number): boolean {
    this.meter.add(bytes);
    this.#budget.giveBack(); // Whoever really fetches may ask as often as it gets something.
    if (this.#isClosed || this.link.send(message)) return true;
    this.blockedAt ??= this.parts.clock.now();
    return false;
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
    this.#haveTimer?.dispose();
    for (const id of [...this.#handles.keys()]) this.#end(id);
    this.#drain();
  }

  #receive(message: TransferMessage): void {
    if (!QUESTIONS.has(message.type)) return;
    const handle = this.#handles.get(message.handle);
    if (!this.#budget.spend()) this.link.strike('flood');
    else if (message.type === 'open') this.#open(message.handle, message.contentId);
    else if (!handle)
      return; // It may be one that we closed a moment ago.
    else if (message.type === 'close') this.#end(message.handle);
    else if (handle.share) this.#ask(message, handle.share);
    else if (handle.backlog.length < MAX_BACKLOG) handle.backlog.push(message);
    else this.#countInvalid();
  }

  #open(id: number, contentId: string): void {
    if (this.#handles.has(id)) this.#countInvalid();
    else if (!this.parts.allows(contentId)) this.#refuse(id);
    else if (this.#handles.size >= MAX_HANDLES)
      this.#answer({ type: 'refused', handle: id, reason: 'busy', retryMs: BUSY_RETRY_MS });
    else void this.#acquire(id, contentId);
  }

  async #acquire(id: number, contentId: string): Promise<void> {
    const handle: Handle = { share: undefined, backlog: [], owned: new DisposableStore(), newlyHeld: [] };
    this.#handles.set(id, handle);
    const share = await this.parts.acquire(contentId);
    if (this.#handles.get(id) !== handle) {
      if (share) this.parts.release(share); // Closed meanwhile.
      return;
    }
    if (!share) {
      this.#handles.delete(id);
      this.#refuse(id);
      return;
    }
    handle.share = share;
    this.#opened(id, handle, share);
    for (const message of handle.backlog.splice(0)) if (this.#handles.get(id) === handle) this.#ask(message, share);
  }

  #opened(id: number, handle: Handle, { reader: { held, onDidHold } }: Share): void {
    this.#answer({ type: 'opened', handle: id, have: held.isFull ? 'full' : held.bytes.slice() });
    if (!onDidHold || held.isFull) return;
    handle.owned.add(
      onDidHold((range) => {
        handle.newlyHeld.push(range);
        this.#haveTimer ??= this.parts.clock.after(HAVE_MS, () => this.#tellHeld());
      }),
    );
  }

  /** The same answer for what is not here and what is not shared with this peer. */
  #refuse(id: number): void {
    this.#answer({ type: 'refused', handle: id, reason: 'unknown', retryMs: 0 });
    this.#countInvalid();
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
    else this.#countInvalid();
  }

  #request(handle: number, share: Share, range: ChunkRange): void {
    const { map, held } = share.reader;
    if (!isInside(map, range) || map.chunk(range.first).group !== map.chunk(range.first + range.count - 1).group) {
      this.reject({ kind: 'chunks', handle, share, range }, 'invalid', 0);
      this.#countInvalid();
      return;
    }
    for (const missing of runsWhere(range, (chunk) => !held.has(chunk)))
      this.reject({ kind: 'chunks', handle, share, range: missing }, 'notHeld', 0);
    // What waits already is sent once.
    for (const run of runsWhere(range, (chunk) => held.has(chunk) && !this.queue.hasChunk(handle, chunk))) {
      const job: ChunksJob = { kind: 'chunks', handle, share, range: run };
      if (!this.parts.hasRoom(this.queue.requests) || !this.queue.addChunks(job))
        this.reject(job, 'busy', BUSY_RETRY_MS);
    }
    this.parts.wake();
  }

  #tellHeld(): void {
    this.#haveTimer = undefined;
    for (const [handle, { newlyHeld }] of this.#handles) {
      const ranges = joinRanges(newlyHeld.splice(0));
      for (let at = 0; at < ranges.length; at += MAX_HAVE_RANGES)
        this.#answer({ type: 'have', handle, ranges: ranges.slice(at, at + MAX_HAVE_RANGES) });
    }
  }

  #answer(message: TransferMessage): void {
    if (this.#isClosed || this.link.send(message)) return;
    this.#unreadBytes += MESSAGE_BYTES;
    if (message.type === 'opened') this.#unreadBytes += message.have.length;
    if (message.type === 'have') this.#unreadBytes += message.ranges.length * 8;
    if (this.#unreadBytes > MAX_UNREAD_BYTES) this.link.strike('notReading');
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
    if (handle.share) this.parts.release(handle.share);
  }

  #drain(): void {
    this.blockedAt = undefined;
    this.#unreadBytes = 0;
    for (const resolve of this.#onDrain.splice(0)) resolve();
    this.parts.wake();
  }

  #countInvalid(): void {
    if (++this.#invalid > MAX_INVALID) this.link.strike('invalidRequests');
  }
}

/** What an asker says. The rest on the same link belongs to the other direction. */
const QUESTIONS: ReadonlySet<TransferMessage['type']> = new Set([
  'open',
  'getManifest',
  'getHashes',
  'request',
  'cancel',
  'close',
] as const);
