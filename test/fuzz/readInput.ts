import { LoraSwarmError } from '../../src/engine/errors';
import { convertAdapter } from '../../src/engine/adapter/convert';
import { readGgufHeader } from '../../src/engine/adapter/gguf';
import { baseModelFromGguf } from '../../src/engine/adapter/ggufBaseModel';
import { inspectAdapter } from '../../src/engine/adapter/inspect';
import type { Input } from './input';
import type { Samples } from './samples';

/** What became of an input. A `bug` is an error that nobody meant to throw. */
export type Outcome =
  | { readonly kind: 'refused'; readonly code: string }
  /** A LoRA GGUF was written. */
  | { readonly kind: 'accepted'; readonly path: string }
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
    await convertAdapter(await inspectAdapter(input.path), bases.get(input.base)!, out);
    const { problems } = await inspectAdapter(out);
    const refusal = problems.find(({ severity }) => severity === 'refuse');
    if (refusal) return { kind: 'bug', error: `it writes what it would not read: ${refusal.message}` };
    return { kind: 'accepted', path: out };
  } catch (error) {
    if (error instanceof LoraSwarmError && error.message.length < 2000) return { kind: 'refused', code: error.code };
    return { kind: 'bug', error };
  }
}

/** Two files with the same signature are the same to a program that loads them, but for the values in their tensors. */
export async function signature(path: string, base: string): Promise<string> {
  const { version, alignment, values, valueTypes, tensors } = await readGgufHeader(path);
  const alpha = Number(values.get('adapter.lora.alpha') ?? NaN);
  const size = alpha === 0 ? 'zero' : Number.isFinite(alpha) ? Math.sign(alpha) : 'none';
  const keys = [...values].map(([key, value]) => [key, valueTypes.get(key), typeof value === 'object' && value.length]);
  const infos = [...tensors.values()].map(({ name, dims, type }) => [name, dims, type.name]);
  return JSON.stringify([base, version, alignment, size, keys, infos]);
}
