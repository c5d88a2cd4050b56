import { architectureNamed } from './architectures';
import type { BaseModel } from './baseModel';

/** Heads of a weight whose rows llama.cpp keeps in another order than Hugging Face. */
export interface RowHeads {
  readonly count: number;
  /** Rows per head. */
  readonly dim: number;
}

/** Set for a weight or bias (`blk.0.attn_q.weight`) whose rows the base has with the halves of each head interleaved. */
export function rowHeads(base: BaseModel, tensor: string): RowHeads | undefined {
  const target = /^blk\.\d+\.(\w+)\.(?:weight|bias)$/.exec(tensor)?.[1];
  const interleaved = architectureNamed(base.architecture)?.interleaved ?? {};
  if (target === undefined || !Object.hasOwn(interleaved, target)) return undefined;
  return { count: base[interleaved[target]!], dim: base.headDim };
}

/** Where llama.cpp has a row of Hugging Face: within each head, row i of half h is row 2i + h. */
export function interleavedRow(row: number, { dim }: RowHeads): number {
  const inHead = row % dim;
  const half = inHead < dim / 2 ? 0 : 1;
  return row - inHead + 2 * (inHead - (half * dim) / 2) + half;
}

/** Hugging Face's rows in llama.cpp's order. @param width values per row */
export function interleaveRows(values: Float32Array, heads: RowHeads, width: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let row = 0; row < heads.count * heads.dim; row++) {
    result.set(values.subarray(row * width, (row + 1) * width), interleavedRow(row, heads) * width);
  }
  return result;
}
