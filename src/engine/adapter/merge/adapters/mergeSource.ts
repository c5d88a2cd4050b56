import { open, type FileHandle } from 'node:fs/promises';
import { LoraSwarmError } from '../../../errors';
import type { AdapterInfo, AdapterModule } from '../../adapterInfo';
import { architectureNamed } from '../../architectures';
import type { BaseModel } from '../../baseModel';
import { readExactly } from '../../fileBytes';
import { isAllFinite } from '../../floats';
import { readGgufHeader, type GgufTensor } from '../../gguf';
import { ggufPairs, mlxPairs, peftPairs, type LoraPair } from '../../pairs';
import { quoted } from '../../problems';
import { dequantize } from '../../quant/dequantize';
import { interleavedRow, type RowHeads } from '../../rowOrder';
import { readSafetensorsHeader, readTensor, type SafetensorsEntry } from '../../safetensors';
import { ggufPlace } from '../../tensorNames';
import type { LowRank } from '../tensorChange';

/** One pair of an adapter as PEFT would have it, whatever its file keeps. `factor` is its scale. */
export interface SourceModule extends LowRank {
  /** Path in the plain text model: `model.layers.0.self_attn.q_proj`. */
  readonly name: string;
  /** Path in the model that was trained, when the file says it. */
  readonly path?: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly isEmbedding: boolean;
}

export interface MergeSource {
  readonly modules: readonly SourceModule[];
  close(): Promise<void>;
}

/**
 * Opens an adapter for merging: A as [rank, in], B as [out, rank], rows in Hugging Face's order, each read when it is asked
 * for. The caller closes it.
 *
 * @param base needed for a LoRA GGUF whose rows llama.cpp keeps in another order.
 * @throws {LoraSwarmError} `MERGE_UNSUPPORTED`, `SOURCE_CHANGED`, and what reading the header throws.
 */
