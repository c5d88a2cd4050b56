import type { Duplex } from 'node:stream';
import HyperDHT from 'hyperdht';
import type { Testnet } from 'hyperdht/testnet';
import { keyPair, type KeyPair } from 'hypercore-crypto';
import type NoiseSecretStream from '@hyperswarm/secret-stream';
import c from 'compact-encoding';
import { roomProof, type ProofRole, type RoomKeys } from '../../src/engine/net/roomKeys';

interface ListeningServer {
  readonly relayAddresses: readonly unknown[];
  listen(keys: KeyPair): Promise<void>;
}

interface DiallingNode {
  ready(): Promise<void>;
  connect(key: Buffer, options: object): NoiseSecretStream;
}

/** Calls of a node that the engine does not make, so the types of the project do not know them. */
interface ListeningNode {
  createServer(options: object, onConnection: (stream: NoiseSecretStream) => void): ListeningServer;
  announce(topic: Buffer, keys: KeyPair, relays: readonly unknown[]): { finished(): Promise<void> };
}

const NOTHING = new Uint8Array();

/** A node of somebody who speaks the protocol by hand, from an own address where that is wanted. */
export class Strangers {
  readonly node: HyperDHT;
  readonly #open = new Set<Stranger>();
  #server: ListeningServer | undefined;
  /** Key under which it stands on a topic. */
  listening: KeyPair | undefined;

  constructor({ bootstrap }: Testnet, host = '127.0.0.1') {
    this.node = new HyperDHT({ bootstrap, host, firewalled: false });
  }

  /** Dials a key. @returns when the encrypted connection is there, or was refused. */
  async dial(key: Buffer, keys: KeyPair = keyPair()): Promise<Stranger> {
    const node = this.node as unknown as DiallingNode;
    await node.ready();
    const stranger = new Stranger(node.connect(key, { keyPair: keys }));
    this.#open.add(stranger);
    await stranger.stream.opened;
    return stranger;
  }

  /** Stands on a topic under a key of its own. @returns the first who dials. */
  async listen(topic: Buffer): Promise<Stranger> {
    const keys = keyPair();
    this.listening = keys;
    const node = this.node as unknown as ListeningNode;
    const dialled = new Promise<Stranger>((resolve) => {
      this.#server = node.createServer({}, (stream) => {
        const stranger = new Stranger(stream);
        this.#open.add(stranger);
        resolve(stranger);
      });
    });
    await this.#server!.listen(keys);
    await node.announce(topic, keys, this.#server!.relayAddresses).finished();
    return dialled;
  }

  async close(): Promise<void> {
    for (const stranger of this.#open) stranger.stream.destroy();
    await this.node.destroy({ force: true });
  }
}

/** One connection of theirs. Frames are put together and taken apart by hand, as protocol.md says. */
export class Stranger {
  /** Frames that were heard, decrypted. */
  readonly heard: Buffer[] = [];
  readonly closed: Promise<unknown>;
  readonly #waiting: (() => void)[] = [];

  constructor(readonly stream: NoiseSecretStream) {
    (stream as Duplex).on('data', (frame: Buffer) => {
      this.heard.push(Buffer.from(frame));
      this.#wake();
    });
    stream.on('error', () => undefined);
    this.closed = new Promise((resolve) => stream.once('close', resolve));
    void this.closed.then(() => this.#wake());
  }

  get isClosed(): boolean {
    return this.stream.destroyed;
  }

  say(frame: Uint8Array): void {
    if (!this.isClosed) this.stream.write(frame);
  }

  /** Waits for the frame after those that were heard, or for the end. */
  async next(after = this.heard.length): Promise<void> {
    while (this.heard.length <= after && !this.isClosed)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  proof(keys: RoomKeys, role: ProofRole = 'ask'): Buffer {
    const { handshakeHash, publicKey, remotePublicKey } = this.stream;
    return roomProof(keys, role, handshakeHash, publicKey, remotePublicKey);
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** `open` of a channel: number, protocol, id, and what stands behind. */
export function opening(
  number: number,
  protocol: string,
  id: Uint8Array = NOTHING,
  handshake: Uint8Array = NOTHING,
): Buffer {
  const head = [c.encode(c.uint, number), c.encode(c.string, protocol), c.encode(c.uint, id.byteLength)];
  return Buffer.concat([Buffer.from([0, 1]), ...head, id, handshake]);
}

/** What protomux answers to an opening that it does not know. */
export const rejection = (number: number): Buffer => Buffer.from([0, 2, number]);

/** A message on a channel. Numbers up to 252. */
export function message(number: number, type: number, payload: Uint8Array = NOTHING): Buffer {
  return Buffer.concat([Buffer.from([number, type]), payload]);
}
