import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fingerprintOfGguf } from '../../../src/engine/adapter/baseFingerprint';
import { inspectAdapter } from '../../../src/engine/adapter/inspect';
import { adapterShape } from '../../../src/engine/adapter/shape';
import { judgeShape } from '../../../src/engine/adapter/verdict';
import { LocalOllama } from '../../../src/engine/flows/localOllama';
import { silentLog } from '../../../src/engine/log';
import { FakeOllama } from '../../helpers/fakeOllama';
import { fixture } from '../../helpers/gold';
import { MemoryMadeModels } from '../../helpers/memoryMadeModels';
import { costSince, started } from '../../helpers/processorTime';
import { rewriteGguf } from '../../helpers/rewriteGguf';

for (const [version, models, showsPerManifest] of [
  ['0.34.0', 20, 1],
  ['0.34.2', 200, 2], // Tells the tensors only when it is asked for everything.
] as const)
  describe(`${models} models in an Ollama ${version}`, () => {
    let folder: string;
    let fake: FakeOllama;
    let ollama: LocalOllama;
    before(async () => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), 'many-models-'));
      fake = await FakeOllama.start(version);
      const sources = ['gemma3/base.f32.gguf', 'qwen2/base.f32.gguf', 'llama/base.f16.gguf'];
      for (let at = 0; at < models - 2; at++) await add(`m${at}`, fixture(sources[at % sources.length]!));
      await add('own', fixture('llama/base.f32.gguf'));
      fake.store.write('copy', fake.store.readBytes('own')); // A second name of the same manifest.
      ollama = new LocalOllama({
        url: () => fake.url,
        ollamaHost: undefined,
        made: new MemoryMadeModels(),
        log: silentLog,
      });
    });
    after(async () => {
      await ollama.close();
      await fake.close();
      fs.rmSync(folder, { recursive: true, force: true });
    });
    const shows = (): number => fake.requests.filter((line) => line === 'POST /api/show').length;

    it('are judged soon and asked for once', async () => {
      const info = await inspectAdapter(fixture('qwen2/adapters/all-r4'));
      const shape = { ...adapterShape(info), architecture: 'qwen2', baseModel: 'x/unknown' };
      const since = started();

      const bases = await ollama.bases();
      const judged = judgeShape(shape, bases);
      const milliseconds = costSince(since);
      const first = shows();
      ollama.forgetBases();
      const again = judgeShape(shape, await ollama.bases());

      assert.equal(bases.length, models);
      assert.equal(judged.verdict, 'same-shape');
      assert.equal(bases.find(({ name }) => name === judged.base)?.architecture, 'qwen2');
      assert.equal(
        bases.filter(({ name }) => judgeShape(shape, bases, name).verdict === 'same-shape').length,
        (models - 2) / 3,
      );
      assert.equal(first, (models - 1) * showsPerManifest);
      assert.equal(shows(), first);
      assert.deepEqual(again, judged);
      // Of a slow machine; the benchmark has the figure.
      assert.ok(milliseconds < 3_000, `${milliseconds} ms`);
    });

    it('are read for their fingerprint only where it could decide, and once', async () => {
      const baseFingerprint = await fingerprintOfGguf(fixture('llama/base.f32.gguf'));
      const info = await inspectAdapter(fixture('llama/adapters/all-r8'));
      const shape = { ...adapterShape(info), architecture: 'llama', baseModel: 'x/unknown', baseFingerprint };
      const plain = judgeShape(shape, await ollama.bases());

      const judged = judgeShape(shape, await ollama.basesFor(shape));
      const read = shows();
      const again = judgeShape(shape, await ollama.basesFor(shape));

      assert.equal(plain.verdict, 'same-shape');
      assert.equal(judged.verdict, 'exact');
      assert.ok(['own:latest', 'copy:latest'].includes(judged.base!), judged.base);
      assert.deepEqual(again, judged);
      assert.equal(shows(), read);
      const withPrint = (await ollama.bases()).filter(({ fingerprint }) => fingerprint !== undefined);
      assert.ok(withPrint.every(({ architecture }) => architecture === 'llama'));
    });

    /** Each a file of its own, as models of different people are. */
    async function add(name: string, source: string): Promise<void> {
      const file = path.join(folder, `${name}.gguf`);
      await rewriteGguf(source, file, { description: name });
      fake.addModel(name, file);
      fs.rmSync(file);
    }
  });
