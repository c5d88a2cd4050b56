import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { convertAdapter } from '../../src/engine/adapter/convert';
import { baseModelFromGguf } from '../../src/engine/adapter/ggufBaseModel';
import { inspectAdapter } from '../../src/engine/adapter/inspect';
import type { BaseModel } from '../../src/engine/adapter/baseModel';
import { BASES, fixture, goldFixtures, type BaseName } from '../helpers/gold';
import { splitGguf, type GgufFile } from './gguf';
import { splitSafetensors, type SafeTensor } from './safetensors';

/** Larger ones take longer and are no more hostile. */
const MAX_SAMPLE_BYTES = 200_000;

export type Sample = SafetensorsSample | GgufSample;

export interface SafetensorsSample {
  readonly kind: 'safetensors';
  readonly base: BaseName;
  readonly weightsName: string;
  readonly tensors: readonly SafeTensor[];
  readonly config: Buffer;
}

export interface GgufSample {
  readonly kind: 'gguf';
  readonly base: BaseName;
  readonly file: GgufFile;
}

export interface Samples {
  readonly all: readonly Sample[];
  readonly bases: ReadonlyMap<BaseName, BaseModel>;
}

/** Adapters of the fixtures that can be damaged, PEFT and MLX, and those that convert as LoRA GGUF as well. */
export async function readSamples(scratch: string): Promise<Samples> {
  const bases = new Map<BaseName, BaseModel>();
  for (const base of BASES) bases.set(base, await baseModelFromGguf(fixture(base, 'base.f32.gguf')));

  const all: Sample[] = [];
  for (const { base, folder, expect } of goldFixtures(existsSync)) {
    const weightsName = ['adapter_model.safetensors', 'adapters.safetensors'].find((name) =>
      existsSync(join(folder, name)),
    );
    if (weightsName === undefined || statSync(join(folder, weightsName)).size > MAX_SAMPLE_BYTES) continue;
    const tensors = splitSafetensors(readFileSync(join(folder, weightsName)));
    all.push({
      kind: 'safetensors',
      base,
      weightsName,
      tensors,
      config: readFileSync(join(folder, 'adapter_config.json')),
    });
    if (expect.gguf !== 'exact') continue;
    const path = join(scratch, 'sample.gguf');
    await convertAdapter(await inspectAdapter(folder), bases.get(base)!, path, { type: 'f32' });
    if (statSync(path).size <= MAX_SAMPLE_BYTES) all.push({ kind: 'gguf', base, file: splitGguf(readFileSync(path)) });
  }
  for (const name of readdirSync(fixture('bad')))
    if (/^(ok|embed-rank|type-i32|three-d|missing-b|norm-pair|alpha-0|wrong-shape)\.gguf$/.test(name))
      all.push({ kind: 'gguf', base: 'llama', file: splitGguf(readFileSync(fixture('bad', name))) });
  return { all, bases };
}
