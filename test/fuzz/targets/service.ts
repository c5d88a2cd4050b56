import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import type { Engine } from '../../../src/engine/engine';
import { LoraSwarmError } from '../../../src/engine/errors';
import { silentLog } from '../../../src/engine/log';
import { encodeFrame } from '../../../src/service/frames';
import { welcome } from '../../../src/service/handshake';
import { parseWishParams } from '../../../src/service/protocol';
import { EngineServer } from '../../../src/service/server';
import { damaged } from '../bytes';
import type { Random } from '../random';
import { tried, type Target, type Verdict } from '../target';
import { anyValue, decodeValue, encodeValue, jsonBytes, mutatedValue } from '../values';

const TOKEN = 'ab'.repeat(32);
const WISH = { name: 'list', params: { search: 'x', limit: 5 }, progress: 1 };
const MESSAGES: readonly unknown[] = [
  { jsonrpc: '2.0', id: 1, method: 'wish', params: WISH },
  { jsonrpc: '2.0', id: 2, method: 'wish', params: [WISH] },
  { jsonrpc: '2.0', method: '$/cancelRequest', params: { id: 1 } },
  { jsonrpc: '2.0', method: '$/progress', params: { token: 1, value: {} } },
  { jsonrpc: '2.0', method: '$/setTrace', params: { value: 'verbose' } },
  { jsonrpc: '2.0', id: 1, result: {} },
  { jsonrpc: '2.0', id: 1, error: { code: 5, message: 'x' } },
  { jsonrpc: '2.0', method: 'state', params: {} },
];

/** The envelope of a wish. */
export const wishes: Target = {
  name: 'wishes',
  open: () => ({
    make: (random) => encodeValue(random.isOneIn(8) ? anyValue(random) : mutatedValue(WISH, random)),
    take: (input) =>
      tried(['MESSAGE_INVALID', 'ENGINE_VERSION'], () => {
        const { name, params } = parseWishParams(decodeValue(input));
        assert.ok(typeof name === 'string' && typeof params === 'object');
      }),
  }),
};

/** A socket without a system under it: what is written to it by the other side comes out here. */
class MemorySocket extends Duplex {
  readonly #said: Buffer[] = [];

  override _read(): void {
    // What comes is pushed.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#said.push(chunk);
    done();
  }

  destroySoon(): void {
    this.end();
    this.destroy();
  }

  get said(): Buffer {
    return Buffer.concat(this.#said);
  }
}

/** The first frame of a connection: only the token opens it, and nobody else is answered. */
export const handshakes: Target = {
  name: 'handshakes of the service',
  open: () => ({
    make: (random) => {
      const hello = { type: 'hello', protocol: 1, version: '1.0.0', token: TOKEN };
      const value = random.isOneIn(6) ? hello : mutatedValue(hello, random);
      const frame = Buffer.concat([framed(jsonBytes(value)), Buffer.from('rest')]);
      return random.isOneIn(3) ? damaged(frame, random) : frame;
    },
    take: async (input) => {
      const socket = new MemorySocket();
      socket.on('error', () => undefined);
      const isWelcome = welcome(socket as unknown as Socket, TOKEN);
      socket.push(input);
      socket.push(null); // Nothing more comes, so that nobody waits.
      const verdict = (await isWelcome) ? 'accepted' : 'refused';
      // A guesser hears nothing.
      if (!Buffer.from(input).includes(TOKEN)) assert.equal(socket.said.byteLength, 0);
      socket.destroy();
      return verdict;
    },
  }),
};

/** JSON-RPC behind the handshake, against the server and an engine that answers everything. */
export const rpc: Target = {
  name: 'frames of the service',
  open: () => {
    const server = new EngineServer(Promise.resolve(anyEngine()), silentLog);
    return {
      make: rpcBytes,
      take: (input) => takeRpc(server, input),
      close: () => {
        server.dispose();
        return Promise.resolve();
      },
    };
  },
};

async function takeRpc(server: EngineServer, input: Uint8Array): Promise<Verdict> {
  const socket = new MemorySocket();
  socket.on('error', () => undefined);
  server.addSocket(socket as unknown as Socket);
  for (let at = 0; at < input.byteLength && !socket.destroyed; at += 1_000) socket.push(input.subarray(at, at + 1_000));
  for (let turns = 0; turns < 6; turns++) await new Promise((resolve) => setImmediate(resolve));
  const verdict = socket.destroyed ? 'refused' : 'accepted';
  socket.destroy();
  await new Promise((resolve) => setImmediate(resolve));
  return verdict;
}

function rpcBytes(random: Random): Uint8Array {
  const frames = Array.from({ length: 1 + random.below(5) }, () => {
    let value = random.isOneIn(12) ? anyValue(random) : random.pick(MESSAGES);
    for (let count = random.below(3); count > 0; count--) value = mutatedValue(value, random);
    return framed(jsonBytes(value));
  });
  const stream = Buffer.concat(frames);
  return random.isOneIn(4) ? damaged(stream, random) : stream;
}

/** A frame of any bytes, which `encodeFrame` would not write. */
function framed(body: Uint8Array): Buffer {
  const head = Buffer.from(encodeFrame(0).subarray(0, 4));
  head.writeUInt32BE(body.byteLength);
  return Buffer.concat([head, body]);
}

function anyEngine(): Engine {
  const quiet = () => ({ dispose: () => undefined });
  return {
    ...{ state: {}, onDidChangeState: quiet, onDidHappen: quiet, close: () => Promise.resolve() },
    wish: (name: string) =>
      name === 'list' ? Promise.resolve({}) : Promise.reject(new LoraSwarmError('USAGE', 'Not here.')),
  } as unknown as Engine;
}
