import assert from 'node:assert/strict';
import path from 'node:path';
import { OllamaClient } from '../../src/engine/ollama/client';
import { compareModels, type Side } from '../../src/engine/ollama/compare';
import { importBase } from '../../src/engine/ollama/modelsFolder';
import { addAdapted } from '../helpers/addAdapted';
import type { TestServer } from './suite';

const FIXTURES = path.resolve(__dirname, '../fixtures/ollama');

export function compareSuite(name: string, start: () => Promise<TestServer>): void {
  describe(`comparing in ${name}`, function () {
    this.timeout(60_000);
    let server: TestServer;
    let client: OllamaClient;
    const request = { base: 'tiny', model: 'works', prompt: 'Once upon a time', tokens: 4 };

    before(async function () {
      server = await start();
      client = new OllamaClient(server.url);
      const gguf = path.join(FIXTURES, 'base.gguf');
      await importBase(server.modelsFolder, { model: 'tiny', gguf, family: 'llama' });
      await addAdapted(server.modelsFolder, 'tiny', 'works', [path.join(FIXTURES, 'adapter.gguf')]);
      const cannotRun = await compareModels(client, request, () => undefined).then(
        () => undefined,
        (error: unknown) => String(error),
      );
      if (cannotRun === undefined) return;
      console.log(`      left out: it cannot run models (${cannotRun.slice(0, 120)})`);
      this.skip();
    });
    after(() => server.close());

    it('streams both answers, the base first, and counts them', async () => {
      const heard: [Side, string][] = [];

      const { base, model } = await compareModels(client, request, (...said) => heard.push(said));

      const sides = heard.map(([side]) => side);
      assert.deepEqual(sides, [...sides].sort()); // All of the base, then all of the model.
      for (const [side, { text, tokens, seconds }] of Object.entries({ base, model })) {
        assert.ok(
          text.length > 0 && tokens === 4 && seconds >= 0 && seconds < 60,
          JSON.stringify({ text, tokens, seconds }),
        );
        const last = heard.findLast(([of]) => of === side);
        assert.equal(last?.[1], text);
      }
      assert.notEqual(base.text, model.text);
    });

    it('gives the same again, and the same for one model twice', async () => {
      const first = await compareModels(client, { ...request, model: 'tiny' }, () => undefined);
      const second = await compareModels(client, { ...request, base: 'TINY:latest' }, () => undefined);

      assert.equal(first.base.text, first.model.text);
      assert.equal(second.base.text, first.base.text);
    });

    it('ends at once when it is cancelled', async () => {
      const cancel = new AbortController();

      const result = compareModels(client, { ...request, tokens: 4096 }, () => cancel.abort(), cancel.signal);

      await assert.rejects(result, { name: 'AbortError' });
    });

    it('asks models of this machine only', async () => {
      for (const model of ['nobody', 'gpt-oss:120b-cloud', 'evil.example/x/y', 'tiny:other'])
        await assert.rejects(
          compareModels(client, { ...request, model }, () => assert.ok(false)),
          {
            code: 'OLLAMA_MODEL_UNKNOWN',
          },
        );
      assert.deepEqual(server.outside, []);
    });

    it('refuses what is no question', async () => {
      for (const wrong of [
        { prompt: ' ' },
        { prompt: 'x'.repeat(70_000) },
        { tokens: 0 },
        { tokens: 1.5 },
        { tokens: 1e9 },
      ])
        await assert.rejects(
          compareModels(client, { ...request, ...wrong }, () => assert.ok(false)),
          { code: 'USAGE' },
        );
    });
  });
}
