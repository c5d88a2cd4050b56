import { rm } from 'node:fs/promises';
import { dirname, isAbsolute } from 'node:path';
import { mergeIntoBase, sizeOfMerge } from '../adapter/merge/mergeIntoBase';
import type { WeightedAdapter } from '../adapter/merge/changes/partContent';
import type {
  MergedType,
  MergeIntoBasePlan,
  MergeIntoBaseRequest,
  MergeIntoBaseResult,
  MergePlanRequest,
} from '../deployWishes';
import { LoraSwarmError, hasCode } from '../errors';
import { readableBlob, withBaseFile } from '../ollama/registry/baseFile';
import { findTag } from '../ollama/findTag';
import { units } from '../ollama/routes/routePlan';
import { MAX_WEIGHT } from '../release/lineage';
import { checkSpace } from '../store/space';
import type { WishOptions } from '../wishes';
import { isGgufPath } from './install';
import type { EngineParts } from './parts';
import { findAdapter, inspectTarget } from './targets';

export type MergeIntoBaseParts = Pick<EngineParts, 'registry' | 'library' | 'catalog' | 'ollama' | 'store' | 'log'>;

const TYPES: readonly MergedType[] = ['keep', 'f32', 'f16', 'q8_0'];
/** Each one is read for every tensor; nobody sums up more. */
const MAX_PARTS = 64;
/** Shells draw no more. */
const PROGRESS_MS = 250;

/**
 * Writes a whole model with adapters that are here in its weights. The base is a GGUF, or a model of the local Ollama, which
 * hands a copy over where its own file can't be read. Neither is changed.
 *
 * @throws {LoraSwarmError} `USAGE`, `ID_UNKNOWN`, `ID_AMBIGUOUS`, `STORE_FULL` before a byte is written, and as `mergeIntoBase` of
 * the adapters and `withBaseFile`. Nothing is left then.
 */
export async function mergeTargetsIntoBase(
  parts: MergeIntoBaseParts,
  request: MergeIntoBaseRequest,
  { signal, onProgress }: WishOptions = {},
): Promise<MergeIntoBaseResult> {
  const { into, type } = checked(request);
  const { out } = request;
  if (!isAbsolute(out) || !isGgufPath(out)) throw usage('Name the .gguf file to write by its whole path.');
  const adapters = await readAdapters(parts, request.parts, signal);

  const onMerge = atMostEvery(PROGRESS_MS, (bytesDone, bytesTotal) => {
    onProgress?.({ kind: 'merge', bytesDone, bytesTotal });
  });
  const merge = async (base: string): Promise<MergeIntoBaseResult> => {
    const plan = await sizeOfMerge(adapters, base, type, signal);
    await requireSpace(dirname(out), plan.bytes);
    onProgress?.({ kind: 'install', message: planLine(plan) });
    return mergeIntoBase(adapters, base, out, { type, signal, onProgress: onMerge });
  };
  const merged = isFile(into) ? await merge(into) : await withModel(parts, into, merge, signal, onProgress);
  parts.log.info(`merged ${request.parts.map(({ target }) => target).join(' + ')} into a copy of ${into}: ${out}`);
  return merged;
}

/**
 * How large the merged file gets and which tensors change their type, from headers and configs alone. Writes nothing, and takes no
 * copy of a model out of Ollama.
 *
 * @throws {LoraSwarmError} what keeps these adapters out of this base, and as `mergeTargetsIntoBase` before it writes.
 */
export async function planMergeIntoBase(
  parts: MergeIntoBaseParts,
  request: MergePlanRequest,
  signal?: AbortSignal,
): Promise<MergeIntoBasePlan> {
  const { into, type } = checked(request);
  const adapters = await readAdapters(parts, request.parts, signal);
  if (isFile(into)) return sizeOfMerge(adapters, into, type, signal);
  const { tag, weights } = await modelOf(parts, into, signal);
  const path = weights && (await readableBlob(weights.path, weights.digest, tag));
  return path === undefined ? { bytes: tag.bytes } : sizeOfMerge(adapters, path, type, signal);
}

