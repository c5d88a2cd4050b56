import HyperDHT from 'hyperdht';
import { keyPair } from 'hypercore-crypto';
import type NoiseSecretStream from '@hyperswarm/secret-stream';
import { answer } from '../../peers/calls';

// One end of a bare HyperDHT stream, memory to memory: the most that anything on UDX can get out of a link.

const PIECE = Buffer.alloc(256 * 1024, 'lora');

let node: HyperDHT | undefined;

const calls = {
  /** Sends to whoever connects, for as long as that stays. */
  async give({ host, bootstrap }: StreamPlace): Promise<{ key: string; port: number }> {
    node = openNode(host, bootstrap);
    const server = node.createServer((stream) => {
      stream.on('error', () => undefined);
      pour(stream);
    });
    const keys = keyPair();
    await server.listen(keys);
    return { key: keys.publicKey.toString('hex'), port: node.address()!.port };
  },

  /** @returns bytes per second, in so much time from the first byte on. */
  async take({ host, bootstrap, from, key, port, ms }: StreamPlace & TakeParams): Promise<number> {
    node = openNode(host, bootstrap);
    await node.fullyBootstrapped();
    const stream = node.connect(Buffer.from(key, 'hex'), { relayAddresses: [{ host: from, port }] });
    stream.on('error', () => undefined);
    let startedAt: number | undefined;
    let bytes = 0;
    const taken = Promise.withResolvers<number>();
    stream.on('close', () => taken.reject(new Error(`the stream broke after ${bytes} bytes`)));
    stream.on('data', (data: Buffer) => {
      const now = performance.now();
      startedAt ??= now;
      bytes += data.length;
      if (now - startedAt >= ms) taken.resolve((bytes * 1_000) / (now - startedAt));
    });
    return await taken.promise;
  },
};

export interface StreamPlace {
  readonly host: string;
  readonly bootstrap: readonly string[];
}

export interface TakeParams {
  /** Address of the other end. */
  readonly from: string;
  readonly key: string;
  readonly port: number;
  readonly ms: number;
}

export type StreamCalls = typeof calls;

function openNode(host: string, bootstrap: readonly string[]): HyperDHT {
  return new HyperDHT({ bootstrap, host, firewalled: false, keyPair: keyPair() });
}

/** Until the stream ends. */
function pour(stream: NoiseSecretStream): void {
  const fill = (): void => {
    while (!stream.destroyed && stream.write(PIECE));
  };
  stream.on('drain', fill);
  fill();
}

answer(calls);
