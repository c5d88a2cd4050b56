import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createMessageConnection, type MessageConnection } from 'vscode-jsonrpc/node';
import { LoraSwarmError } from '../../../src/engine/errors';
import type { Engine } from '../../../src/engine/engine';
import { MAX_WISH_BYTES } from '../../../src/engine/limits';
import type { EngineEvent, WishProgress } from '../../../src/engine/wishes';
import { findAddress, readToken } from '../../../src/service/address';
import { encodeFrame, FrameReader, FrameWriter } from '../../../src/service/frames';
import { knock, welcome } from '../../../src/service/handshake';
import { type Leadership, tryLead } from '../../../src/service/leader';
import {
  eventNotification,
  PROTOCOL_VERSION,
  stateNotification,
  wishProgress,
  wishRequest,
} from '../../../src/service/protocol';
import { EngineServer } from '../../../src/service/server';
import { fromResponseError } from '../../../src/service/wireErrors';
import { createTestEngine } from '../../service/testEngine';

describe('engine socket', () => {
  let home: string;
  let logged: string[];
  let engine: Engine;
  let server: EngineServer;
  let leadership: Leadership;
  const open = new Set<net.Socket>();

  beforeEach(async () => {
    home = fs.mkdtempSync(path.join(os.tmpdir(), 'lora-protocol-'));
    logged = [];
    const write = (message: string): void => void logged.push(message);
    const log = { trace: write, debug: write, info: write, warn: write, error: write };
    engine = await createTestEngine({ home, log });
    server = new EngineServer(Promise.resolve(engine), log);
    leadership = (await tryLead(home, (socket, token) => {
      void welcome(socket, token).then((isTrusted) => isTrusted && server.addSocket(socket));
    }))!;
  });

  afterEach(async () => {
    for (const socket of open) socket.destroy();
    leadership.hide();
    server.dispose();
    await engine.close();
    leadership.release();
    fs.rmSync(home, { recursive: true });
  });

  /** A stranger who writes these bytes. Gives what it was answered until it was cut off. */
  async function answerTo(bytes: Buffer): Promise<Buffer> {
    const socket = net.connect(findAddress(home)!);
    const parts: Buffer[] = [];
    socket.on('data', (data: Buffer) => parts.push(data));
    socket.on('error', () => undefined);
    socket.write(bytes);
    await once(socket, 'close');
    return Buffer.concat(parts);
  }

  async function attach(): Promise<{ connection: MessageConnection; socket: net.Socket }> {
    const socket = (await knock(home, new AbortController().signal))!;
    open.add(socket);
    const connection = createMessageConnection(new FrameReader(socket), new FrameWriter(socket));
    connection.listen();
    return { connection, socket };
  }

  const hello = (fields: object): Buffer =>
    encodeFrame({ type: 'hello', protocol: PROTOCOL_VERSION, token: readToken(home), ...fields });

  it('answers no stranger with a single byte', async () => {
    const length = (bytes: number): Buffer => Buffer.of(bytes >>> 24, bytes >>> 16, bytes >>> 8, bytes);

    const answers = await Promise.all(
      [
        Buffer.alloc(0), // Says nothing, for ever.
        Buffer.from('GET / HTTP/1.1\r\n\r\n'),
        Buffer.from('Content-Length: 99999999\r\n\r\n'),
        length(0xffffffff),
        length(5000),
        Buffer.concat([length(3), Buffer.from('{{{')]),
        encodeFrame(null),
        encodeFrame([]),
        encodeFrame({ jsonrpc: '2.0', id: 1, method: 'wish', params: { name: 'state', params: {} } }),
        hello({ token: 'ab'.repeat(32) }),
        hello({ token: `${readToken(home)}0` }),
        hello({ token: [readToken(home)] }),
        hello({ type: 'welcome' }),
      ].map(answerTo),
    );

    assert.deepEqual(
      answers.map((answer) => answer.length),
      answers.map(() => 0),
    );
  });

  it('cuts a stranger off who is silent for a second', async () => {
    const began = performance.now();

    await answerTo(hello({}).subarray(0, 20));

    const seconds = (performance.now() - began) / 1000;
    assert.ok(seconds > 0.8 && seconds < 2, `${seconds} s`);
  });

  it('tells the owner of the token when the versions differ', async () => {
    const answer = await answerTo(hello({ protocol: PROTOCOL_VERSION + 1 }));

    assert.equal(JSON.parse(answer.subarray(4).toString()).protocol, PROTOCOL_VERSION);
  });

  it('hands over a hello and the first wish that arrive in one packet, or byte by byte', async () => {
    const wish = { jsonrpc: '2.0', id: 5, method: 'wish', params: { name: 'identity', params: {} } };
    const bytes = Buffer.concat([hello({}), encodeFrame(wish)]);
    for (const step of [bytes.length, 1]) {
      const socket = net.connect(findAddress(home)!).setNoDelay(true);
      open.add(socket);
      const connection = createMessageConnection(new FrameReader(socket), new FrameWriter(socket));
      const answered = new Promise<string>((resolve) =>
        socket.on('data', (data: Buffer) => data.includes('"id":5') && resolve(data.toString())),
      );
      connection.listen();

      for (let at = 0; at < bytes.length; at += step) socket.write(bytes.subarray(at, at + step));

      assert.match(await answered, /"fingerprint"/);
    }
  });

  it('closes the connection on a message over the limit, and serves the others', async () => {
    const { socket } = await attach();
    const { connection } = await attach();
    const header = Buffer.alloc(4);
    header.writeUInt32BE(MAX_WISH_BYTES + 1);

    socket.write(header);
    await once(socket, 'close');

    assert.ok(await connection.sendRequest(wishRequest, { name: 'identity', params: {} }));
  });

  it('survives messages of any shape from a shell', async () => {
    const shapes = [
      1,
      null,
      'x',
      [],
      {},
      { method: 1 },
      { jsonrpc: '2.0', method: '$/cancelRequest' },
      { jsonrpc: '2.0', method: '$/cancelRequest', params: { id: {} } },
      { jsonrpc: '2.0', id: 1, method: 'wish' },
      { jsonrpc: '2.0', id: 1, method: 'wish', params: [] },
      { jsonrpc: '2.0', id: 1, result: 5 },
      { jsonrpc: '2.0', id: {}, method: 'constructor', params: { name: 'state' } },
    ];
    for (const shape of shapes) {
      const { socket } = await attach();
      socket.write(encodeFrame(shape));
    }

    const { connection } = await attach();

    assert.ok(await connection.sendRequest(wishRequest, { name: 'identity', params: {} }));
  });

  it('refuses what is no wish', async () => {
    const { connection } = await attach();
    const codeOf = async (message: unknown): Promise<unknown> =>
      connection.sendRequest(wishRequest, message as never).then(
        () => 'answered',
        (error: unknown) => (fromResponseError(error) as LoraSwarmError).code,
      );

    assert.equal(await codeOf({ name: 'dance', params: {} }), 'ENGINE_VERSION');
    assert.equal(await codeOf({ name: 'constructor', params: {} }), 'ENGINE_VERSION');
    assert.equal(await codeOf({ name: '__proto__', params: {} }), 'ENGINE_VERSION');
    assert.equal(await codeOf({ name: 7, params: {} }), 'MESSAGE_INVALID');
    assert.equal(await codeOf({ name: 'close', params: {} }), 'ENGINE_VERSION');
    for (const params of [null, undefined, 'x', [1]])
      assert.equal(await codeOf({ name: 'identity', params }), 'MESSAGE_INVALID');
    assert.equal(await codeOf({ name: 'identity', params: {}, progress: '1' }), 'MESSAGE_INVALID');
  });

  it('carries an expected error with code, message and action', async () => {
    const { connection } = await attach();

    const error = await connection
      .sendRequest(wishRequest, { name: 'inspect', params: { path: '/x' } })
      .catch(fromResponseError);

    assert.ok(error instanceof LoraSwarmError);
    assert.deepEqual(
      [error.code, error.message, error.action],
      ['ADAPTER_NOT_FOUND', '/x is not there.', { kind: 'retry' }],
    );
  });

  it('keeps the text of an unexpected error to the log', async () => {
    const { connection } = await attach();

    const error = (await connection
      .sendRequest(wishRequest, { name: 'doctor', params: {} })
      .catch(fromResponseError)) as Error;

    assert.equal(error instanceof LoraSwarmError, false);
    assert.doesNotMatch(error.message, /secret/);
    assert.match(logged.join('\n'), /TypeError: cannot read .*secret/);
  });

  it('sends progress at most 4 times a second, the last one always', async () => {
    const { connection } = await attach();
    const seen: WishProgress[] = [];
    connection.onProgress(wishProgress, 3, (progress) => void seen.push(progress));

    await connection.sendRequest(wishRequest, { name: 'find', params: { folders: [] }, progress: 3 });

    assert.deepEqual(
      seen.map((progress) => 'bytesDone' in progress && progress.bytesDone),
      [0, 199],
    );
  });

  it('sends a state only when it changed, and the last of many', async () => {
    const { connection } = await attach();
    const seen: number[] = [];
    const events: EngineEvent[] = [];
    const last = new Promise<void>((resolve) =>
      connection.onNotification(stateNotification, ({ catalogRevision }) => {
        seen.push(catalogRevision);
        if (catalogRevision === 100) resolve();
      }),
    );
    connection.onNotification(eventNotification, (event) => void events.push(event));

    await connection.sendRequest(wishRequest, { name: 'setSetting', params: { key: 'x', value: 1 } });
    await last;
    await connection.sendRequest(wishRequest, { name: 'setSetting', params: { key: 'x', value: 1 } });

    assert.ok(seen.length <= 3, seen.join(' '));
    assert.deepEqual(events[0], { type: 'peers:updated', count: 7 });
  });

  it('stops what a shell asked for when the shell goes away', async () => {
    const { connection, socket } = await attach();
    const aborted = new Promise<string>((resolve) => {
      const wish = engine.wish.bind(engine);
      engine.wish = (name, params, options) => {
        options!.signal!.addEventListener('abort', () => resolve(name));
        return wish(name, params, options);
      };
    });
    connection.sendRequest(wishRequest, { name: 'share', params: {} }).catch(() => undefined);
    await connection.sendRequest(wishRequest, { name: 'identity', params: {} });

    socket.destroy();

    assert.equal(await aborted, 'share');
  });
});

describe('attaching to an engine of another version', () => {
  for (const [protocol, expected] of [
    [PROTOCOL_VERSION - 1, /older LoRA Swarm 9\.9\.9\. Reload that window/],
    [PROTOCOL_VERSION + 1, /newer LoRA Swarm 9\.9\.9\. .*reload this window/],
  ] as const)
    it(`says which one to reload when it speaks protocol ${protocol}`, async function () {
      if (process.platform === 'win32') this.skip();
      const home = fs.mkdtempSync(path.join(os.tmpdir(), 'lora-version-'));
      fs.writeFileSync(path.join(home, 'engine.token'), 'ab'.repeat(32));
      const server = net.createServer((socket) =>
        socket.on('data', () => socket.end(encodeFrame({ type: 'welcome', protocol, version: '9.9.9' }))),
      );
      await new Promise<void>((resolve) => server.listen(path.join(home, 'engine.sock'), resolve));

      try {
        await assert.rejects(knock(home, new AbortController().signal), { code: 'ENGINE_VERSION', message: expected });
      } finally {
        server.close();
        fs.rmSync(home, { recursive: true });
      }
    });
});
