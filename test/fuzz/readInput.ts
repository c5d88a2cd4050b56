import { rm } from 'node:fs/promises';
import { LoraSwarmError } from '../../src/engine/errors';
import type { AdapterInfo } from '../../src/engine/adapter/adapterInfo';
import { convertAdapter } from '../../src/engine/adapter/convert';
import { readGgufHeader } from '../../src/engine/adapter/gguf';
import { baseModelFromGguf } from '../../src/engine/adapter/ggufBaseModel';
import { inspectAdapter } from '../../src/engine/adapter/inspect';
import { mergeIntoBase } from '../../src/engine/adapter/merge/mergeIntoBase';
import { fixture, type BaseName } from '../helpers/gold';
import type { Input } from './input';
import type { Samples } from './samples';

/** What became of an input. A `bug` is an error that nobody meant to throw. */
export type Outcome =
  | { readonly kind: 'refused'; readonly code: string }
  /** A LoRA GGUF was written, or a whole model. Two of the same signature differ in the values of their tensors only. */
  | { readonly kind: 'accepted'; readonly signature: string }
  /** A base was read. */
  | { readonly kind: 'read' }
  | { readonly kind: 'bug'; readonly error: unknown };

/** Reads an input as the product does before it installs it, and writes what comes out of it to `out`. */
export async function readInput(input: Input, { bases }: Samples, out: string): Promise<Outcome> {
  try {
    if (input.what === 'base') {
      await baseModelFromGguf(input.path);
      return { kind: 'read' };
    }
    const info = await inspectAdapter(input.path);
    if (input.what === 'merge') return await merge(info, input.base, out);
    await convertAdapter(info, bases.get(input.base)!, out);
    const { problems } = await inspectAdapter(out);
    const refusal = problems.find(({ severity }) => severity === 'refuse');
    if (refusal) return { kind: 'bug', error: `it writes what it would not read: ${refusal.message}` };
    return { kind: 'accepted', signature: await loraSignature(out, input.base) };
  } catch (error) {
    if (error instanceof LoraSwarmError && error.message.length < 2000) return { kind: 'refused', code: error.code };
    return { kind: 'bug', error };
  }
}

async function merge(info: AdapterInfo, base: BaseName, out: string): Promise<Outcome> {
  await rm(out, { force: true });
  const { path: _path, ...result } = await mergeIntoBase([{ info, weight: 1 }], fixture(base, 'base.f32.gguf'), out);
  const modules = info.modules.map(({ name, rank }) => [name, rank]);
  const problems = info.problems.map(({ code }) => code);
  return { kind: 'accepted', signature: JSON.stringify([base, result, modules, problems]) };
}

async function loraSignature(path: string, base: string): Promise<string> {
  const { version, alignment, values, valueTypes, tensors } = await readGgufHeader(path);
  const alpha = Number(values.get('adapter.lora.alpha') ?? NaN);
  const size = alpha === 0 ? 'zero' : Number.isFinite(alpha) ? Math.sign(alpha) : 'none';
  const keys = [...values].map(([key, value]) => [key, valueTypes.get(key), typeof value === 'object' && value.length]);
  const infos = [...tensors.values()].map(({ name, dims, type }) => [name, dims, type.name]);
  return JSON.stringify([base, version, alignment, size, keys, infos]);
}
