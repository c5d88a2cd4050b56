import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { MergeMethod } from '../../deployWishes';
import { concat, stacked, sumOfRanks } from './adapters/concat';
import { dareRows } from './adapters/dare';
import { lowRank } from './adapters/lowRank';
import { mergedCard } from './adapters/mergedCard';
import { mergedConfig } from './adapters/mergedConfig';
import { requireMergeable, requireOneShape, type MergePart } from './adapters/mergeFit';
import { openMergeSource, type MergeSource } from './adapters/mergeSource';
import { mergeModules, requireWritable, type MergeModule } from './adapters/mergeTerms';
import { newFolder, writeSynced } from './adapters/newFolder';
import { Pauses } from './adapters/pauses';
import { DeltaRows } from './adapters/rows';
import { tiesRows } from './adapters/ties';
import { rightVectors, truncate, type Truncated } from './adapters/truncate';
import { writeSafetensors } from './adapters/writeSafetensors';

export interface MergeOptions {
  readonly method: MergeMethod;
  /** For all but `concat`; a module whose matrix is smaller gets what it can have. */
  readonly rank?: number;
  /** For `ties` and `dare`: more than 0, at most 1. */
  readonly density?: number;
  /** For `dare`. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  /** Bytes of the new weights; those of a module in work count by what is done of it. */
  readonly onProgress?: (bytesDone: number, bytesTotal: number) => void;
  /** A further file for the folder, made of the SHA-256 of the new weights, hex. */
  readonly beside?: (sha256: string) => { readonly name: string; readonly text: string };
}

export interface MergedAdapter {
  /** Of the weights. */
  readonly bytes: number;
  readonly pairs: number;
  /** Present when all modules agree. */
  readonly rank?: number;
  /** Relative Frobenius error of ΔW: against the weighted sum, or against the own full result of `ties` and `dare`. */
  readonly error: {
    readonly whole: number;
    readonly modules: readonly { readonly name: string; readonly error: number }[];
  };
  /** What the user should know. */
  readonly warnings: readonly string[];
}

/**
 * Makes one PEFT adapter of several for the same base, in a new folder: weights in F32, config and card. The same parts
 * and options give the same bytes on every machine. Memory holds one module at a time, never a whole ΔW.
 *
 * @throws {LoraSwarmError} `MERGE_UNSUPPORTED` for a part that is more than its pairs, `BASE_UNFIT` when the parts are for
 * different bases, `BASE_UNKNOWN` when only the base could tell, `ADAPTER_CONFIG_MISSING`, `SOURCE_CHANGED`, `USAGE` when
 * `out` is not empty. Nothing is left then, nor after an abort.
 */
export async function mergeAdapters(
  parts: readonly MergePart[],
  out: string,
  options: MergeOptions,
): Promise<MergedAdapter> {
  options.signal?.throwIfAborted();
  for (const part of parts) requireMergeable(part);
  const sources: MergeSource[] = [];
  try {
    for (const { info, base } of parts) sources.push(await openMergeSource(info, base));
    const warnings = requireOneShape(parts, sources);
    const modules = mergeModules(
      sources,
      parts.map(({ weight }) => weight),
    );
    return await newFolder(out, (folder) => writeMerged(folder, modules, { parts, warnings, ...options }));
  } finally {
    await Promise.all(sources.map((source) => source.close()));
  }
}

interface MergeWork extends MergeOptions {
  readonly parts: readonly MergePart[];
  readonly warnings: readonly string[];
}

async function writeMerged(folder: string, modules: readonly MergeModule[], work: MergeWork): Promise<MergedAdapter> {
  const { parts, method, warnings, beside } = work;
  const ranked = modules.map((module) => ({ module, rank: rankOf(module, work) }));
  const baseModel = parts.find(({ info }) => info.baseModel !== undefined)?.info.baseModel;
  const config = mergedConfig(ranked, baseModel);

  const { sha256, bytes, results } = await writeWeights(join(folder, 'adapter_model.safetensors'), ranked, work);
  const error = {
    whole: relative(sum(results.map(({ lost }) => lost)), sum(results.map(({ square }) => square))),
    modules: results.map(({ lost, square }, index) => ({
      name: ranked[index]!.module.name,
      error: relative(lost, square),
    })),
  };
  await writeSynced(join(folder, 'adapter_config.json'), config);
  await writeSynced(
    join(folder, 'README.md'),
    mergedCard({
      ...settingsOf(work),
      parts,
      method,
      error: error.whole,
      warnings,
      ...(baseModel === undefined ? {} : { baseModel }),
    }),
  );
  const more = beside?.(sha256);
  if (more) await writeSynced(join(folder, more.name), more.text);

  const [first] = ranked;
  const isOneRank = ranked.every(({ rank }) => rank === first?.rank);
  return { bytes, pairs: ranked.length, ...(first && isOneRank ? { rank: first.rank } : {}), error, warnings };
}

