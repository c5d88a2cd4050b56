import { MAX_FRAME_CHUNKS } from '../../src/engine/limits';
import type { TransferMessage } from '../../src/engine/net/transferMessages';
import { ChunkMap } from '../../src/engine/release/chunkMap';
import { FakeLink } from './fakeLink';
import type { TestPackage } from './packages';
import { bytesOf } from './stores';
import type { VirtualClock } from './virtualClock';

export interface Pace {
  /** Bytes per second. */
  readonly rate: number;
  readonly rttMs: number;
  /** Stops answering when it has given so many bytes. */
  readonly silentAfter?: number;
}

/** A holder at the end of a path with a length and a width, in time that a test lets pass. Answers in order, frame by frame. */
export class PacedHolder {
  readonly link: FakeLink;
  /** Bytes of chunks that arrived from it, in total. */
  bytesGiven = 0;
  readonly #queue: { readonly handle: number; readonly first: number; readonly count: number }[] = [];
  readonly #map: ChunkMap;
  #isSending = false;

  constructor(
    key: string,
    private readonly content: TestPackage,
    private readonly clock: VirtualClock,
    readonly pace: Pace,
  ) {
    this.link = new FakeLink(key);
    this.#map = new ChunkMap(content.manifest);
    this.link.onDidSend((message) => void clock.after(pace.rttMs / 2, () => this.#answer(message)));
  }

  #answer(message: TransferMessage): void {
    const { handle } = message;
    switch (message.type) {
      case 'open':
        this.#say({ type: 'opened', handle, have: 'full' });
        return;
      case 'getManifest':
        this.#say({ type: 'manifest', handle, bytes: this.content.manifest.bytes });
        return;
      case 'getHashes': {
        const { firstChunk, chunks } = this.#map.group(message.group);
        const bytes = Uint8Array.from(this.content.chunkHashes.subarray(firstChunk * 32, (firstChunk + chunks) * 32));
        this.#say({ type: 'hashes', handle, group: message.group, bytes });
        return;
      }
      case 'request':
        this.#enqueue(handle, message.first, message.count);
        return;
      case 'cancel':
        this.#drop(handle, message.first, message.count);
        return;
      case 'close':
        this.#drop(handle, 0, this.#map.chunks);
        return;
      default:
    }
  }

  /** In frames of at most a mebibyte that never cross a file. */
  #enqueue(handle: number, first: number, count: number): void {
    for (let at = first; at < first + count;) {
      const file = this.#map.fileOf(at);
      let size = 1;
      while (size < MAX_FRAME_CHUNKS && at + size < first + count && this.#map.fileOf(at + size) === file) size++;
      this.#queue.push({ handle, first: at, count: size });
      at += size;
    }
    this.#send();
  }

  #drop(handle: number, first: number, count: number): void {
    for (const [i, frame] of [...this.#queue.entries()].reverse())
      if (frame.handle === handle && first <= frame.first && frame.first + frame.count <= first + count)
        this.#queue.splice(i, 1);
  }

  #send(): void {
    const frame = this.#isSending ? undefined : this.#queue.shift();
    if (!frame) return;
    this.#isSending = true;
    const { handle, first, count } = frame;
    const bytes = bytesOf(this.content, first, count);
    this.clock.after((bytes.byteLength * 1_000) / this.pace.rate, () => {
      this.#isSending = false;
      this.#say({ type: 'data', handle, first, bytes });
      this.#send();
    });
  }

  #say(message: TransferMessage): void {
    if (this.pace.silentAfter !== undefined && this.bytesGiven >= this.pace.silentAfter) return;
    this.clock.after(this.pace.rttMs / 2, () => {
      if (message.type === 'data') this.bytesGiven += message.bytes.byteLength;
      this.link.say(message);
    });
  }
}