async function readAdapters(
  parts: MergeIntoBaseParts,
  asked: MergePlanRequest['parts'],
  signal: AbortSignal | undefined,
): Promise<readonly WeightedAdapter[]> {
  const adapters: WeightedAdapter[] = [];
  for (const { target, weight } of asked) {
    const found = await findAdapter(parts, target, signal);
    const { path } = found;
    if (path === undefined)
      throw new LoraSwarmError('ID_UNKNOWN', `"${target}" is not on this machine yet. Download it first.`);
    adapters.push({ info: await inspectTarget({ ...found, path }, signal), weight });
  }
  return adapters;
}

function planLine({ bytes, retyped = [] }: MergeIntoBasePlan): string {
  const counts = new Map<string, number>();
  for (const { from, to } of retyped) counts.set(`${from} become ${to}`, (counts.get(`${from} become ${to}`) ?? 0) + 1);
  const changes = [...counts].map(([types, count]) => `${count} × ${types}`);
  return [`writes ${units(bytes)}`, ...(changes.length > 0 ? [changes.join(', ')] : [])].join('; ');
}

/** Values of a shell, which may be wrong in every way. */
function checked({ parts, into, type = 'keep' }: MergePlanRequest) {
  if (parts.length === 0 || parts.length > MAX_PARTS) throw usage(`Name 1 to ${MAX_PARTS} adapters to merge.`);
  for (const { weight } of parts)
    if (!(Math.abs(weight) <= MAX_WEIGHT))
      throw usage(`A weight is a number from -${MAX_WEIGHT} to ${MAX_WEIGHT}. 1 is as it was trained.`);
  if (!TYPES.includes(type)) throw usage(`The types are ${TYPES.join(', ')}.`);
  return { into, type };
}

function isFile(into: string): boolean {
  return isAbsolute(into) || isGgufPath(into);
}

/** A model of which nothing would be lost. */
async function modelOf(
  { ollama: { client } }: Pick<MergeIntoBaseParts, 'ollama'>,
  model: string,
  signal: AbortSignal | undefined,
) {
  const tag = await findTag(client, model, signal);
  const { name } = tag;
  const { weights, adapters } = (await client.show(name, {}, signal)).layers;
  if (adapters.length > 0)
    throw new LoraSwarmError(
      'BASE_UNFIT',
      `${name} carries an adapter, which is not in its weights and would be lost. Merge into its base, and name that adapter as ollama:${name}, too.`,
    );
  return { tag, weights };
}

async function withModel(
  { ollama, store }: MergeIntoBaseParts,
  model: string,
  merge: (base: string) => Promise<MergeIntoBaseResult>,
  signal: AbortSignal | undefined,
  onProgress: WishOptions['onProgress'],
): Promise<MergeIntoBaseResult> {
  const { name } = (await modelOf({ ollama }, model, signal)).tag;
  const onCopy = atMostEvery(PROGRESS_MS, (bytesDone, bytesTotal) => {
    const percent = Math.floor((100 * bytesDone) / Math.max(1, bytesTotal));
    onProgress?.({ kind: 'install', message: `taking a copy of ${name} out of Ollama, ${percent} %` });
  });
  const scratch = store.temporaryPath();
  try {
    return await withBaseFile(ollama.client, name, scratch, merge, signal, onCopy);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function requireSpace(folder: string, bytes: number): Promise<void> {
  try {
    await checkSpace(folder, bytes);
  } catch (error) {
    // The folder is the one that the user named, not that of the setting.
    throw hasCode(error, 'STORE_FULL') ? new LoraSwarmError('STORE_FULL', error.message) : folderError(error, folder);
  }
}

function folderError(error: unknown, folder: string): unknown {
  const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  return isMissing ? usage(`The folder ${folder} does not exist. Make it first.`) : error;
}

function atMostEvery(ms: number, say: (bytesDone: number, bytesTotal: number) => void) {
  let saidAt = -Infinity;
  return (bytesDone: number, bytesTotal: number): void => {
    const now = performance.now();
    if (bytesDone < bytesTotal && now - saidAt < ms) return;
    saidAt = now;
    say(bytesDone, bytesTotal);
  };
}

function usage(message: string): LoraSwarmError {
  return new LoraSwarmError('USAGE', message);
}
