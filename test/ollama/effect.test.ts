import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { OllamaClient } from '../../src/engine/ollama/client';
import { checkEffect } from '../../src/engine/ollama/effect/effect';
import { isOlder } from '../../src/engine/ollama/version';
import { addAdapted } from '../helpers/addAdapted';
import { addCalmBase } from '../helpers/calmBase';
import { RealOllama } from '../helpers/realOllama';
import { findOllamas } from '../run/machine';

const FIXTURES = path.resolve(__dirname, '../fixtures');
const TINY = path.join(FIXTURES, 'ollama');
/** llama.cpp loads these, so nothing is wrong that it could say: a sound one, and three whose harm is in their numbers. */
const LOADED = ['ok.gguf', 'alpha-0.gguf', 'nan.gguf', 'norm-pair.gguf'];
const BAD = fs
  .readdirSync(path.join(FIXTURES, 'bad'))
  .filter((name) => name.endsWith('.gguf') && !LOADED.includes(name));

for (const program of findOllamas())
  describe(`effect in a real Ollama: ${program}`, function () {
    this.timeout(120_000);
    let server: RealOllama;
    let client: OllamaClient;
    const files = {
      works: path.join(TINY, 'adapter.gguf'),
      zero: path.join(TINY, 'zero.gguf'),
    };

    before(async function () {
      server = await RealOllama.start(program);
      client = new OllamaClient(server.url);
      await addCalmBase(server, { model: 'tiny', gguf: path.join(TINY, 'base.gguf'), family: 'llama' });
      for (const [name, file] of Object.entries(files)) await addAdapted(server.modelsFolder, 'tiny', name, [file]);
      const { outcome, reason } = await checkEffect(client, 'tiny', 'works');
      if (outcome !== 'not-checked') return;
      console.log(`      left out: it cannot run models (${reason.slice(0, 120)})`);
      this.skip();
    });
    after(() => server.close());

    it('is a change of probabilities far beyond the noise, or of words where there are none', async () => {
      const hasLogprobs = !isOlder(await client.version(), '0.12.0');

      const effect = await checkEffect(client, 'tiny', 'works');

      assert.deepEqual([effect.outcome, effect.checked, effect.changed], ['changed', true, true]);
      assert.equal(effect.logprobMove !== undefined && effect.logprobMove > 0.1, hasLogprobs, effect.reason);
    });

    it('is none for weights that are zero, and none for the base itself', async () => {
      await client.copy('tiny', 'dropped');

      const zero = await checkEffect(client, 'tiny', 'zero');
      const dropped = await checkEffect(client, 'tiny', 'dropped');

      assert.equal(zero.outcome, 'identical');
      assert.match(zero.reason, /NO EFFECT.*All its B matrices are zero/);
      assert.equal(dropped.outcome, 'identical');
      assert.match(dropped.reason, /NO EFFECT.*consists of the base alone/);
    });

    for (const name of BAD)
      it(`is found by our own check to be prevented by what is wrong with ${name}, of which Ollama says nothing`, async () => {
        await addAdapted(server.modelsFolder, 'tiny', 'bad', [path.join(FIXTURES, 'bad', name)]);

        const effect = await checkEffect(client, 'tiny', 'bad');

        await client.delete('bad');
        assert.deepEqual([effect.outcome, effect.changed], ['failed', false], effect.reason);
        assert.match(effect.reason, /^Ollama runs tiny, but ends when it loads the adapter\. What is wrong with it: /);
      });
  });
