import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspectAdapter } from '../../src/engine/adapter/inspect';
import { changesFor } from '../../src/engine/adapter/merge/changes/changes';
import { readMergeBase } from '../../src/engine/adapter/merge/changes/mergeBase';
import { mergeIntoBase } from '../../src/engine/adapter/merge/mergeIntoBase';
import type { WeightedAdapter } from '../../src/engine/adapter/merge/changes/partContent';
import type { LowRank } from '../../src/engine/adapter/merge/tensorChange';
import { writeMerged } from '../../src/engine/adapter/merge/writing/writeMerged';
import { BASES, fixture, goldFixtures, readGold, type BaseName } from '../helpers/gold';
import { goldMerges } from '../helpers/goldMerges';
import {
  floats,
  hasInference,
  largestDifference,
  runLogits,
  type LogitsJob,
  type LogitsResult,
} from '../helpers/logits';

/** Largest difference of logits that are about 10 in size; the adapters move them by 3 to 17. */
const EXACT = 5e-4;
/** Gemma, against gold whose GELU is rounded as llama.cpp's is. */
const EXACT_GEMMA = 2e-3;
/** Every changed weight is rounded to 11 bits, and the activations beside it: a float64 sum rounded once is 5.7e-2 off at most. */
const HALF_WIDTH = 1e-1;
/** llama.cpp rounds the activations to 8 bits beside quantized weights. */
const QUANTIZED = 1;

const QUANTS = ['q4_0', 'q4_k_m', 'q5_k_m', 'q8_0'] as const;

