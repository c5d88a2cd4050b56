import { writePeftAdapter, type Target, type WrittenAdapter } from '../test/helpers/writeAdapter';

const TARGETS: readonly Target[] = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
const RANK = 64;
const HIDDEN = 4096;
/** Inputs and outputs of the seven targets together, in units of `HIDDEN`; 4 bytes a weight. */
const BLOCK_BYTES = 4 * RANK * HIDDEN * (2 + 1.5 + 1.5 + 2 + 3 + 3 + 3);

/** A PEFT adapter of about this size as F32, half of it as BF16, to the nearest block of a large llama. */
export function writeLargeAdapter(
  folder: string,
  bytes: number,
  dtype?: 'F32' | 'BF16',
  seed = 1,
): Promise<WrittenAdapter> {
  const options = { rank: RANK, hidden: HIDDEN, blocks: blocksOf(bytes), targets: TARGETS, seed };
  return writePeftAdapter(folder, { ...options, ...(dtype ? { dtype } : {}) });
}

export function blocksOf(bytes: number): number {
  return Math.max(1, Math.round(bytes / BLOCK_BYTES));
}

/** The smallest there is, so that only the way of its announcement takes time. */
export function writeSmallAdapter(folder: string, seed: number): Promise<WrittenAdapter> {
  return writePeftAdapter(folder, { rank: 1, hidden: 8, blocks: 1, seed });
}
