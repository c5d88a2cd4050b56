import fs from 'node:fs';
import path from 'node:path';
import { MAX_PACKAGE_BYTES } from '../../src/engine/limits';
import { writePeftAdapter } from '../helpers/writeAdapter';
import type { Ground } from './ground';

const SHAPE = {
  ...{ rank: 64, hidden: 4096, blocks: 255 },
  targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
} as const;

/** The largest adapter that there may be, but for some megabytes. Made once. */
export async function bigAdapter(ground: Ground, kind: 'sparse' | 'dense'): Promise<string> {
  const folder = path.join(ground.folder, `big-${kind}`);
  if (fs.existsSync(folder)) return folder;
  const { bytes } = await writePeftAdapter(folder, { ...SHAPE, ...(kind === 'sparse' ? { isSparse: true } : {}) });
  if (bytes > MAX_PACKAGE_BYTES || bytes < 0.99 * MAX_PACKAGE_BYTES) throw new Error(`${bytes} bytes`);
  return folder;
}
