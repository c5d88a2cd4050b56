import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convertAdapter } from '../../src/engine/adapter/convert';
import { baseModelFromGguf } from '../../src/engine/adapter/ggufBaseModel';
import { inspectAdapter } from '../../src/engine/adapter/inspect';
import { mergeAdapters, type MergeOptions } from '../../src/engine/adapter/merge/mergeAdapters';
import type { MergePart } from '../../src/engine/adapter/merge/adapters/mergeFit';
import { BASES, fixture, readGold, type BaseName } from '../helpers/gold';
import {
  floats,
  hasInference,
  largestDifference,
  runLogits,
  type LogitsJob,
  type LogitsResult,
} from '../helpers/logits';

/** Largest difference of logits that are about 10 in size. */
const EXACT = 5e-4;
/** Gemma, against gold whose GELU is rounded as llama.cpp's is. */
const EXACT_GEMMA = 2e-3;

const MERGES = BASES.flatMap((base) =>
  Object.entries(readGold(base).merges).map(([name, merge]) => ({ base, name, ...merge })),
);

describe('merged adapters in llama.cpp', function () {
  this.timeout(120_000);
  if (!hasInference()) {
    it('left out: llama.cpp is not installed; run node test/inference/install.mjs');
    return;
  }

  let folder: string;
  let results: ReadonlyMap<string, LogitsResult>;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lora-swarm-merged-'));
    const jobs: LogitsJob[] = [];
    for (const { base, name, parts } of MERGES) {
      const files = parts.map(({ weight, adapter }) => ({ weight, path: fixture(base, 'adapters', adapter) }));
      jobs.push(await job(base, `${name}:concat`, files, { method: 'concat' }));
      jobs.push(await job(base, `${name}:svd`, files, { method: 'svd', rank: 64 }));
    }
    const [first] = MERGES;
    const swapped = first!.parts.map(({ adapter }, index) => ({
      weight: first!.parts.at(-1 - index)!.weight,
      path: fixture(first!.base, 'adapters', adapter),
    }));
    jobs.push(await job('llama', 'swapped', swapped, { method: 'concat' }));
    for (const name of ['patterns', 'embed-head'])
      jobs.push(
        await job('llama', `gguf-${name}`, [{ weight: 1, path: fixture('llama', 'lora-gguf', `${name}.gguf`) }], {
          method: 'concat',
        }),
      );
    results = await runLogits(jobs);
  });
  after(() => rm(folder, { recursive: true }));

  for (const { base, name } of MERGES) {
    it(`${base}: ${name} is the weighted sum`, () => assertGold(base, `${name}:concat`, `merge:${name}`));
    it(`${base}: ${name} is the same through SVD with full rank`, () =>
      assertGold(base, `${name}:svd`, `merge:${name}`));
  }

  it('tells wrong weights: the parts exchanged are far off', () => {
    const [{ base, name }] = MERGES as [(typeof MERGES)[number]];

    assert.ok(distance(base, 'swapped', `merge:${name}`) > 1);
  });

  it('brings a LoRA GGUF back into the order of PEFT', () => {
    assertGold('llama', 'gguf-patterns', 'patterns');
    assertGold('llama', 'gguf-embed-head', 'embed-head');
  });

  async function job(
    base: BaseName,
    name: string,
    files: readonly { readonly weight: number; readonly path: string }[],
    options: MergeOptions,
  ): Promise<LogitsJob> {
    const model = fixture(base, 'base.f32.gguf');
    const known = await baseModelFromGguf(model);
    const parts: MergePart[] = [];
    for (const { weight, path } of files)
      parts.push({ info: await inspectAdapter(path), weight, label: path, base: known });
    const merged = join(folder, `${base} ${name}`.replace(/\W/g, '-'));
    await mergeAdapters(parts, merged, options);
    const { path } = await convertAdapter(await inspectAdapter(merged), known, `${merged}.gguf`);
    return { id: `${base}:${name}`, model, loras: [{ filePath: path }], prompts: readGold(base).prompts };
  }

  function assertGold(base: BaseName, run: string, gold: string): void {
    const largest = distance(base, run, gold);
    assert.ok(largest < (base.startsWith('gemma') ? EXACT_GEMMA : EXACT), `off by ${largest}`);
  }

  function distance(base: BaseName, run: string, key: string): number {
    const result = results.get(`${base}:${run}`);
    assert.ok(result?.logits, result?.error ?? 'no result');
    const gold = readGold(base);
    return largestDifference(result.logits, (gold.logits_table_gelu ?? gold.logits)[key]!.map(floats));
  }
});