export async function openMergeSource(info: AdapterInfo, base?: BaseModel): Promise<MergeSource> {
  const handle = await open(info.weightsPath, 'r');
  try {
    const modules = await (info.format === 'gguf' ? ofGguf(info, base, handle) : ofSafetensors(info, handle));
    return { modules, close: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function ofSafetensors(info: AdapterInfo, handle: FileHandle): Promise<readonly SourceModule[]> {
  const isMlx = info.format === 'mlx';
  const header = await readSafetensorsHeader(info.weightsPath);
  const { pairs } = isMlx ? mlxPairs(header) : peftPairs(header);
  const load = async (entry: SafetensorsEntry): Promise<Float32Array> => {
    const values = finite(await readTensor(handle, entry), entry.name);
    return isMlx ? transposed(values, entry.shape[0]!) : values;
  };
  return sameAsInspected(info, pairs).map(({ pair, factor }) => ({
    ...dimsOf(pair),
    name: pair.name,
    factor,
    ...(isMlx ? {} : { path: pair.module }),
    loadA: () => load(pair.a),
    loadB: () => load(pair.b),
  }));
}

async function ofGguf(
  info: AdapterInfo,
  base: BaseModel | undefined,
  handle: FileHandle,
): Promise<readonly SourceModule[]> {
  const { pairs } = ggufPairs(await readGgufHeader(info.weightsPath));
  const load = async ({ name, type, offset, byteLength }: GgufTensor): Promise<Float32Array> =>
    finite(dequantize(type, await readExactly(handle, offset, byteLength)), name);
  return sameAsInspected(info, pairs).map(({ pair, factor }) => {
    const heads = headsOf(info, pair, base);
    return {
      ...dimsOf(pair),
      name: huggingName(info, pair.name),
      factor,
      loadA: async () => (pair.isEmbedding ? transposed(await load(pair.a), pair.inFeatures) : load(pair.a)),
      loadB: async () => (heads ? straightened(await load(pair.b), heads, pair.rank) : load(pair.b)),
    };
  });
}

function dimsOf({ rank, inFeatures, outFeatures, isEmbedding }: LoraPair<unknown>) {
  return { rank, inFeatures, outFeatures, isEmbedding };
}

/** What was inspected decides. A file that says something else now was changed. */
function sameAsInspected<T>(
  info: AdapterInfo,
  pairs: readonly LoraPair<T>[],
): readonly { readonly pair: LoraPair<T>; readonly factor: number }[] {
  const modules = new Map<string, AdapterModule>(info.modules.map((module) => [module.name, module]));
  return pairs.map((pair) => {
    const module = modules.get(pair.name);
    const isSame =
      pairs.length === info.pairs &&
      module?.rank === pair.rank &&
      module.inFeatures === pair.inFeatures &&
      module.outFeatures === pair.outFeatures;
    if (!isSame || module.scale === undefined)
      throw new LoraSwarmError('SOURCE_CHANGED', `${info.weightsPath} changed while it was merged. Try again.`);
    return { pair, factor: module.scale };
  });
}

/** What Hugging Face calls a base tensor of a GGUF. */
export function huggingName({ architecture = '' }: AdapterInfo, tensor: string): string {
  const known = architectureNamed(architecture);
  const { layer, target } = ggufPlace(tensor);
  const table = layer === undefined ? known?.outer : known?.block;
  const inner = Object.entries(table ?? {}).find(([, name]) => name === target)?.[0];
  if (inner === undefined)
    throw new LoraSwarmError(
      'MERGE_UNSUPPORTED',
      `What ${quoted(tensor)} of a ${quoted(architecture)} model is called in PEFT is not known. Merge the adapter that this GGUF was converted from.`,
    );
  if (layer !== undefined) return `model.layers.${layer}.${inner}`;
  return inner === 'lm_head' ? inner : `model.${inner}`;
}

/** Whether putting the rows of this LoRA GGUF in order takes knowing the heads of its base. */
export function needsHeads({ format, architecture = '', modules }: AdapterInfo): boolean {
  const turned = architectureNamed(architecture)?.interleaved ?? {};
  return format === 'gguf' && modules.some(({ name }) => Object.hasOwn(turned, ggufPlace(name).target));
}

function headsOf(
  { architecture = '' }: AdapterInfo,
  { name, outFeatures }: LoraPair<unknown>,
  base: BaseModel | undefined,
): RowHeads | undefined {
  const turned = architectureNamed(architecture)?.interleaved ?? {};
  if (!Object.hasOwn(turned, ggufPlace(name).target)) return undefined;
  if (!base)
    throw new LoraSwarmError(
      'BASE_UNKNOWN',
      'The rows of this LoRA GGUF stand in an order that follows the heads of its base. Name the base, as a model of the local Ollama or a GGUF file.',
    );
  const { headDim: dim } = base;
  if (!Number.isSafeInteger(dim) || dim <= 0 || dim % 2 !== 0 || outFeatures % dim !== 0)
    throw new LoraSwarmError('BASE_UNFIT', `${quoted(name)} does not divide into the heads of ${quoted(base.name)}.`);
  return { count: outFeatures / dim, dim };
}

/** llama.cpp's rows in Hugging Face's order. */
function straightened(values: Float32Array, heads: RowHeads, width: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let row = 0; row < heads.count * heads.dim; row++) {
    const from = interleavedRow(row, heads) * width;
    result.set(values.subarray(from, from + width), row * width);
  }
  return result;
}

function transposed(values: Float32Array, rows: number): Float32Array {
  const columns = values.length / rows;
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[column * rows + row] = values[row * columns + column]!;
  }
  return result;
}

function finite(values: Float32Array, name: string): Float32Array {
  if (isAllFinite(values)) return values;
  throw new LoraSwarmError(
    'MERGE_UNSUPPORTED',
    `${quoted(name)} holds values that are no numbers (NaN or infinite): the training diverged. Use an earlier checkpoint.`,
  );
}
