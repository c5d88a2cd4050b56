// What ggml calls the types of tensors, and how many bytes they take.

export interface GgmlType {
  readonly name: string;
  /** Elements that are stored together; the first dimension is a multiple of it. */
  readonly blockSize: number;
  readonly blockBytes: number;
  /**
   * Where the half-float scales stand in a block, when a LoRA may have this type: enough to see NaN and infinity
   * without unpacking. Absent for types that llama.cpp can't multiply with, or that we can't check.
   */
  readonly scales?: readonly number[];
}

const types = new Map<number, GgmlType>([
  [0, { name: 'F32', blockSize: 1, blockBytes: 4 }],
  [1, { name: 'F16', blockSize: 1, blockBytes: 2 }],
  [2, { name: 'Q4_0', blockSize: 32, blockBytes: 18, scales: [0] }],
  [3, { name: 'Q4_1', blockSize: 32, blockBytes: 20, scales: [0, 2] }],
  [6, { name: 'Q5_0', blockSize: 32, blockBytes: 22, scales: [0] }],
  [7, { name: 'Q5_1', blockSize: 32, blockBytes: 24, scales: [0, 2] }],
  [8, { name: 'Q8_0', blockSize: 32, blockBytes: 34, scales: [0] }],
  // 9 is Q8_1, which ggml computes with and no file holds. Readers do not agree how long it is.
  [10, { name: 'Q2_K', blockSize: 256, blockBytes: 84, scales: [80, 82] }],
  [11, { name: 'Q3_K', blockSize: 256, blockBytes: 110, scales: [108] }],
  [12, { name: 'Q4_K', blockSize: 256, blockBytes: 144, scales: [0, 2] }],
  [13, { name: 'Q5_K', blockSize: 256, blockBytes: 176, scales: [0, 2] }],
  [14, { name: 'Q6_K', blockSize: 256, blockBytes: 210, scales: [208] }],
  [15, { name: 'Q8_K', blockSize: 256, blockBytes: 292 }],
  [16, { name: 'IQ2_XXS', blockSize: 256, blockBytes: 66 }],
  [17, { name: 'IQ2_XS', blockSize: 256, blockBytes: 74 }],
  [18, { name: 'IQ3_XXS', blockSize: 256, blockBytes: 98 }],
  [19, { name: 'IQ1_S', blockSize: 256, blockBytes: 50 }],
  [20, { name: 'IQ4_NL', blockSize: 32, blockBytes: 18 }],
  [21, { name: 'IQ3_S', blockSize: 256, blockBytes: 110 }],
  [22, { name: 'IQ2_S', blockSize: 256, blockBytes: 82 }],
  [23, { name: 'IQ4_XS', blockSize: 256, blockBytes: 136 }],
  [24, { name: 'I8', blockSize: 1, blockBytes: 1 }],
  [25, { name: 'I16', blockSize: 1, blockBytes: 2 }],
  [26, { name: 'I32', blockSize: 1, blockBytes: 4 }],
  [27, { name: 'I64', blockSize: 1, blockBytes: 8 }],
  [28, { name: 'F64', blockSize: 1, blockBytes: 8 }],
  [29, { name: 'IQ1_M', blockSize: 256, blockBytes: 56 }],
  [30, { name: 'BF16', blockSize: 1, blockBytes: 2 }],
  [34, { name: 'TQ1_0', blockSize: 256, blockBytes: 54 }],
  [35, { name: 'TQ2_0', blockSize: 256, blockBytes: 66 }],
  [39, { name: 'MXFP4', blockSize: 32, blockBytes: 17 }],
  [40, { name: 'NVFP4', blockSize: 64, blockBytes: 36 }],
]);

/** The type of this number in a GGUF, if ggml has one. */
export function ggmlType(id: number): GgmlType | undefined {
  return types.get(id);
}

/** Its number in a GGUF. */
export function ggmlTypeId(type: GgmlType): number {
  for (const [id, { name }] of types) if (name === type.name) return id;
  throw new RangeError(`${type.name} is no type of ggml`);
}

/** Types that we write. */
export const GGML_TYPE_IDS = { F32: 0, F16: 1, BF16: 30 } as const;