describe('adapters merged into a base, in llama.cpp', function () {
  this.timeout(300_000);
  if (!hasInference()) {
    it('left out: llama.cpp is not installed; run node test/inference/install.mjs');
    return;
  }

  const fixtures = goldFixtures(existsSync).map(({ expect, ...rest }) => ({ ...rest, merge: expect.merge }));
  const exact = fixtures.filter(({ merge }) => merge === 'exact');
  const special = goldMerges().filter(({ merge }) => merge === 'exact');
  const refused = [...fixtures, ...goldMerges()].filter(({ merge }) => merge === 'refuse');
  const sums = BASES.flatMap((base) =>
    Object.entries(readGold(base).merges).map(([name, sum]) => ({ base, name, ...sum })),
  );
  const quantized = QUANTS.flatMap((quant) =>
    Object.keys(readGold('llama-quant').adapters).map((name) => ({ quant, name })),
  );
  let folder: string;
  let results: ReadonlyMap<string, LogitsResult>;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lora-swarm-merge-'));
    const jobs: LogitsJob[] = [];
    for (const { base, name, folder: path } of exact) {
      jobs.push(await merged(`${base}:${name}`, base, 'base.f32', [{ path }]));
      if (base === 'llama') jobs.push(await merged(`${base}.f16:${name}`, base, 'base.f16', [{ path }]));
    }
    for (const { base, name, folder: path } of special)
      jobs.push(await merged(`${base}:special:${name}`, base, 'base.f32', [{ path }]));
    for (const { base, name, parts } of sums) {
      const { adapters } = readGold(base);
      const weighted = parts.map(({ adapter, weight }) => ({ path: fixture(base, adapters[adapter]!.dir), weight }));
      jobs.push(await merged(`${base}:merge:${name}`, base, 'base.f32', weighted));
    }
    for (const name of ['embed-head', 'patterns'])
      jobs.push(
        await merged(`llama:gguf:${name}`, 'llama', 'base.f32', [
          { path: fixture('llama', 'lora-gguf', `${name}.gguf`) },
        ]),
      );
    for (const { quant, name } of quantized) {
      const path = fixture('llama-quant', readGold('llama-quant').adapters[name]!.dir);
      jobs.push(await merged(`${quant}:${name}`, 'llama-quant', `base.${quant}`, [{ path }]));
      jobs.push(await mergedAsFloats(`${quant}.f32:${name}`, `base.${quant}`, path));
    }
    results = await runLogits(jobs);
  });
  after(() => rm(folder, { recursive: true }));

  for (const { base, name } of exact) {
    it(`${base}: ${name} gives what it gave in training`, () => near(`${base}:${name}`, base, name, exactness(base)));
  }
  for (const { base, name, logits } of special) {
    it(`${base}: ${name} (PEFT beyond plain pairs) gives what it gave in training`, () =>
      nearTo(`${base}:special:${name}`, logits!, exactness(base)));
  }
  for (const { base, name } of sums) {
    it(`${base}: the weighted sum ${name} is exact`, () =>
      near(`${base}:merge:${name}`, base, `merge:${name}`, exactness(base)));
  }
  for (const { name } of exact.filter(({ base }) => base === 'llama')) {
    it(`llama in F16: ${name} is as near as its type`, () => near(`llama.f16:${name}`, 'llama', name, HALF_WIDTH));
  }
  for (const name of ['embed-head', 'patterns']) {
    it(`llama: the LoRA GGUF ${name} is merged like its source`, () =>
      near(`llama:gguf:${name}`, 'llama', name, EXACT));
  }
  for (const { quant, name } of quantized) {
    it(`${quant}: ${name} is as near as quantized weights are`, () =>
      near(`${quant}:${name}`, 'llama-quant', `${quant}:${name}`, QUANTIZED));
    it(`${quant}: ${name} is exact with every tensor as F32`, () =>
      near(`${quant}.f32:${name}`, 'llama-quant', `${quant}:${name}`, EXACT));
  }

  for (const { base, name, folder: path } of refused) {
    it(`${base}: ${name} is refused, and leaves no file`, async () => {
      const out = join(folder, `refused-${base}-${name}.gguf`);

      await assert.rejects(
        async () =>
          mergeIntoBase([{ info: await inspectAdapter(path), weight: 1 }], fixture(base, 'base.f32.gguf'), out),
        ({ code }: { code?: string }) =>
          ['MERGE_UNSUPPORTED', 'ADAPTER_CONTRADICTION', 'ADAPTER_PICKLE'].includes(code ?? ''),
      );
      assert.equal(existsSync(out), false);
    });
  }

  async function merged(
    id: string,
    base: BaseName | 'llama-quant',
    file: string,
    adapters: readonly { readonly path: string; readonly weight?: number }[],
  ): Promise<LogitsJob> {
    const parts: WeightedAdapter[] = [];
    for (const { path, weight = 1 } of adapters) parts.push({ info: await inspectAdapter(path), weight });
    const out = join(folder, `${id.replaceAll(':', '-')}.gguf`);
    await mergeIntoBase(parts, fixture(base, `${file}.gguf`), out);
    return { id, model: out, prompts: readGold(base).prompts };
  }

  /** Untouched tensors, too, as F32: then nothing rounds the activations, and what is left is what we unpack and add. */
  async function mergedAsFloats(id: string, file: string, path: string): Promise<LogitsJob> {
    const base = await readMergeBase(fixture('llama-quant', `${file}.gguf`));
    const changes = await changesFor([{ info: await inspectAdapter(path), weight: 1 }], base);
    const touched = new Set(changes.map(({ name }) => name));
    const others = [...base.header.tensors.values()].filter(({ name }) => !touched.has(name));
    const copies = others.map(({ name, dims }) => ({ name, dims, source: name, low: [nothing(dims)] }));
    const out = join(folder, `${id.replaceAll(':', '-')}.gguf`);
    await writeMerged(base.path, [...changes, ...copies], out, { type: 'f32' });
    return { id, model: out, prompts: readGold('llama-quant').prompts };
  }

  function near(id: string, base: BaseName | 'llama-quant', goldKey: string, tolerance: number): void {
    const gold = readGold(base);
    nearTo(id, (gold.logits_table_gelu ?? gold.logits)[goldKey]!, tolerance);
  }

  function nearTo(id: string, wanted: readonly string[], tolerance: number): void {
    const result = results.get(id);
    assert.ok(result?.logits, result?.error ?? 'no result');
    const largest = largestDifference(result.logits, wanted.map(floats));
    assert.ok(largest < tolerance, `off by ${largest}`);
  }
});

function exactness(base: BaseName): number {
  return base.startsWith('gemma') ? EXACT_GEMMA : EXACT;
}

/** A change that changes nothing, but for the type that the tensor is written in. */
function nothing([width = 1, rows = 1]: readonly number[]): LowRank {
  const zeros = (length: number) => (): Promise<Float32Array> => Promise.resolve(new Float32Array(length));
  return { rank: 1, factor: 0, loadA: zeros(width), loadB: zeros(rows) };
}
