import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convertAdapter, type ConvertOptions } from '../../src/engine/adapter/convert';
import { baseModelFromGguf } from '../../src/engine/adapter/ggufBaseModel';
import { inspectAdapter } from '../../src/engine/adapter/inspect';
import { BASES, fixture, goldFixtures, readGold, type BaseName, type Gold, type GoldFixture } from '../helpers/gold';
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
const HALF_WIDTH = 5e-2;
/** On a quantized base llama.cpp rounds the activations to 8 bit. */
const QUANTIZED = 1;

const LEFT_OUT = 'left out: llama.cpp is not installed; run node test/inference/install.mjs';

describe('converted adapters in llama.cpp', function () {
  this.timeout(120_000);
  if (!hasInference()) {
    it(LEFT_OUT);
    return;
  }

  const all = goldFixtures(() => true);
  const exact = all.filter(({ expect }) => expect.gguf === 'exact');
  const quantized = readQuantGold();
  let folder: string;
  let results: ReadonlyMap<string, LogitsResult>;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lora-swarm-logits-'));
    const jobs: LogitsJob[] = [];
    for (const base of BASES) {
      jobs.push(job(base, 'base', []));
      for (const adapter of exact.filter((one) => one.base === base)) {
        jobs.push(job(base, adapter.name, [await converted(adapter, `${base}-${adapter.name}`)]));
      }
    }
    for (const { quant, adapter } of quantized.cases) {
      const model = fixture('llama-quant', `base.${quant}.gguf`);
      const file = await convertedFor(fixture('llama-quant/adapters', adapter), model, `${quant}-${adapter}`);
      const loras = [{ filePath: file }];
      jobs.push({ id: `${quant}:${adapter}`, model, loras, prompts: quantized.gold.prompts });
    }
    jobs.push(job('llama', 'half-alpha', [await halfAlpha(byName('all-r8'))]));
    jobs.push(job('llama', 'f16-file', [await converted(byName('all-r8'), 'f16-file', { type: 'f16' })]));
    jobs.push(job('llama', 'bf16-source', [await converted(byName('bf16'), 'bf16-source', { type: 'source' })]));
    jobs.push(job('llama', 'gguf-copy', [await copied('patterns')]));
    jobs.push(job('llama', 'gguf-copy-embed', [await copied('embed-head')]));
    results = await runLogits(jobs);
  });
  after(() => rm(folder, { recursive: true }));

  for (const base of BASES) {
    it(`${base}: the base alone gives the gold logits`, () => assertGold(base, 'base'));
  }
  for (const { base, name } of exact) {
    it(`${base}: ${name} gives what it gave in training`, () => assertGold(base, name));
  }

  for (const { base, name, folder: path, expect } of all.filter((one) => one.expect.gguf === 'refuse')) {
    it(`${base}: ${name} is not converted (${expect.why})`, async () => {
      const model = await baseModelFromGguf(fixture(base, 'base.f32.gguf'));

      await assert.rejects(async () => convertAdapter(await inspectAdapter(path), model, join(folder, 'none.gguf')), {
        code: /^(CONVERT_UNSUPPORTED|ADAPTER_CONTRADICTION|ADAPTER_PICKLE)$/,
      });
      assert.ok(!existsSync(join(folder, 'none.gguf')));
    });
  }
  for (const { quant, adapter } of quantized.cases) {
    it(`${quant}: ${adapter} gives what it gave in training, as near as a quantized base can`, () => {
      const { logits, error } = results.get(`${quant}:${adapter}`)!;

      assert.ok(logits, error);
      const gold = quantized.gold.logits[`${quant}:${adapter}`]!.map(floats);
      assert.ok(largestDifference(logits, gold) < QUANTIZED);
    });
  }

  it('tells a wrong scale: half of alpha is far off', () => {
    assert.ok(distance('llama', 'half-alpha', 'all-r8') > 1);
  });

  it('stays near with half-width tensors', () => {
    assert.ok(distance('llama', 'f16-file', 'all-r8') < HALF_WIDTH);
    assert.ok(distance('llama', 'bf16-source', 'bf16') < HALF_WIDTH);
  });

  it('leaves a LoRA GGUF as it is', () => {
    assert.ok(distance('llama', 'gguf-copy', 'patterns') < EXACT);
    assert.ok(distance('llama', 'gguf-copy-embed', 'embed-head') < EXACT);
  });

  it('loses no more than one process to an adapter that kills llama.cpp, and converts none of these', async () => {
    const base = await baseModelFromGguf(fixture('llama', 'base.f32.gguf'));
    const killers = ['type-i32', 'three-d', 'embed-rank'].map((name) => fixture('bad', `${name}.gguf`));

    const runs = await runLogits([
      ...killers.map((file, index) => ({ ...job('llama', `killer-${index}`, [file]), prompts: [[1, 2]] })),
      job('llama', 'after', []),
    ]);

    for (const index of killers.keys()) assert.match(runs.get(`llama:killer-${index}`)?.error ?? '', /process ended/);
    assert.ok(runs.get('llama:after')?.logits);
    for (const file of killers)
      await assert.rejects(convertAdapter(await inspectAdapter(file), base, join(folder, 'killer.gguf')));
  });

  function byName(name: string): GoldFixture {
    return exact.find((one) => one.base === 'llama' && one.name === name)!;
  }

  function converted(adapter: GoldFixture, file: string, options?: ConvertOptions): Promise<string> {
    return convertedFor(adapter.folder, fixture(adapter.base, 'base.f32.gguf'), file, options);
  }

  async function convertedFor(
    adapter: string,
    model: string,
    file: string,
    options: ConvertOptions = { type: 'f32' },
  ): Promise<string> {
    const info = await inspectAdapter(adapter);
    return (await convertAdapter(info, await baseModelFromGguf(model), join(folder, `${file}.gguf`), options)).path;
  }

  async function copied(name: string): Promise<string> {
    const info = await inspectAdapter(fixture('llama', 'lora-gguf', `${name}.gguf`));
    const base = await baseModelFromGguf(fixture('llama', 'base.f32.gguf'));
    return (await convertAdapter(info, base, join(folder, `copy-${name}.gguf`))).path;
  }

  async function halfAlpha(adapter: GoldFixture): Promise<string> {
    const source = join(folder, 'half');
    await mkdir(source);
    await copyFile(join(adapter.folder, 'adapter_model.safetensors'), join(source, 'adapter_model.safetensors'));
    const config = await readFile(join(adapter.folder, 'adapter_config.json'), 'utf8');
    await writeFile(join(source, 'adapter_config.json'), config.replace('"lora_alpha": 16', '"lora_alpha": 8'));
    return converted({ ...adapter, folder: source }, 'half-alpha');
  }

  function assertGold(base: BaseName, name: string): void {
    const largest = distance(base, name, name);
    assert.ok(largest < (base.startsWith('gemma') ? EXACT_GEMMA : EXACT), `off by ${largest}`);
  }

  /** How far a run is from the gold of an adapter. */
  function distance(base: BaseName, run: string, adapter: string): number {
    const result = results.get(`${base}:${run}`);
    assert.ok(result?.logits, result?.error ?? 'no result');
    const gold = readGold(base);
    const wanted = (gold.logits_table_gelu ?? gold.logits)[adapter];
    return largestDifference(result.logits, wanted!.map(floats));
  }
});

/** Adapters on quantized bases: gold is of the dequantized base in full precision. */
function readQuantGold() {
  const gold = JSON.parse(readFileSync(fixture('llama-quant', 'gold.json'), 'utf8')) as Gold & { quants: object };
  const cases = Object.keys(gold.quants).flatMap((quant) =>
    Object.keys(gold.adapters).map((adapter) => ({ quant, adapter })),
  );
  return { gold, cases };
}

function job(base: BaseName, name: string, files: readonly string[]): LogitsJob {
  return {
    id: `${base}:${name}`,
    model: fixture(base, 'base.f32.gguf'),
    loras: files.map((filePath) => ({ filePath })),
    prompts: readGold(base).prompts,
  };
}