/** What of the options the method looks at. */
export function settingsOf({
  method,
  rank,
  density,
  seed,
}: MergeOptions): Pick<MergeOptions, 'rank' | 'density' | 'seed'> {
  return {
    ...(method === 'concat' || rank === undefined ? {} : { rank }),
    ...((method === 'ties' || method === 'dare') && density !== undefined ? { density } : {}),
    ...(method === 'dare' && seed !== undefined ? { seed } : {}),
  };
}

interface RankedModule {
  readonly module: MergeModule;
  readonly rank: number;
}

async function writeWeights(
  path: string,
  ranked: readonly RankedModule[],
  work: MergeWork,
): Promise<{
  readonly sha256: string;
  readonly bytes: number;
  readonly results: readonly Pick<Truncated, 'square' | 'lost'>[];
}> {
  const { signal, onProgress } = work;
  const pauses = new Pauses(signal);
  const handle = await open(path, 'wx');
  try {
    const writer = await writeSafetensors(
      handle,
      ranked.flatMap(({ module, rank }) => [
        {
          name: `base_model.model.${module.path}.${module.isEmbedding ? 'lora_embedding_A' : 'lora_A.weight'}`,
          shape: [rank, module.inFeatures],
        },
        {
          name: `base_model.model.${module.path}.${module.isEmbedding ? 'lora_embedding_B' : 'lora_B.weight'}`,
          shape: [module.outFeatures, rank],
        },
      ]),
    );
    const total = writer.fileBytes;
    const bytesOf = ({ module, rank }: RankedModule): number => 4 * rank * (module.inFeatures + module.outFeatures);
    let done = total - sum(ranked.map(bytesOf));
    const results: Pick<Truncated, 'square' | 'lost'>[] = [];
    for (const one of ranked) {
      signal?.throwIfAborted();
      const bytes = bytesOf(one);
      const { a, b, square, lost } = await factorsOf(one, work, pauses, (part) =>
        onProgress?.(done + Math.floor(part * bytes), total),
      );
      await writer.write(requireWritable(a, one.module.name));
      await writer.write(requireWritable(b, one.module.name));
      results.push({ square, lost });
      done += bytes;
      onProgress?.(done, total);
    }
    await handle.sync();
    return { sha256: writer.end(), bytes: total, results };
  } finally {
    await handle.close();
  }
}

function rankOf(module: MergeModule, { method, rank }: MergeOptions): number {
  const { inFeatures, outFeatures } = module;
  if (method === 'concat') return sumOfRanks(module);
  if (rank === undefined) throw new RangeError(`${method} needs a rank`);
  // More than the parts have together would only be zeros; what ties and dare make has no such limit.
  return Math.min(rank, inFeatures, outFeatures, method === 'svd' ? sumOfRanks(module) : Infinity);
}

async function factorsOf(
  { module, rank }: RankedModule,
  { method, density = 1, seed = 0 }: MergeWork,
  pauses: Pauses,
  onPart: (part: number) => void,
): Promise<Truncated> {
  if (method === 'concat') return { ...(await concat(module)), square: 0, lost: 0 };
  const { left, right } = await stacked(module);
  if (method === 'svd') return truncate(left, right, rank, pauses);

  const deltas: DeltaRows[] = [];
  for (const term of module.terms) deltas.push(await DeltaRows.load(term));
  const matrix =
    method === 'ties'
      ? await tiesRows(deltas, module.outFeatures, density, pauses)
      : dareRows(deltas, module.outFeatures, density, seed, module.name);
  // What is left after trimming and dropping still looks much like the plain sum, so that is the first guess.
  const start = await rightVectors(left, right, rank, pauses);
  return lowRank(matrix, rank, start, pauses, onPart);
}

function relative(lost: number, square: number): number {
  return square === 0 ? 0 : Math.sqrt(lost / square);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
