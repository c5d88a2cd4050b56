import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { OllamaClient } from '../../../src/engine/ollama/client';
import { digestOf } from '../../../src/engine/ollama/digest';
import { answerOf } from '../../../src/engine/ollama/http';
import { FakeOllama } from '../../helpers/fakeOllama';

const BASE = path.resolve(__dirname, '../../fixtures/ollama/base.gguf');

describe('Ollama client', () => {
  let fake: FakeOllama;
  let client: OllamaClient;

  beforeEach(async () => {
    fake = await FakeOllama.start('0.34.0');
    fake.addModel('tiny', BASE);
    client = new OllamaClient(fake.url);
  });
  afterEach(() => fake.close());

  const create = (): Promise<void> => client.create({ model: 'new', from: 'tiny' });

  it('says that nobody answers, where, and which setting helps', async () => {
    await fake.close();

    await assert.rejects(client.tags(), {
      code: 'OLLAMA_UNREACHABLE',
      message: `Ollama does not answer at ${fake.url}. Start it, or change the address.`,
      action: { kind: 'openSetting', key: 'ollama.url' },
    });
  });

  it('takes a create for done only when it said success', async () => {
    const statuses: string[] = [];

    await client.create({ model: 'new', from: 'tiny' }, (status) => statuses.push(status));

    assert.deepEqual(statuses, ['parsing GGUF', 'writing manifest', 'success']);
    for (const kind of ['unfinished', 'cut', 'die'] as const) {
      fake.fail('/api/create', { kind });
      await assert.rejects(create(), { code: 'OLLAMA_FAILED', action: { kind: 'retry' } }, kind);
    }
  });

  it('finds the error inside a stream that began well', async () => {
    fake.fail('/api/create', { kind: 'errorLine', error: 'write /x: no space\nleft\u001b[31m on device' });

    const error: unknown = await create().catch((caught: unknown) => caught);

    assert.equal(answerOf(error)?.status, 200);
    assert.equal(answerOf(error)?.text, 'write /x: no space left [31m on device');
    assert.equal((error as { code: string }).code, 'OLLAMA_FAILED');
  });

  it('tells refusals, failures and unknown models apart', async () => {
    fake.fail('/api/copy', { kind: 'status', status: 403, error: 'no' });
    await assert.rejects(client.copy('tiny', 'b'), { code: 'OLLAMA_REFUSED' });
    fake.fail('/api/copy', { kind: 'status', status: 503, error: 'server busy, please try again.' });
    await assert.rejects(client.copy('tiny', 'b'), { code: 'OLLAMA_FAILED', action: { kind: 'retry' } });
    await assert.rejects(client.copy('nope', 'b'), { code: 'OLLAMA_MODEL_UNKNOWN' });
    await assert.rejects(client.show('nope'), { code: 'OLLAMA_MODEL_UNKNOWN' });
    assert.equal(await client.delete('nope'), false);
    assert.equal(await client.delete('tiny'), true);
  });

  it('hands a file over once, and not under a wrong digest', async () => {
    const bytes = fs.readFileSync(__filename);
    const digest = digestOf(bytes);

    await client.uploadBlob(__filename, digest, bytes.byteLength);
    await client.uploadBlob(__filename, digest, bytes.byteLength);

    assert.deepEqual(fs.readFileSync(fake.store.blobPath(digest)), bytes);
    assert.equal(fake.requests.filter((line) => line.startsWith('POST /api/blobs')).length, 1);
    await assert.rejects(client.uploadBlob(__filename, digestOf('other'), bytes.byteLength), {
      code: 'OLLAMA_REFUSED',
      message: /digest mismatch/,
    });
    await assert.rejects(client.uploadBlob('/nowhere', digestOf('none'), 1), { code: 'ENOENT' });
  });

  it('stops when it is told to, and lets go of the connection', async () => {
    let release: () => void = () => undefined;
    fake.fail('/api/tags', { kind: 'wait', until: new Promise((resolve) => (release = resolve)) });
    const cancel = new AbortController();

    const tags = client.tags(cancel.signal);
    while (!fake.requests.includes('GET /api/tags')) await new Promise(setImmediate);
    cancel.abort();

    await assert.rejects(tags, { name: 'AbortError' });
    release();
    await assert.rejects(client.version(AbortSignal.abort()), { name: 'AbortError' });
  });

  it('reads tokens with their probabilities', async () => {
    const tokens = [];
    for await (const token of client.generate({ model: 'tiny', prompt: 'a', logprobs: true })) tokens.push(token);

    assert.equal(tokens.length, 4);
    assert.ok(tokens.every(({ text, logprob }) => /^t\d $/.test(text) && logprob! <= 0));
    fake.fail('/api/generate', { kind: 'cut' });
    await assert.rejects(
      async () => {
        for await (const _ of client.generate({ model: 'tiny', prompt: 'a' })) continue;
      },
      { code: 'OLLAMA_FAILED' },
    );
  });
});

