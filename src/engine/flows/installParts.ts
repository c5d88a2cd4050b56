import { realpath } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import type { AdapterInfo } from '../adapter/adapterInfo';
import type { BaseModel } from '../adapter/baseModel';
import { convertAdapter, requireConvertible } from '../adapter/convert';
import { mergeIntoBase, planMerge } from '../adapter/merge/mergeIntoBase';
import { stackAdapters } from '../adapter/stack';
import type { InstallRequest } from '../deployWishes';
import { LoraSwarmError, hasCode } from '../errors';
import type { LoraSource, PayloadSources } from '../ollama/routes/survey';
import type { EngineParts } from './parts';
import { findAdapter, inspectTarget, type FoundTarget } from './targets';

export type InstallFlowParts = Pick<
  EngineParts,
  'registry' | 'library' | 'catalog' | 'ollama' | 'store' | 'settings' | 'identity' | 'authors' | 'log'
>;

/** One adapter of the new model, with its files. */
export interface InstallPart {
  readonly target: FoundTarget & { readonly path: string };
  readonly info: AdapterInfo;
  readonly weight: number;
}

/** Far more than anybody stacks; each one makes every answer of the model slower. */
const MAX_PARTS = 16;

/** The adapters of a request, found. @throws {LoraSwarmError} `USAGE` for weights that are none, and as `findAdapter`. */
export async function findParts(
  parts: InstallFlowParts,
  { target, weight = 1, more = [] }: InstallRequest,
  signal?: AbortSignal,
): Promise<readonly { readonly target: FoundTarget; readonly weight: number }[]> {
  const wanted = [{ target, weight }, ...more];
  if (wanted.length > MAX_PARTS) throw new LoraSwarmError('USAGE', `A model takes at most ${MAX_PARTS} adapters.`);
  if (!wanted.every((part) => Number.isFinite(part.weight) && part.weight !== 0 && Math.abs(part.weight) <= 100))
    throw new LoraSwarmError('USAGE', 'The weight of an adapter is a number from -100 to 100, and not 0.');
  const found = [];
  for (const part of wanted) found.push({ target: await findAdapter(parts, part.target, signal), weight: part.weight });
  return found;
}

/** Reads what the adapters are. @throws {LoraSwarmError} `ID_UNKNOWN` for one that is offered and not here. */
export async function readParts(
  found: Awaited<ReturnType<typeof findParts>>,
  signal?: AbortSignal,
): Promise<readonly InstallPart[]> {
  const read: InstallPart[] = [];
  for (const { target, weight } of found) {
    const { path } = target;
    if (path === undefined)
      throw new LoraSwarmError('ID_UNKNOWN', 'This adapter is not on this machine yet. Download it first.');
    const here = { ...target, path };
    read.push({ target: here, weight, info: await inspectTarget(here, signal) });
  }
  return read;
}

/**
 * The adapters as what Ollama takes: one LoRA GGUF, or a merged base. Nothing is made before it is asked for.
 *
 * @param scratch a folder of ours that goes away afterwards.
 * @throws {LoraSwarmError} `BASE_UNFIT` and all else that keeps the adapters from this base in whatever form.
 */
export function payloadOf(adapters: readonly InstallPart[], base: BaseModel, scratch: string): PayloadSources {
  return { lora: loraOf(adapters, base, scratch), merged: mergedOf(adapters, scratch) };
}

/** Whether all of it is the user's own: named by a path that is no download, or shared by the user. */
export async function isOwn({ registry, store }: InstallFlowParts, targets: readonly FoundTarget[]): Promise<boolean> {
  const library = await realpath(store.paths.area('library')).catch(() => store.paths.area('library'));
  for (const { id, path } of targets) {
    if (id !== undefined && registry.get(id) === undefined) return false;
    if (path === undefined) return false;
    const real = await realpath(path).catch(() => path);
    if (real.startsWith(library + sep)) return false;
  }
  return true;
}

/** Author and name that the new model is called after. */
export function namesOf(
  { identity }: Pick<InstallFlowParts, 'identity'>,
  { release, name, path }: FoundTarget,
  info?: AdapterInfo,
): { readonly author: string; readonly name: string } {
  if (release) return release.release;
  const me = identity();
  const file = info?.weightsPath ?? path ?? 'adapter';
  const folder = info?.format === 'gguf' ? basename(file, '.gguf') : basename(dirname(file));
  return { author: me.name || `peer-${me.key.slice(0, 8)}`, name: name ?? folder };
}

function loraOf(adapters: readonly InstallPart[], base: BaseModel, scratch: string): PayloadSources['lora'] {
  try {
    for (const { info } of adapters) requireConvertible(info, base);
  } catch (error) {
    if (!hasCode(error, 'CONVERT_UNSUPPORTED')) throw error;
    return { problem: error.message };
  }
  const [only] = adapters;
  const isAsItIs = adapters.length === 1 && only?.weight === 1;
  const bytes = adapters.reduce((sum, { info }) => sum + loraBytes(info, isAsItIs), 0);
  return { bytes, make: once((signal) => makeLora(adapters, base, scratch, isAsItIs, signal)) };
}

/** A GGUF is copied as it is when nothing else is in it; all the rest is written in F32. */
export function loraBytes({ format, bytes, parameters }: AdapterInfo, isAsItIs = true): number {
  return format === 'gguf' && isAsItIs ? bytes : parameters * 4;
}

/** Ollama runs every adapter at scale 1, and the oldest take one a model: so weights and further adapters become one file. */
async function makeLora(
  adapters: readonly InstallPart[],
  base: BaseModel,
  scratch: string,
  isAsItIs: boolean,
  signal: AbortSignal | undefined,
): Promise<string> {
  const options = { type: 'f32', ...(signal ? { signal } : {}) } as const;
  const out = join(scratch, 'adapter.gguf');
  if (isAsItIs) return (await convertAdapter(adapters[0]!.info, base, out, options)).path;
  const parts = [];
  for (const [at, { info, weight }] of adapters.entries())
    parts.push({ path: (await convertAdapter(info, base, join(scratch, `part-${at}.gguf`), options)).path, weight });
  await stackAdapters(parts, out, signal);
  return out;
}

function mergedOf(adapters: readonly InstallPart[], scratch: string): PayloadSources['merged'] {
  const lost = adapters.flatMap(({ info }) => info.problems).find(({ blocks }) => blocks === 'install');
  if (lost) return { problem: lost.message };
  return {
    scratch,
    plan: async (base, baseBytes) => {
      if (base === undefined) return { bytes: baseBytes }; // Ollama hands it over when it is needed.
      const { bytes, reason } = await planMerge(adapters, base);
      return reason === undefined ? { bytes } : { problem: reason };
    },
    make: async (base, signal, onProgress) =>
      (await mergeIntoBase(adapters, base, join(scratch, 'merged.gguf'), { signal, onProgress })).path,
  };
}

function once(make: LoraSource['make']): LoraSource['make'] {
  let made: Promise<string> | undefined;
  return (signal) => (made ??= make(signal));
}
