import { basename, dirname, isAbsolute, resolve } from 'node:path';
import type { AdapterInfo } from '../adapter/adapterInfo';
import type { BaseModel } from '../adapter/baseModel';
import { baseModelFromGguf } from '../adapter/ggufBaseModel';
import { mergeAdapters, settingsOf, type MergeOptions } from '../adapter/merge/mergeAdapters';
import { isMaybeTied, type MergePart } from '../adapter/merge/adapters/mergeFit';
import { needsHeads } from '../adapter/merge/adapters/mergeSource';
import { adapterShape } from '../adapter/shape';
import { judgeShape } from '../adapter/verdict';
import type { AdapterLineage, MergeAdaptersRequest, MergeAdaptersResult, MergeMethod } from '../deployWishes';
import { LoraSwarmError } from '../errors';
import { readBase } from '../ollama/models';
import { fullName } from '../registry/summary';
import { MAX_LINEAGE_PARTS, MAX_WEIGHT, isPartName } from '../release/lineage';
import type { WishOptions } from '../wishes';
import { isGgufPath } from './install';
import { MERGE_FILE, mergeFileText } from './mergeFile';
import type { EngineParts } from './parts';
import { findAdapter, inspectTarget, type FoundTarget } from './targets';

const METHODS: readonly MergeMethod[] = ['concat', 'svd', 'ties', 'dare'];
/** Wider than any model: a number behind it is a slip of the hand. */
const MAX_RANK = 65_536;
const DEFAULT_DENSITY = 0.5;
/** Shells draw no more. */
const PROGRESS_MS = 250;

export type MergeAdaptersParts = Pick<EngineParts, 'registry' | 'library' | 'catalog' | 'ollama' | 'store' | 'log'>;

/**
 * Makes one adapter of several that are here, as a PEFT folder with what a later share needs to name its parents.
 *
 * @throws {LoraSwarmError} `USAGE`, `ID_UNKNOWN`, `ID_AMBIGUOUS`, and as `mergeAdapters` of the adapters. Nothing is left then.
 */
export async function mergeTargets(
  parts: MergeAdaptersParts,
  request: MergeAdaptersRequest,
  { signal, onProgress }: WishOptions = {},
): Promise<MergeAdaptersResult> {
  const options = checked(request);
  const named: (MergePart & { readonly name?: string })[] = [];
  for (const { target, weight } of request.parts) {
    named.push({ ...(await partOf(parts, target, request.base, signal)), weight });
  }
  const lineage: AdapterLineage = {
    method: options.method,
    parts: named.map(({ id, name, weight }) => ({
      ...(id === undefined ? {} : { id }),
      ...(name === undefined ? {} : { name }),
      weight,
    })),
    ...settingsOf(options),
  };

  let saidAt = -Infinity;
  const merged = await mergeAdapters(named, request.out, {
    ...options,
    ...(signal ? { signal } : {}),
    onProgress: (bytesDone, bytesTotal) => {
      const now = performance.now();
      if (bytesDone < bytesTotal && now - saidAt < PROGRESS_MS) return;
      saidAt = now;
      onProgress?.({ kind: 'merge', bytesDone, bytesTotal });
    },
    beside: (sha256) => ({ name: MERGE_FILE, text: mergeFileText({ weights: `sha256:${sha256}`, lineage }) }),
  });
  for (const warning of merged.warnings) parts.log.warn(warning);
  parts.log.info(`merged ${named.map(({ label }) => label).join(' + ')} into ${request.out}`);
  const { bytes, pairs, rank, error } = merged;
  return {
    path: request.out,
    method: options.method,
    bytes,
    pairs,
    ...(rank === undefined ? {} : { rank }),
    parents: [...new Set(named.flatMap(({ id }) => id ?? []))],
    error,
  };
}

