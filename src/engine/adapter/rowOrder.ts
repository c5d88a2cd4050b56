import type { BaseModel } from './baseModel';

/** Heads of a weight whose rows llama.cpp keeps in another order than Hugging Face. */
export interface RowHeads {
  readonly count: number;
  /** Rows per head. */
  readonly dim: number;
}

/** llama.cpp keeps the rows of q and k of llama models (Mistral too) with the two halves of each head interleaved. */
export function rowHeads(
  { architecture, headCount, headCountKv, headDim }: BaseModel,
  tensor: string,
): RowHeads | undefined {
  if (architecture !== 'llama') return undefined;
  if (/\.attn_q\.(weight|bias)$/.test(tensor)) return { count: headCount, dim: headDim };
  return /\.attn_k\.(weight|bias)$/.test(tensor) ? { count: headCountKv, dim: headDim } : undefined;
}

/** Hugging Face's rows in llama.cpp's order: within each head, row i of half h goes to 2i + h. @param width values per row */
export function interleaveRows(values: Float32Array, { count, dim }: RowHeads, width: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let row = 0; row < count * dim; row++) {
    const inHead = row % dim;
    const half = inHead < dim / 2 ? 0 : 1;
    const target = row - inHead + 2 * (inHead - (half * dim) / 2) + half;
    result.set(values.subarray(row * width, (row + 1) * width), target * width);
  }
  return result;
}
