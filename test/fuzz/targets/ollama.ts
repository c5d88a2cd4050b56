import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import net from 'node:net';
import type { ErrorCode } from '../../../src/engine/errors';
import { parseCounted, parseModelfile, parseShow, parseTags, parseTokens } from '../../../src/engine/ollama/answers';
import { OllamaClient } from '../../../src/engine/ollama/client';
import { parseModelName } from '../../../src/engine/ollama/modelName';
import { parseImageManifest } from '../../../src/engine/ollama/registry/imageManifest';
import { damaged } from '../bytes';
import type { Random } from '../random';
import { tried, triedLater, type Target } from '../target';
import { anyValue, decodeValue, jsonBytes, mutatedText, mutatedValue } from '../values';

const HEX = 'ab'.repeat(32);
const DIGEST = `sha256:${HEX}`;
const MODELFILE = `# head\nFROM /root/.ollama/models/blobs/sha256-${HEX}\nADAPTER C:\\x\\blobs\\sha256-${HEX}\nTEMPLATE """x"""\n`;
const TAG = { name: 'llama3.2:latest', digest: HEX, size: 5, modified_at: '2025-01-01T00:00:00Z' };
const LAYER = { mediaType: 'application/vnd.ollama.image.model', digest: DIGEST, size: 5 };
const ANSWERS: readonly unknown[] = [
  { version: '0.34.2' },
  { models: [{ ...TAG, details: { family: 'llama', parent_model: '/x', families: ['llama'] } }, TAG] },
  {
    ...{ modelfile: MODELFILE, details: { parent_model: 'llama3.2', format: 'gguf' } },
    ...{ model_info: { 'general.architecture': 'llama', 'llama.block_count': 2 } },
    tensors: [{ name: 'blk.0.attn_q.weight', type: 'F16', shape: [64, 64] }],
  },
  { response: 'a', logprobs: [{ token: 'a', logprob: -0.5, top_logprobs: [{ token: 'b', logprob: -1 }] }] },
  { response: '', done: true, eval_count: 5, eval_duration: 1e9, prompt_eval_duration: 1 },
  { status: 'success' },
  { error: 'model "x" not found' },
  { schemaVersion: 2, config: LAYER, layers: [LAYER, { ...LAYER, mediaType: 'x' }] },
];

function answer(random: Random): unknown {
  let value = random.pick(ANSWERS);
  if (random.isOneIn(10)) value = anyValue(random);
  for (let count = random.below(3); count > 0; count--) value = mutatedValue(value, random);
  return value;
}

/** What Ollama's answers hold. Another program may listen at its address. */
export const ollamaAnswers: Target = {
  name: 'answers of Ollama',
  open: () => ({
    make: (random) => jsonBytes(answer(random)),
    take: (input) => {
      const value = decodeValue(input);
      const from = (typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}) as Record<
        string,
        unknown
      >;
      const tags = parseTags(from);
      for (const { digest } of tags) assert.match(digest, /^[0-9a-f]{64}$/);
      const { tensors, layers } = parseShow(from);
      for (const shape of tensors?.values() ?? []) assert.ok(shape.every((size) => Number.isSafeInteger(size)));
      for (const digest of layers.adapters) assert.match(digest, /^sha256:[0-9a-f]{64}$/);
      const tokens = parseTokens(from);
      assert.ok(tokens.every(({ text }) => typeof text === 'string'));
      parseCounted(from);
      const manifest = tried(['OLLAMA_ROUTE_UNAVAILABLE'], () => parseImageManifest(input));
      return tags.length + tokens.length > 0 || tensors || manifest === 'accepted' ? 'accepted' : 'refused';
    },
  }),
};

/** Names of models and heads of Modelfiles. */
export const modelTexts: Target = {
  name: 'names of models',
  open: () => ({
    make: (random) => {
      const text = random.pick([MODELFILE, 'llama3.2', 'reg.example:5000/ana/llama3.2:8b-q4', 'gpt-oss:120b-cloud']);
      return Buffer.from(mutatedText(random.isOneIn(3) ? mutatedText(text, random) : text, random));
    },
    take: (input) => {
      const text = Buffer.from(input).toString('utf8');
      parseModelfile(text);
      const name = parseModelName(text);
      if (!name) return 'refused';
      // It becomes a path below the folder of models.
      for (const part of [name.host, name.namespace, name.model, name.tag]) assert.ok(!/[\\/]|^\.|^$/.test(part), part);
      const { host, namespace, model, tag } = name;
      assert.deepEqual(parseModelName(`${host}/${namespace}/${model}:${tag}`), name);
      return 'accepted';
    },
  }),
};

const CODES: readonly ErrorCode[] = [
  ...(['OLLAMA_UNREACHABLE', 'OLLAMA_REFUSED', 'OLLAMA_MODEL_UNKNOWN', 'OLLAMA_FAILED', 'OLLAMA_TOO_OLD'] as const),
];

/** Whatever comes over HTTP, headers included, from whoever listens at the address. The first byte says what was asked. */
export const ollamaHttp: Target = {
  name: 'HTTP of Ollama',
  open: async () => {
    let next: Uint8Array = new Uint8Array();
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(next));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = new OllamaClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const calls: readonly (() => Promise<unknown>)[] = [
      () => client.version(),
      () => client.tags(),
      () => client.show('x'),
      () => client.create({ model: 'x', from: 'y' }),
      () => client.delete('x'),
      () => client.hasBlob(DIGEST),
      () => client.askCreate({}),
      async () => {
        for await (const token of client.generate({ model: 'x', prompt: 'y' }))
          assert.equal(typeof token.text, 'string');
      },
    ];
    return {
      make: (random) => Buffer.concat([Uint8Array.of(random.below(calls.length)), response(random)]),
      take: async (input) => {
        next = input.subarray(1);
        return await triedLater(CODES, calls[(input[0] ?? 0) % calls.length]!);
      },
      close: async () => {
        server.close();
        await once(server, 'close');
      },
    };
  },
};

function response(random: Random): Buffer {
  const lines = Array.from({ length: 1 + random.below(3) }, () => Buffer.from(jsonBytes(answer(random))));
  const body = Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]));
  const status = random.pick([200, 200, 200, 201, 204, 301, 400, 404, 500, 503, 99, 1_000]);
  const length = random.isOneIn(2)
    ? [`content-length: ${random.isOneIn(8) ? random.below(9_999) : body.byteLength}`]
    : [];
  const other = random.isOneIn(8) ? [`x-${'h'.repeat(random.pick([1, 20_000]))}: 1`, 'transfer-encoding: chunked'] : [];
  const head = [
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? 'X'}`,
    ...length,
    ...other,
    'connection: close',
    '',
    '',
  ];
  const whole = Buffer.concat([Buffer.from(head.join('\r\n')), body]);
  return random.isOneIn(3) ? damaged(whole, random) : whole;
}