/** Values of a shell, which may be wrong in every way. */
function checked(request: MergeAdaptersRequest): MergeOptions {
  const { parts, out, method = 'concat', rank, density = DEFAULT_DENSITY, seed = 0 } = request;
  const isWhole = (value: number, least: number, most: number): boolean =>
    Number.isSafeInteger(value) && value >= least && value <= most;
  if (parts.length === 0 || parts.length > MAX_LINEAGE_PARTS)
    throw usage(`Name 1 to ${MAX_LINEAGE_PARTS} adapters to merge.`);
  for (const { weight } of parts)
    if (!(Math.abs(weight) <= MAX_WEIGHT))
      throw usage(`A weight is a number from -${MAX_WEIGHT} to ${MAX_WEIGHT}. 1 is as it was trained.`);
  if (!isAbsolute(out)) throw usage('Name the folder to make by its whole path.');
  if (!METHODS.includes(method)) throw usage(`The methods are ${METHODS.join(', ')}.`);
  if (method !== 'concat' && rank === undefined)
    throw usage(`${method} needs a rank to fit the result into. Only concat keeps everything.`);
  if (rank !== undefined && !isWhole(rank, 1, MAX_RANK)) throw usage('A rank is a whole number, such as 16.');
  if (!(density > 0 && density <= 1)) throw usage('The density is more than 0 and at most 1: the part that is kept.');
  if (!isWhole(seed, 0, Number.MAX_SAFE_INTEGER)) throw usage('A seed is a whole number from 0 on.');
  return { method, density, seed, ...(rank === undefined ? {} : { rank }) };
}

async function partOf(
  parts: MergeAdaptersParts,
  target: string,
  wantedBase: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Omit<MergePart, 'weight'> & { readonly name?: string }> {
  const found = await findAdapter(parts, target, signal);
  const { path } = found;
  if (path === undefined)
    throw new LoraSwarmError('ID_UNKNOWN', `"${target}" is not on this machine yet. Download it first.`);
  const info = await inspectTarget({ ...found, path }, signal);
  const known = { ...found, ...knownByPath(parts, found, info) };
  const label = known.release
    ? fullName(known.release.release)
    : (known.name ?? basename(info.format === 'gguf' ? info.weightsPath : dirname(info.weightsPath)));
  const base = needsHeads(info) || isMaybeTied(info) ? await baseOf(parts, found, info, wantedBase, signal) : undefined;
  return {
    info,
    label,
    ...(known.id === undefined ? {} : { id: known.id }),
    ...(isPartName(label) ? { name: label } : {}),
    ...(base ? { base } : {}),
  };
}

/** Whoever names a file may mean one that is shared or was downloaded. Shared weights count while they are the shared ones. */
function knownByPath(
  { library, registry }: MergeAdaptersParts,
  { id }: FoundTarget,
  { weightsPath }: AdapterInfo,
): Pick<FoundTarget, 'id' | 'release'> {
  if (id !== undefined) return {};
  const item = library.list().find(({ folder }) => resolve(folder) === dirname(resolve(weightsPath)));
  if (item) return { id: item.id, ...(item.release ? { release: item.release } : {}) };
  const mine = registry
    .list()
    .find((shared) => shared.phase === 'serving' && resolve(shared.weightsPath) === resolve(weightsPath));
  return mine ? { id: mine.id, release: mine.release } : {};
}

/** The base as the user names it, or what all fitting models of the local Ollama agree on. */
async function baseOf(
  { ollama }: MergeAdaptersParts,
  found: FoundTarget,
  info: AdapterInfo,
  wanted: string | undefined,
  signal: AbortSignal | undefined,
): Promise<BaseModel | undefined> {
  if (wanted !== undefined)
    return isGgufPath(wanted) ? baseModelFromGguf(wanted) : readBase(ollama.client, wanted, signal);
  const said = found.release?.release.shape;
  const digest = said?.baseDigest ?? found.base?.digest;
  const shape = {
    ...adapterShape(info),
    ...(digest === undefined ? {} : { baseDigest: digest }),
    ...(said?.baseFingerprint === undefined ? {} : { baseFingerprint: said.baseFingerprint }),
  };
  const bases = await ollama.withFingerprints(shape, await ollama.basesIfThere(signal), signal);
  const judged = judgeShape(shape, bases);
  const exact = judged.verdict === 'exact' ? bases.find(({ name }) => name === judged.base) : undefined;
  if (exact) return exact;
  const fitting = bases.filter(({ name }) => judgeShape(shape, bases, name).verdict === 'same-shape');
  const agree = new Set(fitting.map((base) => `${base.headDim} ${base.tensors.has('output.weight')}`));
  return agree.size === 1 ? fitting[0] : undefined;
}

function usage(message: string): LoraSwarmError {
  return new LoraSwarmError('USAGE', message);
}
