import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { Engine } from '../../src/engine/engine';
import { LoraSwarmError } from '../../src/engine/errors';
import { FakeOllama } from '../helpers/fakeOllama';
import { fixture } from '../helpers/gold';
import { TestEngines } from '../helpers/testEngines';
import { DAMAGES } from './damage';

/** What looks and changes nothing. `create` is here for the question whether it takes adapters. */
const LOOKS = /^(GET \/api\/(version|tags|ps)|POST \/api\/show|HEAD \/api\/blobs\/\S+|POST \/api\/create)$/;

for (const version of ['0.34.0', '0.34.2'])
  describe(`a bad adapter for Ollama ${version}`, () => {
    let fake: FakeOllama;
    let engines: TestEngines;
    let engine: Engine;
    let folder: string;
    let home: string;

    before(async () => {
      fake = await FakeOllama.start(version);
      for (const base of ['llama', 'qwen2', 'gemma3']) fake.addModel(base, fixture(base, 'base.f32.gguf'));
      engines = new TestEngines();
      ({ engine, home } = await engines.open('ana', { ollama: fake.url }));
    });
    beforeEach(() => {
      folder = fs.mkdtempSync(path.join(engines.folder, 'bad-'));
      fake.requests.length = 0;
      fake.created.length = 0;
    });
    after(async () => {
      await (engines as TestEngines | undefined)?.dispose();
      await fake.close();
    });

    for (const { name, base, make, code, isMergeable } of DAMAGES)
      it(`ends before anything is sent: ${name}`, async () => {
        const target = make(folder);
        const before = snapshot();

        for (const route of ['auto', 'pull', 'manifest', 'merge'] as const) {
          if (isMergeable && (route === 'auto' || route === 'merge')) continue;
          const error = await engine
            .wish('install', { target, base, route, isCostConfirmed: true })
            .then(() => assert.fail(`installed by route ${route}`), errorOf);

          assert.ok(error instanceof LoraSwarmError, `route ${route}: ${String(error)}`);
          assert.match(error.code, code, `route ${route}: ${error.message}`);
        }
        assert.deepEqual(
          fake.requests.filter((request) => !LOOKS.test(request)),
          [],
        );
        assert.ok(fake.created.every(({ from, files }) => from === undefined && files === undefined));
        assert.deepEqual(snapshot(), before);
      });

    it('is told from a good one', async () => {
      const target = fixture('llama', 'adapters', 'qv-r4');

      const { model } = await engine.wish('install', { target, base: 'llama' });

      assert.ok(fake.requests.some((request) => request.startsWith('POST /api/blobs/')));
      assert.ok(fake.store.find(model));
    });

    function snapshot(): readonly string[] {
      return [
        ...fake.store.list().map((model) => `${model.name} ${model.digest}`),
        ...fs.readdirSync(path.join(fake.modelsFolder, 'blobs')),
        ...fs.readdirSync(path.join(home, 'tmp')),
      ];
    }
  });

function errorOf(error: unknown): unknown {
  return error;
}
