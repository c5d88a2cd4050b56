import assert from 'node:assert/strict';
import path from 'node:path';
import type { Engine } from '../../src/engine/engine';
import { inspectAdapter } from '../../src/engine/adapter/inspect';
import { baseModelFromGguf } from '../../src/engine/adapter/ggufBaseModel';
import { convertAdapter } from '../../src/engine/adapter/convert';
import { importBase } from '../../src/engine/ollama/modelsFolder';
import { addAdapted } from '../helpers/addAdapted';
import { FakeOllama } from '../helpers/fakeOllama';
import { fixture } from '../helpers/gold';
import { rewriteGguf } from '../helpers/rewriteGguf';
import { TestEngines, untilState } from '../helpers/testEngines';

const LLAMA = fixture('llama/base.f32.gguf');
const QWEN = fixture('qwen2/base.f32.gguf');

describe('verdict across machines', function () {
  this.timeout(60_000);
  let engines: TestEngines;
  let [hers, his]: FakeOllama[] = [];
  let [ana, ben]: Engine[] = [];
  let rewritten: string;

  before(async () => {
    engines = new TestEngines();
    [hers, his] = [await FakeOllama.start('0.34.2'), await FakeOllama.start('0.34.0')];
    rewritten = path.join(engines.folder, 'rewritten.gguf');
    await rewriteGguf(LLAMA, rewritten);
    const lora = path.join(engines.folder, 'lora.gguf');
    await convertAdapter(await inspectAdapter(fixture('llama/adapters/qv-r4')), await baseModelFromGguf(LLAMA), lora);

    await importBase(hers.modelsFolder, { model: 'tiny', gguf: LLAMA, family: 'llama' });
    await addAdapted(hers.modelsFolder, 'tiny', 'ana-sql', [lora]);
    await importBase(his.modelsFolder, { model: 'another', gguf: fixture('llama/base.f16.gguf'), family: 'llama' });
    await importBase(his.modelsFolder, { model: 'rewritten', gguf: rewritten, family: 'llama' });
    await importBase(his.modelsFolder, { model: 'tied', gguf: QWEN, family: 'qwen2' });
    ({ engine: ana } = await engines.open('ana', { ollama: hers.url }));
    ({ engine: ben } = await engines.open('ben', { ollama: his.url }));
    await engines.room(ana, ben);
  });
  after(async () => {
    await engines.dispose();
    await Promise.all([hers!.close(), his!.close()]);
  });

  it('knows the very weights in another file, before the download, and installs on them', async () => {
    const { id } = await ana!.wish('share', { path: 'ollama:ana-sql', rooms: ['lab'], name: 'ana/sql' });
    await untilState(ben!, (state) => state.peers.some(({ adapters }) => adapters === 1));

    const listed = await ben!.wish('list', {});
    const verdict = await ben!.wish('verdict', { target: id });
    const inFile = await ben!.wish('verdict', { target: id, base: rewritten });
    const again = await ben!.wish('list', {});
    const plan = await ben!.wish('planInstall', { target: id });
    const { install } = await ben!.wish('get', { target: id, install: true });

    assert.equal(listed.adapters[0]?.verdict?.verdict, 'same-shape', 'a list does not wait for the disk');
    assert.deepEqual([verdict.verdict, verdict.base], ['exact', 'rewritten:latest']);
    assert.equal(verdict.reason, 'It was trained for the very weights of rewritten:latest.');
    assert.equal(inFile.verdict, 'exact');
    assert.deepEqual(again.adapters[0]?.verdict, verdict);
    assert.deepEqual(plan.verdict, verdict);
    assert.equal(install?.base, 'rewritten:latest', 'although two models have its shape');
    await ben!.wish('uninstall', { model: install.model });
  });

  for (const [folder, base, why] of [
    ['qwen2/adapters/tied-head', 'tied', /one tensor for input and output/],
    ['qwen2/adapters/bias-trained', 'tied', /bias/],
    ['llama/adapters/dora', 'rewritten', /DoRA/],
  ] as const)
    it(`says of ${folder} that it can only be merged, as its plan does`, async () => {
      const target = fixture(folder);

      const verdict = await ben!.wish('verdict', { target, base });
      const inFile = await ben!.wish('verdict', { target, base: base === 'tied' ? QWEN : LLAMA });
      const plan = await ben!.wish('planInstall', { target, base });

      assert.match(verdict.verdict, /^(exact|same-shape)$/);
      assert.match(verdict.reason, /It can only be merged into a copy of that model: /);
      assert.match(verdict.reason, why);
      assert.match(inFile.reason, /It can only be merged into a copy of that model: /);
      assert.deepEqual(plan.verdict, verdict);
      assert.equal(plan.chosen, 'merge');
    });

  it('says what to pull when the base is not here, and pulls nothing', async () => {
    const folder = fixture('gemma3/adapters/qv-r2');

    const { verdict, reason } = await ben!.wish('verdict', { target: folder });

    assert.equal(verdict, 'base-missing');
    assert.match(reason, /^Its base, fx\/tiny-gemma3, is not here\. Get it in Ollama first\.$/);
    assert.deepEqual([his!.outside, his!.requests.filter((line) => line.endsWith('/api/pull'))], [[], []]);
  });

  it('is the same in a list, which counts a model that it can be merged into among those that fit', async () => {
    await ana!.wish('share', { path: fixture('qwen2/adapters/tied-head'), rooms: ['lab'], name: 'ana/head' });
    await untilState(ben!, (state) => state.peers.some(({ adapters }) => adapters === 2));

    const { adapters } = await ben!.wish('list', { fits: 'tied' });
    const [head] = adapters.filter(({ name }) => name === 'ana/head');
    const verdict = await ben!.wish('verdict', { target: head!.id });
    const onTied = await ben!.wish('verdict', { target: head!.id, base: 'tied' });

    assert.deepEqual(head!.verdict, verdict);
    assert.equal(verdict.base, 'another:latest', 'a model of the same shape that can carry it');
    assert.match(onTied.reason, /It can only be merged into a copy of that model/);
  });
});
