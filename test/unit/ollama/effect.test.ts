import assert from 'node:assert/strict';
import path from 'node:path';
import { OllamaClient } from '../../../src/engine/ollama/client';
import { checkEffect } from '../../../src/engine/ollama/effect/effect';
import { FakeOllama, type Fault } from '../../helpers/fakeOllama';

const FIXTURES = path.resolve(__dirname, '../../fixtures/ollama');
const BASE = path.join(FIXTURES, 'base.gguf');
/** The base is asked three prompts, and the first of them twice. */
const BASE_RUNS: readonly Fault[] = Array.from({ length: 4 }, () => ({ kind: 'none' }) as const);

describe('effect of an adapter', () => {
  let fake: FakeOllama;
  let client: OllamaClient;

  beforeEach(async () => {
    fake = await FakeOllama.start('0.34.2');
    fake.addModel('tiny', BASE);
    for (const name of ['adapter', 'zero', 'broken']) fake.addModel(name, BASE, path.join(FIXTURES, `${name}.gguf`));
    client = new OllamaClient(fake.url);
  });
  afterEach(() => fake.close());

  const says = (error: string, status = 500): Fault => ({ kind: 'status', status, error });

  it('is seen in the words', async () => {
    fake.hasLogprobs = false;

    const effect = await checkEffect(client, 'tiny', 'adapter');

    assert.deepEqual([effect.outcome, effect.changed], ['changed', true]);
    assert.match(effect.reason, /part at token \d/);
  });

  it('is none for weights that are zero, which is said', async () => {
    const effect = await checkEffect(client, 'tiny', 'zero');

    assert.deepEqual([effect.outcome, effect.checked, effect.changed], ['identical', true, false]);
    assert.match(effect.reason, /NO EFFECT.*same probabilities.*All its B matrices are zero/);
  });

  it('may hide where there are no probabilities', async () => {
    fake.hasLogprobs = false;

    const effect = await checkEffect(client, 'tiny', 'zero');

    assert.match(effect.reason, /NO EFFECT.*may be hidden/);
  });

  it('is none when Ollama dropped the adapter, which is said', async () => {
    fake.addModel('dropped', BASE);

    const effect = await checkEffect(client, 'tiny', 'dropped');

    assert.equal(effect.outcome, 'identical');
    assert.match(effect.reason, /consists of the base alone: Ollama dropped the adapter/);
  });

  it('is not all of the move when a quantized base was merged, which is said', async () => {
    const quantized = path.join(FIXTURES, '../llama-quant');
    fake.addModel('q4', path.join(quantized, 'base.q4_0.gguf'));
    fake.addModel('q4-merged', path.join(quantized, 'base.q5_k_m.gguf'));
    fake.addModel('f32-merged', path.join(FIXTURES, '../llama/base.f32.gguf'));

    const rounded = await checkEffect(client, 'q4', 'q4-merged');
    const kept = await checkEffect(client, 'tiny', 'f32-merged');

    assert.deepEqual([rounded.outcome, kept.outcome], ['changed', 'changed']);
    assert.match(rounded.reason, /The base is quantized.* part of the move may come from that\.$/);
    assert.doesNotMatch(kept.reason, /quantized/);
  });

  it('is not claimed when nobody says a word', async () => {
    fake.answerTokens = 0;

    const effect = await checkEffect(client, 'tiny', 'adapter');

    assert.deepEqual([effect.outcome, effect.checked], ['not-checked', false]);
    assert.match(effect.reason, /before the first word/);
  });

  for (const [kind, hide] of [
    ['where its file can be read', false],
    ['where Ollama has to hand it over', true],
  ] as const)
    it(`is a failure with our own finding when the model does not load, ${kind}`, async () => {
      if (hide) fake.shownFolder = '/var/lib/elsewhere';

      const effect = await checkEffect(client, 'tiny', 'broken');

      assert.deepEqual([effect.outcome, effect.checked, effect.changed], ['failed', false, false]);
      assert.match(
        effect.reason,
        /^Ollama runs tiny, but ends when it loads the adapter\. What is wrong with it: blk\.0\.attn_q\.weight has only one half/,
      );
      assert.equal((await client.tags()).length, 4);
    });

  for (const [text, reason] of [
    ['llama-server process has terminated: exit status 1', /finds nothing wrong.*may no longer run adapters.*"merge"/],
    ['llama runner process has terminated: GGML_ASSERT(x) failed', /finds nothing wrong/],
    ['loras are not yet implemented', /runs no adapters on this kind of model.*"merge"/],
  ] as const)
    it(`is a failure of this Ollama when the adapter is sound: ${text}`, async () => {
      fake.fail('/api/generate', ...BASE_RUNS, says(text));

      const effect = await checkEffect(client, 'tiny', 'adapter');

      assert.equal(effect.outcome, 'failed');
      assert.match(effect.reason, reason);
    });

  it('is a failure when its runner broke off and our own check knows why', async () => {
    fake.fail('/api/generate', ...BASE_RUNS, says('POST predict: Post "http://x/completion": EOF'));

    const effect = await checkEffect(client, 'tiny', 'broken');

    assert.equal(effect.outcome, 'failed');
    assert.match(effect.reason, /What is wrong with it: blk\.0\.attn_q\.weight/);
  });

  for (const [what, ...faults] of [
    ['the base does not run', says('error starting llama-server: llama-server binary not found')],
    ['the base makes no text', says('"tiny" does not support generate', 400)],
    ['Ollama is busy', ...BASE_RUNS, says('server busy, please try again', 503)],
    ['memory is short', ...BASE_RUNS, says('model requires more system memory (9 GiB) than is available')],
    ['its runner broke off and we know no reason', ...BASE_RUNS, says('POST predict: Post "http://x/completion": EOF')],
    ['somebody ended it', ...BASE_RUNS, says('llama-server process has terminated: signal: killed')],
    ['the connection breaks', ...BASE_RUNS, { kind: 'cut' }],
  ] as const)
    it(`is not claimed when ${what}`, async () => {
      fake.fail('/api/generate', ...(faults as readonly Fault[]));

      const effect = await checkEffect(client, 'tiny', 'adapter');

      assert.deepEqual([effect.outcome, effect.checked, effect.changed], ['not-checked', false, false]);
      assert.match(effect.reason, /^Not checked: .+\.$/);
    });

  it('is not claimed when Ollama is gone', async () => {
    await fake.close();

    const effect = await checkEffect(client, 'tiny', 'adapter');

    assert.equal(effect.outcome, 'not-checked');
    assert.match(effect.reason, /does not answer/);
  });

  it('is not claimed after a cancel, and nothing more is asked', async () => {
    const cancel = new AbortController();
    let release = (): void => undefined;
    fake.fail('/api/generate', { kind: 'wait', until: new Promise<void>((resolve) => (release = resolve)) });

    const checking = checkEffect(client, 'tiny', 'adapter', cancel.signal);
    while (!fake.requests.includes('POST /api/generate')) await new Promise(setImmediate);
    cancel.abort();
    const effect = await checking;

    release();
    assert.deepEqual([effect.outcome, effect.reason], ['not-checked', 'Not checked: it was cancelled.']);
    assert.equal(fake.requests.filter((line) => line === 'POST /api/generate').length, 1);
  });
});
