import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convertAdapter } from '../../src/engine/adapter/convert';
import { baseModelFromGguf } from '../../src/engine/adapter/ggufBaseModel';
import { inspectAdapter } from '../../src/engine/adapter/inspect';
import { stackAdapters } from '../../src/engine/adapter/stack';
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
const EXACT_GEMMA = 2e-3;

/** All weighted sums that gold logits were made of, one file each. */
const SUMS = BASES.flatMap((base) => Object.entries(readGold(base).merges).map(([name, sum]) => ({ base, name, sum })));

describe('several adapters in one LoRA GGUF, in llama.cpp', function () {
  this.timeout(120_000);
  if (!hasInference()) {
    it('left out: llama.cpp is not installed; run node test/inference/install.mjs');
    return;
  }

  let folder: string;
  let results: ReadonlyMap<string, LogitsResult>;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lora-swarm-stack-'));
    const jobs: LogitsJob[] = [];
    for (const { base, name, sum } of SUMS) jobs.push(await job(base, `merge:${name}`, sum.parts));
    jobs.push(await job('llama', 'half', [{ adapter: 'all-r8', weight: 0.5 }]));
    jobs.push(await job('llama', 'halves', Array(2).fill({ adapter: 'all-r8', weight: 0.5 })));
    jobs.push({ ...(await job('llama', 'none', [])), loras: [] });
    results = await runLogits(jobs);
  });
  after(() => rm(folder, { recursive: true }));

  for (const { base, name } of SUMS)
    it(`${base}: ${name} gives the weighted sum`, () => {
      const { logits, error } = results.get(`${base}:merge:${name}`)!;
      const gold = readGold(base);
      const wanted = (gold.logits_table_gelu ?? gold.logits)[`merge:${name}`]!;

      assert.ok(logits, error);
      const largest = largestDifference(logits, wanted.map(floats));
      assert.ok(largest < (base.startsWith('gemma') ? EXACT_GEMMA : EXACT), `off by ${largest}`);
    });

  it('gives a single adapter its weight, and two halves are one whole', () => {
    const whole = readGold('llama').logits['all-r8']!.map(floats);
    const logits = (name: string): readonly Float32Array[] => results.get(`llama:${name}`)!.logits!;

    assert.ok(largestDifference(logits('halves'), whole) < EXACT);
    assert.ok(largestDifference(logits('half'), whole) > 0.5);
    assert.ok(largestDifference(logits('half'), logits('none')) > 0.5);
  });

  async function job(
    base: BaseName,
    name: string,
    parts: readonly { readonly adapter: string; readonly weight: number }[],
  ): Promise<LogitsJob> {
    const gold = readGold(base);
    const model = fixture(base, 'base.f32.gguf');
    const files = [];
    for (const [at, { adapter, weight }] of parts.entries()) {
      const info = await inspectAdapter(fixture(base, gold.adapters[adapter]!.dir));
      const path = join(folder, `part-${at}.gguf`);
      await convertAdapter(info, await baseModelFromGguf(model), path, { type: 'f32' });
      files.push({ path, weight });
    }
    const filePath = join(folder, `${base}-${name.replace(/\W/g, '-')}.gguf`);
    if (files.length > 0) await stackAdapters(files, filePath);
    return { id: `${base}:${name}`, model, loras: [{ filePath }], prompts: gold.prompts };
  }
});
