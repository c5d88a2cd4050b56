import type { TransferMessage } from '../../src/engine/net/transferMessages';
import { ChunkMap } from '../../src/engine/release/chunkMap';
import { FakeLink } from './fakeLink';
import type { TestPackage } from './packages';
import { bytesOf } from './stores';

/** What a holder of a test does otherwise than an honest one. Given a message it would send: what it sends instead. */
export type Twist = (message: TransferMessage) => TransferMessage | undefined;

/** A peer that has the whole package and answers at once, unless a twist says otherwise. */
export class FakeHolder {
  readonly link: FakeLink;
  /** Chunks that were asked, in order. */
  readonly asked: number[] = [];
  constructor(
    key: string,
    private readonly content: TestPackage,
    public twist: Twist = (message) => message,
  ) {
    this.link = new FakeLink(key);
    // In a later turn, as over a network.
    this.link.onDidSend((message) => {
      setImmediate(() => this.#answer(message));
    });
  }

  /** The handle that the other side uses at the moment. */
  get handle(): number {
    return this.link.sentOf('open').at(-1)!.handle;
  }

  #answer(message: TransferMessage): void {
    const { handle } = message;
    const { manifest, chunkHashes } = this.content;
    const map = new ChunkMap(manifest);
    switch (message.type) {
      case 'open':
        this.#say({ type: 'opened', handle, have: 'full' });
        return;
      case 'getManifest':
        this.#say({ type: 'manifest', handle, bytes: manifest.bytes });
        return;
      case 'getHashes': {
        const { firstChunk, chunks } = map.group(message.group);
        const bytes = chunkHashes.subarray(firstChunk * 32, (firstChunk + chunks) * 32);
        this.#say({ type: 'hashes', handle, group: message.group, bytes: Uint8Array.from(bytes) });
        return;
      }
      case 'request':
        if (message.first + message.count > map.chunks) {
          const { first, count } = message;
          this.#say({ type: 'reject', handle, first, count, reason: 'invalid', retryMs: 0 });
          return;
        }
        for (let chunk = message.first; chunk < message.first + message.count; chunk++) {
          this.asked.push(chunk);
          this.#say({ type: 'data', handle, first: chunk, bytes: bytesOf(this.content, chunk, 1) });
        }
        return;
      default:
    }
  }

  #say(message: TransferMessage): void {
    const said = this.twist(message);
    if (said) this.link.say(said);
  }
}

/** The same bytes with one bit turned over. */
export function damaged(bytes: Uint8Array, at = bytes.byteLength >> 1): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at]! ^= 1;
  return copy;
}
