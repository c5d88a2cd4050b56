/** One `factor · B · A`, both loaded when they are needed. */
export interface LowRank {
  readonly rank: number;
  readonly factor: number;
  /** Row-major [rank, in]. */
  readonly loadA: () => Promise<Float32Array>;
  /** Row-major [out, rank], rows in the base's order. */
  readonly loadB: () => Promise<Float32Array>;
}

/**
 * What adapters do to one tensor, in this order: start from `source` or `replacement`, add every `low`, scale the rows
 * to `magnitudes`, add `addend`, replace `rows`. A matrix has rows of `in` values; a bias is one row. With nothing to do,
 * it is a copy of `source`.
 */
export interface TensorChange {
  /** Name in the merged file. */
  readonly name: string;
  /** GGUF order: ne0 first. */
  readonly dims: readonly number[];
  /**
   * Tensor of the base that it starts from, and whose type it has: itself, or `token_embd.weight` for an `output.weight` that a
   * tied base lacks.
   */
  readonly source?: string;
  /** Values of some rows, row-major, instead of the base's. Without arguments: all of them. */
  readonly replacement?: (firstRow?: number, rows?: number) => Promise<Float32Array>;
  readonly low: readonly LowRank[];
  /** DoRA: each row r of W + ΔW becomes magnitudes[r] · row / ‖row‖. One value per row. */
  readonly magnitudes?: () => Promise<Float32Array>;
  /** Added at the end, value by value: a trained bias. As many values as the tensor. */
  readonly addend?: () => Promise<Float32Array>;
  /** Rows that were trained whole, by their number. */
  readonly rows?: () => Promise<ReadonlyMap<number, Float32Array>>;
}
