import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import { float32ToF16 } from '../src/engine/adapter/floats';
import { ggmlType } from '../src/engine/adapter/ggmlTypes';
import { info, rawGguf, text } from '../test/helpers/rawGguf';

export type LargeType = 'F16' | 'Q8_0' | 'Q4_K';

export interface LargeBase {
  readonly path: string;
  readonly bytes: number;
  /** All of its matrices: those that a LoRA on every linear layer changes. */
  readonly matrices: readonly { readonly name: string; readonly dims: readonly number[] }[];
}

const TYPE_IDS: Readonly<Record<LargeType, number>> = { F16: 1, Q8_0: 8, Q4_K: 12 };
/** Inputs and outputs of the linear layers of an 8B llama. */
const LAYERS: Readonly<Record<string, readonly [number, number]>> = {
  attn_q: [4096, 4096],
  attn_k: [4096, 1024],
  attn_v: [4096, 1024],
  attn_output: [4096, 4096],
  ffn_gate: [4096, 14_336],
  ffn_up: [4096, 14_336],
  ffn_down: [14_336, 4096],
};
const PIECE_BLOCKS = 8192;

/** Writes the blocks of a large llama, as many as come nearest to this size as F16. All types get the same matrices. */
export async function writeLargeBase(path: string, type: LargeType, f16Bytes: number): Promise<LargeBase> {
  const perBlock = Object.values(LAYERS).reduce((sum, [width, rows]) => sum + width * rows, 0);
  const blocks = Math.max(1, Math.round(f16Bytes / (2 * perBlock)));
  const matrices = Array.from({ length: blocks }, (_, block) =>
    Object.entries(LAYERS).map(([name, dims]) => ({ name: `blk.${block}.${name}.weight`, dims })),
  ).flat();

  const { blockSize, blockBytes } = ggmlType(TYPE_IDS[type])!;
  let end = 0;
  const infos = matrices.map(({ name, dims }) => {
    const one = info(name, dims, TYPE_IDS[type], end);
    end += ((dims[0] * dims[1]) / blockSize) * blockBytes; // A multiple of the alignment for all of these.
    return one;
  });
  const header = rawGguf({ values: [text('general.architecture', 'llama')], tensors: infos, data: Buffer.alloc(0) });

  const piece = pieceOf(type, (PIECE_BLOCKS * 256) / blockSize);
  const file = await fs.open(path, 'w');
  try {
    await file.write(header);
    for (let done = 0; done < end; done += piece.length)
      await file.write(piece.subarray(0, Math.min(piece.length, end - done)));
    await file.sync();
  } finally {
    await file.close();
  }
  return { path, bytes: header.length + end, matrices };
}

/** Blocks of weights as large as those of a real model: subnormal numbers would be slower. */
function pieceOf(type: LargeType, blocks: number): Uint8Array {
  if (type === 'F16') return float32ToF16(Float32Array.from({ length: blocks }, () => (Math.random() - 0.5) / 16));
  const { blockBytes, scales } = ggmlType(TYPE_IDS[type])!;
  const bytes = randomBytes(blocks * blockBytes);
  const scale = float32ToF16(Float32Array.of(type === 'Q8_0' ? 1 / 4096 : 1 / 16_384));
  for (let block = 0; block < bytes.length; block += blockBytes) for (const at of scales!) bytes.set(scale, block + at);
  return bytes;
}
