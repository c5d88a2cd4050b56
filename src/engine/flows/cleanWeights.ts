import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AdapterInfo } from '../adapter/adapterInfo';
import { cleanGguf } from '../adapter/cleanGguf';
import type { Store } from '../store/store';

/** Weights as they may travel. */
export interface CleanWeights {
  readonly path: string;
  /** It is a copy that goes away after `use`. */
  readonly isCopy: boolean;
}

/**
 * Weights without metadata that names places on this machine, for the time of `use`: the file itself, or a copy of a GGUF whose
 * tensors are those of the file byte for byte. For other formats the config beside the weights is what gets cleaned.
 *
 * @throws {LoraSwarmError} as `cleanGguf`.
 */
export async function withCleanWeights<T>(
  store: Pick<Store, 'temporaryPath'>,
  { format, weightsPath, privateValues }: AdapterInfo,
  use: (weights: CleanWeights) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  if (format !== 'gguf' || privateValues.length === 0) return use({ path: weightsPath, isCopy: false });
  const scratch = store.temporaryPath();
  try {
    await mkdir(scratch, { mode: 0o700 });
    const path = join(scratch, 'adapter.gguf');
    await cleanGguf(weightsPath, path, signal);
    return await use({ path, isCopy: true });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
