import { once } from 'node:events';
import fs from 'node:fs';
import { keyPair } from 'hypercore-crypto';
import type NoiseSecretStream from '@hyperswarm/secret-stream';
import HyperDHT from 'hyperdht';
import { answer } from './calls';
import { watchUsage, type Usage } from './usage';

// One end of a bare HyperDHT connection: no protocol, no verification. What an engine on the same transport can reach at most.

/** As large as our frames on such a connection. */
const PIECE_BYTES = 256 * 1024;

let node: HyperDHT | undefined;
let endWatch: (() => Usage) | undefined;

const calls = {
  /** Sends so many bytes to whoever connects: of the file, or of memory. @returns where. */
  async give({ bootstrap, bytes, path }: PipeParams): Promise<{ key: string; port: number }> {
    node = openNode(bootstrap);
    const server = node.createServer((stream) => {
      stream.on('error', () => undefined);
      stream.once('data', () => void send(stream, bytes, path)); // The other end says that its watch runs.
    });
    const keys = keyPair();
    await server.listen(keys);
    return { key: keys.publicKey.toString('hex'), port: node.address().port };
  },

  /** Connects and takes the bytes: to the file, or nowhere. */
  async take({ bootstrap, bytes, path, key, port }: PipeParams & { key: string; port: number }): Promise<PipeTimes> {
    node = openNode(bootstrap);
    await node.fullyBootstrapped();
    const stream = node.connect(Buffer.from(key, 'hex'), { relayAddresses: [{ host: '127.0.0.1', port }] });
    stream.on('error', () => undefined);
    await stream.opened;
    const file = path === undefined ? undefined : fs.openSync(path, 'w');
    const start = performance.now();
    let firstByteMs: number | undefined;
    let done = 0;
    const end = Promise.withResolvers<undefined>();
    stream.on('close', () => end.reject(new Error(`the connection broke after ${done} bytes`)));
    stream.on('data', (data: Buffer) => {
      firstByteMs ??= performance.now() - start;
      if (file !== undefined)
        for (let at = 0; at < data.length;) at += fs.writeSync(file, data, at, data.length - at, done + at);
      done += data.length;
      if (done >= bytes) end.resolve(undefined);
    });
    stream.write(Buffer.from('go'));
    await end.promise;
    if (file !== undefined) {
      fs.fsyncSync(file); // As a download is, before it counts as one.
      fs.closeSync(file);
    }
    return { ms: performance.now() - start, firstByteMs: firstByteMs ?? NaN };
  },

  async close(): Promise<void> {
    await node?.destroy({ force: true });
  },

  watch(): Promise<void> {
    endWatch = watchUsage();
    return Promise.resolve();
  },

  usage(): Promise<Usage> {
    return Promise.resolve(endWatch!());
  },
};

export interface PipeParams {
  readonly bootstrap: readonly string[];
  readonly bytes: number;
  readonly path?: string;
}

export interface PipeTimes {
  readonly ms: number;
  readonly firstByteMs: number;
}

export type PipeCalls = typeof calls;

answer(calls);

function openNode(bootstrap: readonly string[]): HyperDHT {
  return new HyperDHT({ bootstrap, host: '127.0.0.1', firewalled: false, keyPair: keyPair() });
}

async function send(stream: NoiseSecretStream, bytes: number, path: string | undefined): Promise<void> {
  const file = path === undefined ? undefined : await fs.promises.open(path, 'r');
  const memory = Buffer.alloc(PIECE_BYTES, 'lora');
  const piece = async (at: number): Promise<Buffer> => {
    const length = Math.min(PIECE_BYTES, bytes - at);
    if (!file) return memory.subarray(0, length);
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(length), 0, length, at);
    return buffer.subarray(0, bytesRead);
  };
  let next = piece(0);
  for (let at = 0; at < bytes; at += PIECE_BYTES) {
    const data = await next;
    if (at + PIECE_BYTES < bytes) next = piece(at + PIECE_BYTES); // Read while this one goes out.
    if (!stream.write(data)) await once(stream, 'drain');
  }
  await file?.close();
}
