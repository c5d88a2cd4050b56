import type { Architecture } from '../../architectures/architecture';
import type { BaseModel } from '../../baseModel';
import { quoted } from '../../problems';
import { interleaveRows, rowHeads } from '../../rowOrder';
import { baseParameter } from '../../tensorNames';
import type { PartConfig, PlacedExtra } from './partContent';
import { cannotMerge, contradiction, vocabularyChanged, wrongShape } from './refusals';
import { valuesOf, type StoredTensor, type WeightsFile } from './weightsFile';

/** The base tensor that a weight or bias of a module is. @throws {LoraSwarmError} `MERGE_UNSUPPORTED` */
export function placeOf({ name }: PlacedExtra, part: 'weight' | 'bias', architecture: Architecture) {
  const place = baseParameter(name, part, architecture);
  if (place) return place;
  throw cannotMerge(`The adapter replaces a part of ${quoted(name)}, which is no part of a model that we know.`);
}

/** One value per row of a tensor, in the base's order: a bias, or the lengths of rows. */
export function rowValues(file: WeightsFile, stored: StoredTensor, tensor: string, base: BaseModel) {
  return async (): Promise<Float32Array> => {
    const values = await file.load(stored);
    const heads = rowHeads(base, tensor);
    return heads ? interleaveRows(values, heads, 1) : values;
  };
}

/** A whole weight in place of the base's, row by row. @param dims of the base's, in GGUF order */
export function wholeWeight(
  file: WeightsFile,
  { name, stored }: PlacedExtra,
  { tensor, isNorm }: { readonly tensor: string; readonly isNorm: boolean },
  dims: readonly number[],
  base: BaseModel,
  { normShift = 0 }: Architecture,
) {
  requireBaseShape(name, stored, tensor, dims);
  const width = dims[0]!;
  const heads = rowHeads(base, tensor);
  return async (firstRow = 0, rows = valuesOf(stored) / width): Promise<Float32Array> => {
    if (!heads) {
      const values = await file.load(stored, firstRow * width, rows * width);
      return isNorm && normShift !== 0 ? values.map((value) => value + normShift) : values;
    }
    // Rows move within their head only.
    const [head, headsEnd] = [Math.floor(firstRow / heads.dim), Math.ceil((firstRow + rows) / heads.dim)];
    const some = { count: headsEnd - head, dim: heads.dim };
    const values = await file.load(stored, head * heads.dim * width, some.count * heads.dim * width);
    const skipped = firstRow - head * heads.dim;
    return interleaveRows(values, some, width).subarray(skipped * width, (skipped + rows) * width);
  };
}

/** Also for the copies of frozen weights that PEFT stores beside an embedding's pair: they tell whether tokens were added. */
export function requireBaseShape(
  name: string,
  { shape }: Pick<StoredTensor, 'shape'>,
  tensor: string,
  dims: readonly number[],
): void {
  const wanted = [...dims].reverse();
  if (shape.length === wanted.length && shape.every((dimension, axis) => dimension === wanted[axis])) return;
  const isByToken = tensor === 'token_embd.weight' || tensor === 'output.weight';
  if (isByToken && shape.length === 2 && shape[1] === dims[0]) throw vocabularyChanged(name, shape[0]!, dims[1]!);
  throw wrongShape(name, shape, dims);
}

/** Rows of an embedding that were trained whole. @param dims of the base's, in GGUF order */
export function trainedRows(file: WeightsFile, extra: PlacedExtra, config: PartConfig, dims: readonly number[]) {
  const { name, module, stored } = extra;
  const [width, tokens] = [dims[0]!, dims[1]!];
  const listed = config.tokenRows.filter((rows) => rows.module === undefined || module.endsWith(rows.module));
  // A list without a name is the input's embedding alone.
  const found = listed.find((rows) => rows.module !== undefined) ?? (isEmbedding(name) ? listed[0] : undefined);
  const [count, valuesPerRow] = stored.shape;
  if (!found)
    throw contradiction(`The adapter holds trained rows of ${quoted(name)}, the config does not say of which tokens.`);
  const { indices } = found;
  if (stored.shape.length !== 2 || indices.length !== count || new Set(indices).size !== count)
    throw contradiction(`The config names ${indices.length} trained tokens, the adapter holds ${count} rows.`);
  if (valuesPerRow !== width) throw wrongShape(name, stored.shape, [width, indices.length]);
  const last = Math.max(...indices);
  if (last >= tokens) throw vocabularyChanged(name, last + 1, tokens);

  return async (): Promise<ReadonlyMap<number, Float32Array>> => {
    const values = await file.load(stored);
    return new Map(indices.map((token, row) => [token, values.subarray(row * width, (row + 1) * width)]));
  };
}

function isEmbedding(name: string): boolean {
  return /(^|\.)embed_tokens$/.test(name);
}
