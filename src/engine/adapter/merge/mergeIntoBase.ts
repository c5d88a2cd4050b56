import { stat } from 'node:fs/promises';
import type { MergedType, MergeIntoBaseResult } from '../../deployWishes';
import { LoraSwarmError, hasCode } from '../../errors';
import { readChanges } from './changes/changes';
import { mergedSize, type MergedSize } from './writing/mergedPlan';
import { readMergeBase } from './changes/mergeBase';
import type { WeightedAdapter } from './changes/partContent';
import { writeMerged, type WriteMergedOptions } from './writing/writeMerged';

export type MergeIntoBaseOptions = Partial<WriteMergedOptions>;

/**
 * Writes a whole model with adapters in its weights: W + Σ weight · scale · B · A for each tensor that they change, and what
 * only a merged model can hold. Everything else is the base, byte for byte.
 *
 * @param basePath GGUF of the base; it is only read. @param out path of a GGUF that does not exist yet
 * @throws {LoraSwarmError} before anything is written: those of `changesFor`, `BASE_UNKNOWN`, `USAGE` when `out` exists.
 * Later what `writeMerged` throws; there is no file then.
 */
export async function mergeIntoBase(
  parts: readonly WeightedAdapter[],
  basePath: string,
  out: string,
  options: MergeIntoBaseOptions = {},
): Promise<MergeIntoBaseResult> {
  const { type = 'keep', signal } = options;
  await requireNew(out);
  const base = await readMergeBase(basePath);
  const { changes, requireFinite } = await readChanges(parts, base, signal);
  await mergedSize(base.header, changes, type); // What can't be written is found before all values are read.
  await requireFinite(signal);
  return writeMerged(basePath, changes, out, { ...options, type });
}

export interface PlannedMerge extends MergedSize {
  /** One sentence: why it can't be merged. Then there is no size. */
  readonly reason?: string;
}

/** Size of the merged file, from headers and configs alone. The errors are those of `mergeIntoBase` before it writes. */
export async function sizeOfMerge(
  parts: readonly WeightedAdapter[],
  basePath: string,
  type: MergedType = 'keep',
  signal?: AbortSignal,
): Promise<MergedSize> {
  const base = await readMergeBase(basePath);
  const { changes } = await readChanges(parts, base, signal);
  return mergedSize(base.header, changes, type);
}

/** What a merge would give, or why there is none. @throws errors that are about files, not about the adapter */
export async function planMerge(
  parts: readonly WeightedAdapter[],
  basePath: string,
  type: MergedType = 'keep',
  signal?: AbortSignal,
): Promise<PlannedMerge> {
  try {
    return await sizeOfMerge(parts, basePath, type, signal);
  } catch (error) {
    if (!hasCode(error, ...REFUSALS)) throw error;
    return { bytes: 0, retyped: [], reason: error.message };
  }
}

const REFUSALS = [
  'MERGE_UNSUPPORTED',
  'BASE_UNFIT',
  'BASE_UNKNOWN',
  'ADAPTER_CONTRADICTION',
  'ADAPTER_CONFIG_MISSING',
] as const;

async function requireNew(out: string): Promise<void> {
  const isThere = await stat(out).then(
    () => true,
    () => false,
  );
  if (isThere) throw new LoraSwarmError('USAGE', `${out} exists already. Choose another name: no file is replaced.`);
}
