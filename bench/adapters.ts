import { writePeftAdapter, type Target, type WrittenAdapter } from '../test/helpers/writeAdapter';

const TARGETS: readonly Target[] = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
const RANK = 64;
const HIDDEN = 4096;
/** Inputs and outputs of the seven targets together, in units of `HIDDEN`; 4 bytes a weight. */
const BLOCK_BYTES = 4 * RANK * HIDDEN * (2 + 1.5 + 1.5 + 2 + 3 + 3 + 3);

/** A PEFT adapter of about this size, to the nearest block of a large llama. */
export function writeLargeAdapter(folder: string, bytes: number): Promise<WrittenAdapter> {
  const blocks = Math.max(1, Math.round(bytes / BLOCK_BYTES));
  return writePeftAdapter(folder, { rank: RANK, hidden: HIDDEN, blocks, targets: TARGETS });
}

/** The smallest there is, so that only the way of its announcement takes time. */
export function writeSmallAdapter(folder: string, seed: number): Promise<WrittenAdapter> {
  return writePeftAdapter(folder, { rank: 1, hidden: 8, blocks: 1, seed });
}