describe('Ollama client before a strange server', () => {
  let answer: (response: http.ServerResponse) => void;
  const server = http.createServer((request, response) => {
    request.resume();
    answer(response);
  });
  let client: OllamaClient;

  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    client = new OllamaClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const statuses = async (): Promise<string[]> => {
    const seen: string[] = [];
    await client.create({ model: 'm' }, (status) => seen.push(status));
    return seen;
  };

  it('cuts a stream at newlines, wherever the packets end', async () => {
    const bytes = Buffer.from('{"status":"żółć"}\r\n\n{"status":"two"}\n{"status":"success"}');
    answer = (response) => {
      const write = (at: number): void => {
        if (at === bytes.length) response.end();
        else response.write(bytes.subarray(at, at + 1), () => write(at + 1));
      };
      write(0);
    };

    assert.deepEqual(await statuses(), ['żółć', 'two', 'success']);
  });

  for (const [what, body] of [
    ['a page', '<!doctype html>'],
    ['a number', '7'],
    ['a list', '[]'],
    ['nothing', ''],
  ] as const)
    it(`says that ${what} is not how Ollama speaks`, async () => {
      answer = (response) => response.end(body);

      await assert.rejects(client.tags(), {
        code: 'OLLAMA_FAILED',
        action: { kind: 'openSetting', key: 'ollama.url' },
      });
    });

  it('reads no more than it has to', async () => {
    let sent = 0;
    const part = Buffer.alloc(1024 * 1024, 'x');
    answer = (response) => {
      const more = (): void => {
        sent += part.length;
        if (!response.destroyed && sent < 200 * part.length) response.write(part, more);
      };
      more();
    };

    await assert.rejects(client.tags(), { code: 'OLLAMA_FAILED', message: /too large/ });
    await assert.rejects(statuses(), { code: 'OLLAMA_FAILED', message: /too long/ });
    assert.ok(sent < 100 * part.length, `${sent} bytes`);
  });

  it('leaves out lines of a list that it does not understand', async () => {
    const good = { name: 'a:latest', digest: 'b'.repeat(64), size: 3 };
    answer = (response) =>
      response.end(JSON.stringify({ models: [null, 7, { name: 1 }, { ...good, digest: '../x' }, good] }));

    assert.deepEqual(
      (await client.tags()).map(({ name, bytes }) => [name, bytes]),
      [['a:latest', 3]],
    );
  });

  it('says that the connection ended when a server hangs up without an answer', async () => {
    const rude = net.createServer((socket) => socket.once('data', () => socket.destroy())).listen(0, '127.0.0.1');
    await once(rude, 'listening');
    const other = new OllamaClient(`http://127.0.0.1:${(rude.address() as AddressInfo).port}`);

    await assert.rejects(other.version(), { code: 'OLLAMA_FAILED', message: /ended the connection/ });
    rude.close();
  });
});
