import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { AdapterLineage } from '../deployWishes';
import { LoraSwarmError } from '../errors';
import { parseLineage } from '../release/lineage';

/** Beside merged weights: how they were made, for a later share. Does not travel itself. */
export const MERGE_FILE = 'lora-swarm-merge.json';
/** Four times what 16 parts with the longest names need. */
const MAX_MERGE_FILE_BYTES = 16_384;

export interface MergeFile {
  /** `sha256:<hex>` of the weights that it speaks of. */
  readonly weights: string;
  readonly lineage: AdapterLineage;
}

export function mergeFileText({ weights, lineage }: MergeFile): string {
  return `${JSON.stringify({ version: 1, weights, ...lineage }, undefined, 2)}\n`;
}

/**
 * Reads the file that merging left beside these weights. Anybody may have written it.
 *
 * @returns undefined when there is none, or one of a later version.
 * @throws {LoraSwarmError} `ADAPTER_CONFIG_INVALID` when it is damaged.
 */
export async function readMergeFile(weightsPath: string): Promise<MergeFile | undefined> {
  const path = join(dirname(weightsPath), MERGE_FILE);
  const size = await stat(path).then(
    (found) => (found.isFile() ? found.size : undefined),
    () => undefined,
  );
  if (size === undefined) return undefined;
  try {
    if (size > MAX_MERGE_FILE_BYTES) throw new RangeError(`${size} bytes`);
    const value = JSON.parse(await readFile(path, 'utf8')) as unknown;
    const { version, weights } = value as { readonly version?: unknown; readonly weights?: unknown };
    if (typeof version !== 'number') throw new TypeError('version');
    if (version !== 1) return undefined;
    if (typeof weights !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(weights)) throw new TypeError('weights');
    const lineage = parseLineage(value);
    return lineage && { weights, lineage };
  } catch (cause) {
    throw new LoraSwarmError(
      'ADAPTER_CONFIG_INVALID',
      `${path} is damaged, so how this adapter was merged is unknown. Delete it to share the adapter without that.`,
      undefined,
      { cause },
    );
  }
}
