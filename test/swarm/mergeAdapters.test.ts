import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Engine } from '../../src/engine/engine';
import type { WishProgress } from '../../src/engine/wishes';
import { fixture } from '../helpers/gold';
import { TestEngines } from '../helpers/testEngines';
import { writePeftAdapter } from '../helpers/writeAdapter';

describe('merging adapters of an engine', function () {
  this.timeout(20_000);
  const engines = new TestEngines();
  let ana: Engine;
  let warnings: string[];
  let shared: { readonly id: string; readonly name: string; readonly folder: string };
  let unshared: string;
  const merged = (): string => path.join(engines.folder, 'merged');
  const file = (): string => path.join(merged(), 'lora-swarm-merge.json');
  const share = () => ana.wish('share', { path: merged(), rooms: [], name: 'both' });

  before(async () => {
    ({ engine: ana, warnings } = await engines.open('ana'));
    const { folder } = await writePeftAdapter(path.join(engines.folder, 'sql'), { seed: 1 });
    ({ folder: unshared } = await writePeftAdapter(path.join(engines.folder, 'checkpoint-400'), { seed: 2 }));
    shared = { ...(await ana.wish('share', { path: folder, rooms: [], name: 'sql' })), folder };
  });
  beforeEach(async () => {
    await ana.wish('mergeAdapters', {
      parts: [
        { target: shared.name, weight: 0.7 },
        { target: unshared, weight: -0.3 },
      ],
      out: merged(),
      method: 'dare',
      rank: 4,
      seed: 7,
    });
  });
  afterEach(() => rm(merged(), { recursive: true, force: true }));
  after(() => engines.dispose());

  const lineage = () => ({
    method: 'dare',
    parts: [
      { id: shared.id, name: 'ana/sql', weight: 0.7 },
      { name: 'checkpoint-400', weight: -0.3 },
    ],
    rank: 4,
    density: 0.5,
    seed: 7,
  });

  it('leaves a folder that says how it was made, and tells what it did', async () => {
    const out = path.join(engines.folder, 'told');
    const progress: WishProgress[] = [];

    const result = await ana.wish(
      'mergeAdapters',
      { parts: [{ target: shared.id.slice(0, 8), weight: 1 }], out },
      { onProgress: (step) => progress.push(step) },
    );

    const weights = await readFile(path.join(out, 'adapter_model.safetensors'));
    assert.deepEqual(JSON.parse(await readFile(path.join(out, 'lora-swarm-merge.json'), 'utf8')), {
      version: 1,
      weights: `sha256:${createHash('sha256').update(weights).digest('hex')}`,
      method: 'concat',
      parts: [{ id: shared.id, name: 'ana/sql', weight: 1 }],
    });
    assert.deepEqual([result.path, result.method, result.bytes], [out, 'concat', weights.length]);
    assert.deepEqual([result.parents, result.pairs, result.rank, result.error.whole], [[shared.id], 4, 4, 0]);
    assert.deepEqual(progress.at(-1), { kind: 'merge', bytesDone: weights.length, bytesTotal: weights.length });
  });

  it('names parents, weights and method in the release of the result, not in its files', async () => {
    const { id } = await share();

    const details = await ana.wish('adapter', { id });

    assert.deepEqual(details.parents, [shared.id]);
    assert.deepEqual(details.lineage, lineage());
    const folders = await readdir(path.join(engines.folder, 'ana', 'shared', id));
    assert.ok(!folders.includes('lora-swarm-merge.json'), folders.join());
    await ana.wish('unshare', { target: id });
  });

  it('knows a shared adapter by its path, too', async () => {
    const out = path.join(engines.folder, 'by-path');

    const { parents } = await ana.wish('mergeAdapters', { parts: [{ target: shared.folder, weight: 1 }], out });

    assert.deepEqual(parents, [shared.id]);
  });

  it('shares without lineage what is not what was merged', async () => {
    const weights = path.join(merged(), 'adapter_model.safetensors');
    const bytes = await readFile(weights);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(weights, bytes);

    const { id } = await share();

    const details = await ana.wish('adapter', { id });
    assert.deepEqual(details.parents, []);
    assert.ok(!('lineage' in details));
    assert.ok(warnings.some((line) => /without lineage/.test(line)));
    await ana.wish('unshare', { target: id });
  });

  const damaged: Record<string, (text: string) => string> = {
    'cut off': (text) => text.slice(0, -10),
    'no object': () => 'null',
    'no version': (text) => text.replace('"version"', '"edition"'),
    'no digest': (text) => text.replace('sha256:', 'md5:'),
    'a parent that is a path': (text) => text.replace(/"id": "\w+"/, '"id": "../../secret"'),
    'a name that is a path': (text) => text.replace('"checkpoint-400"', '"/home/ana/checkpoint-400"'),
    'a weight that is text': (text) => text.replace('-0.3', '"-0.3"'),
    'a weight beyond all bounds': (text) => text.replace('-0.3', '-1e300'),
    huge: (text) => text + ' '.repeat(20_000),
  };
  for (const [what, damage] of Object.entries(damaged))
    it(`refuses a merge file that is damaged: ${what}`, async () => {
      await writeFile(file(), damage(await readFile(file(), 'utf8')));

      await assert.rejects(share(), { code: 'ADAPTER_CONFIG_INVALID', message: /lora-swarm-merge\.json/ });
    });

  it('goes past a merge file of a later version, or with a method of one', async () => {
    const text = await readFile(file(), 'utf8');
    for (const [from, to] of [
      ['"version": 1', '"version": 2'],
      ['"dare"', '"slerp"'],
    ] as const) {
      await writeFile(file(), text.replace(from, to));

      const { id } = await share();

      assert.ok(!('lineage' in (await ana.wish('adapter', { id }))));
      await ana.wish('unshare', { target: id });
    }
  });

  it('carries proposals for the Modelfile, and refuses what would not travel', async () => {
    const extras = { system: 'Answer in SQL.', parameters: { temperature: 0, stop: [';'] } };
    const proposing = (more: object) =>
      ana.wish('share', { path: merged(), rooms: [], name: 'both', extras: { ...extras, ...more } });

    const { id } = await proposing({});

    assert.deepEqual((await ana.wish('adapter', { id })).extras, extras);
    await assert.rejects(proposing({ parameters: { num_gpu: 1 } }), { code: 'USAGE', message: /num_gpu/ });
    await assert.rejects(proposing({ system: '"'.repeat(2_048), template: '"'.repeat(2_048) }), { code: 'USAGE' });
    await ana.wish('unshare', { target: id });
  });

  it('puts the rows of a LoRA GGUF in order by a base that the user names', async () => {
    const gguf = path.join(engines.folder, 'patterns.gguf');
    await cp(fixture('llama', 'lora-gguf', 'patterns.gguf'), gguf);
    const request = { parts: [{ target: gguf, weight: 1 }], out: path.join(engines.folder, 'from-gguf') };

    await assert.rejects(ana.wish('mergeAdapters', request), { code: 'BASE_UNKNOWN' });
    const { pairs } = await ana.wish('mergeAdapters', { ...request, base: fixture('llama', 'base.f32.gguf') });

    assert.equal(pairs, 14);
  });

  const wrong: Record<string, object> = {
    'no parts': { parts: [] },
    'too many parts': { parts: Array.from({ length: 17 }, () => ({ target: 'sql', weight: 1 })) },
    'a weight that is no number': { parts: [{ target: 'sql', weight: NaN }] },
    'a weight beyond all bounds': { parts: [{ target: 'sql', weight: 1e9 }] },
    'a folder without its whole path': { out: 'merged' },
    'an unknown method': { method: 'slerp' },
    'no rank where one is needed': { method: 'svd' },
    'half a rank': { method: 'svd', rank: 1.5 },
    'density 0': { method: 'ties', rank: 4, density: 0 },
    'a negative seed': { method: 'dare', rank: 4, seed: -1 },
  };
  for (const [what, fields] of Object.entries(wrong))
    it(`refuses a wish with ${what}`, async () => {
      const request = { parts: [{ target: 'sql', weight: 1 }], out: path.join(engines.folder, 'never'), ...fields };

      await assert.rejects(ana.wish('mergeAdapters', request), { code: 'USAGE' });
    });
});
