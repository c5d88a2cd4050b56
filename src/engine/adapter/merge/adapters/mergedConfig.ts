import { LoraSwarmError } from '../../../errors';
import { baseTensorName, modulePlace } from '../../tensorNames';
import type { MergeModule } from './mergeTerms';

/** As much as is read of a config, and may travel with a package. */
const MAX_CONFIG_BYTES = 64 * 1024;

/** A module of the result and its rank. Its scale is 1: everything is in B. */
export interface RankedModule {
  readonly module: MergeModule;
  readonly rank: number;
}

/**
 * `adapter_config.json` of merged weights. Where ranks differ, patterns make alpha equal to the rank of each module.
 *
 * @throws {LoraSwarmError} `MERGE_UNSUPPORTED` when the parts differ in so many modules that no reader would take it.
 */
export function mergedConfig(modules: readonly RankedModule[], baseModel: string | undefined): string {
  const rank = commonest(modules.map((one) => one.rank));
  const pattern = rankPattern(modules, rank);
  const text = `${JSON.stringify(
    {
      alpha_pattern: pattern,
      auto_mapping: null,
      base_model_name_or_path: baseModel ?? null,
      bias: 'none',
      fan_in_fan_out: false,
      inference_mode: true,
      init_lora_weights: true,
      lora_alpha: rank,
      lora_dropout: 0,
      modules_to_save: null,
      peft_type: 'LORA',
      r: rank,
      rank_pattern: pattern,
      target_modules: targetsOf(modules.map(({ module }) => module)),
      task_type: 'CAUSAL_LM',
      use_dora: false,
      use_rslora: false,
    },
    undefined,
    2,
  )}\n`;
  if (Buffer.byteLength(text) > MAX_CONFIG_BYTES)
    throw new LoraSwarmError(
      'MERGE_UNSUPPORTED',
      'The parts change so many different modules that the config would be larger than any reader takes. Merge with a method that gives all modules one rank.',
    );
  return text;
}

function commonest(ranks: readonly number[]): number {
  const uses = new Map<number, number>();
  for (const rank of ranks) uses.set(rank, (uses.get(rank) ?? 0) + 1);
  return [...uses].sort(([a, usesOfA], [b, usesOfB]) => usesOfB - usesOfA || a - b)[0]![0];
}

/** One line for a target whose modules agree, else one for each of its modules. */
function rankPattern(modules: readonly RankedModule[], rank: number): Readonly<Record<string, number>> {
  const pattern = new Map<string, number>();
  for (const [target, ofTarget] of Map.groupBy(modules, ({ module }) => lastOf(module.path))) {
    const isOne = ofTarget.every((one) => one.rank === ofTarget[0]!.rank);
    if (isOne && ofTarget[0]!.rank !== rank) pattern.set(target, ofTarget[0]!.rank);
    if (!isOne) for (const { module, rank: own } of ofTarget) if (own !== rank) pattern.set(module.path, own);
  }
  return Object.fromEntries([...pattern].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Short names when all blocks have the same modules; else PEFT would give the others empty ones. */
function targetsOf(modules: readonly MergeModule[]): readonly string[] {
  const byTarget = Map.groupBy(modules, ({ path }) => lastOf(path));
  const blocks = Math.max(0, ...modules.map(({ name }) => (modulePlace(name)?.layer ?? -1) + 1));
  const isEven = [...byTarget.values()].every((ofTarget) => {
    const layers = new Set(ofTarget.map(({ name }) => modulePlace(name)?.layer));
    return layers.has(undefined) ? layers.size === 1 && ofTarget.length === 1 : layers.size === blocks;
  });
  const isUnderstood = modules.every(({ name }) => baseTensorName(name) !== undefined);
  return (isEven && isUnderstood ? [...byTarget.keys()] : modules.map(({ path }) => path)).sort();
}

const lastOf = (path: string): string => path.split('.').at(-1)!;
