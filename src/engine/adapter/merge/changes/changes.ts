import { architectureNamed } from '../../architectures';
import { quoted } from '../../problems';
import { addPart } from './addPart';
import { Drafts } from './drafts';
import { requireMergeable } from './mergeable';
import type { MergeBase } from './mergeBase';
import { readPart, requireSummable, usedTensors, type WeightedAdapter, type PartContent } from './partContent';
import { cannotMerge } from './refusals';
import type { TensorChange } from '../tensorChange';
import { WeightsFile } from './weightsFile';

export interface Changes {
  readonly changes: readonly TensorChange[];
  /** Reads every value of the adapters once. @throws {LoraSwarmError} `MERGE_UNSUPPORTED` for NaN and infinity */
  readonly requireFinite: (signal?: AbortSignal) => Promise<void>;
}

/**
 * What the weighted sum of adapters does to each tensor of a base, as they did it in training. Headers and configs are read
 * here, values later, one tensor at a time.
 *
 * @throws {LoraSwarmError} `MERGE_UNSUPPORTED` when the result would not be exact, `BASE_UNFIT`, `ADAPTER_CONTRADICTION`,
 * `ADAPTER_CONFIG_MISSING` when a scale is unknown, `SOURCE_CHANGED`.
 */
export async function changesFor(
  parts: readonly WeightedAdapter[],
  base: MergeBase,
  signal?: AbortSignal,
): Promise<readonly TensorChange[]> {
  return (await readChanges(parts, base, signal)).changes;
}

/** As `changesFor`, with the check of all values that a merge makes before it writes. */
export async function readChanges(
  parts: readonly WeightedAdapter[],
  base: MergeBase,
  signal?: AbortSignal,
): Promise<Changes> {
  if (parts.length === 0) throw cannotMerge('No adapter was named. Name at least one.');
  const contents: PartContent[] = [];
  for (const part of parts) {
    signal?.throwIfAborted();
    if (!Number.isFinite(part.weight))
      throw cannotMerge('The weight of an adapter is no number. 1 is as it was trained.');
    requireMergeable(part.info, base);
    contents.push(await readPart(part, base.model.architecture));
  }
  requireSummable(contents);

  const baseFile = await WeightsFile.at(base.path);
  const architecture = architectureNamed(base.model.architecture);
  const drafts = new Drafts(base);
  for (const content of contents) addPart({ content, base, baseFile, architecture, drafts, signal });
  const changes = drafts.finish();
  if (!architecture || architecture.isAlwaysTied) requireTied(changes, base);
  return {
    changes,
    requireFinite: async (whileSignal) => {
      for (const content of contents)
        for (const tensor of usedTensors(content)) await content.file.requireFinite(tensor, whileSignal);
    },
  };
}

/** Where llama.cpp has one tensor for both ends, it loads no second one. */
function requireTied(changes: readonly TensorChange[], { header, model }: MergeBase): void {
  if (header.tensors.has('output.weight') || !changes.some(({ name }) => name === 'output.weight')) return;
  throw cannotMerge(
    `The adapter changes one end of a model that uses one tensor for input and output. llama.cpp can't tell the ends of ${quoted(model.architecture)} models apart.`,
  );
}
