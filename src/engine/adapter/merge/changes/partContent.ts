import { LoraSwarmError } from '../../../errors';
import type { AdapterInfo, AdapterModule } from '../../adapterInfo';
import { flagOf, parseConfig, readConfigFile, textOf } from '../../config';
import { readGgufHeader } from '../../gguf';
import { isMlxConfig } from '../../mlxConfig';
import { ggufPairs, mlxPairs, peftPairs, type ExtraTensor, type LoraPair } from '../../pairs';
import { parsePeftConfig, type TokenRows } from '../../peftConfig';
import { readSafetensorsHeader } from '../../safetensors';
import { baseTensorName } from '../../tensorNames';
import { cannotMerge } from './refusals';
import { ggufTensor, safetensorsTensor, WeightsFile, type StoredTensor } from './weightsFile';

/** An adapter, and how strongly it acts: 1 is as it was trained. */
export interface WeightedAdapter {
  readonly info: AdapterInfo;
  readonly weight: number;
}

/** What an adapter holds, placed on the tensors of a base. Nothing is loaded yet. */
export interface PartContent extends WeightedAdapter {
  readonly file: WeightsFile;
  readonly pairs: readonly PlacedPair[];
  readonly extras: readonly PlacedExtra[];
  readonly config: PartConfig;
}

export interface PlacedPair {
  readonly pair: LoraPair<StoredTensor>;
  readonly module: AdapterModule;
  /** Base tensor that it changes. */
  readonly tensor: string;
}

export interface PlacedExtra extends Omit<ExtraTensor, 'entry'> {
  readonly stored: StoredTensor;
}

/** What only the config says about tensors beside the pairs. */
export interface PartConfig {
  readonly isDora: boolean;
  readonly bias: string;
  readonly hasLoraBias: boolean;
  readonly modulesToSave: readonly string[];
  readonly tokenRows: readonly TokenRows[];
}

/** @throws {LoraSwarmError} `SOURCE_CHANGED` when the file is not the one that was inspected, `MERGE_UNSUPPORTED`. */
export async function readPart({ info, weight }: WeightedAdapter, architecture: string): Promise<PartContent> {
  const file = await WeightsFile.at(info.weightsPath);
  const { pairs, extras } = await tensorsOf(info);
  const modules = new Map(info.modules.map((module) => [module.name, module]));
  const placed = pairs.map((pair) => {
    const module = modules.get(pair.name);
    const tensor = info.format === 'gguf' ? pair.name : baseTensorName(pair.name, architecture);
    const isSame = module?.rank === pair.rank && module.inFeatures === pair.inFeatures;
    if (!module || !tensor || !isSame || module.outFeatures !== pair.outFeatures || pairs.length !== info.pairs) {
      throw new LoraSwarmError('SOURCE_CHANGED', `${info.weightsPath} changed while it was read. Try again.`);
    }
    return { pair, module, tensor };
  });
  return { info, weight, file, pairs: placed, extras, config: await readPartConfig(info) };
}

async function tensorsOf({ format, weightsPath }: AdapterInfo) {
  if (format === 'gguf') {
    const { pairs } = ggufPairs(await readGgufHeader(weightsPath));
    return { pairs: pairs.map((pair) => ({ ...pair, a: ggufTensor(pair.a), b: ggufTensor(pair.b) })), extras: [] };
  }
  const header = await readSafetensorsHeader(weightsPath);
  const { pairs, extras } = format === 'mlx' ? mlxPairs(header) : peftPairs(header);
  return {
    pairs: pairs.map((pair) => ({ ...pair, a: safetensorsTensor(pair.a), b: safetensorsTensor(pair.b) })),
    extras: extras.map(({ entry, ...extra }) => ({ ...extra, stored: safetensorsTensor(entry) })),
  };
}

const PLAIN: PartConfig = { isDora: false, bias: 'none', hasLoraBias: false, modulesToSave: [], tokenRows: [] };

async function readPartConfig({ format, configPath }: AdapterInfo): Promise<PartConfig> {
  if (format === 'gguf' || configPath === undefined) return PLAIN;
  const config = parseConfig(await readConfigFile(configPath));
  if (isMlxConfig(config)) {
    return { ...PLAIN, isDora: textOf(config, 'fine_tune_type') === 'dora' || flagOf(config, 'use_dora') };
  }
  const { bias, modulesToSave, tokenRows } = parsePeftConfig(config);
  return {
    isDora: flagOf(config, 'use_dora'),
    bias,
    hasLoraBias: flagOf(config, 'lora_bias'),
    modulesToSave,
    tokenRows,
  };
}

/** Extras that are no part of a sum: they are as they are, or not at all. */
function isPlain({ extras }: PartContent): boolean {
  return extras.every(({ role }) => role === 'b-bias' || role === 'base-copy');
}

/** A sum of adapters has a meaning for what adds to the base, not for what replaces parts of it. */
export function requireSummable(parts: readonly PartContent[]): void {
  const odd = parts.find((part) => !isPlain(part));
  if (!odd || (parts.length === 1 && odd.weight === 1)) return;
  const why = 'It does not only add to the base (DoRA, trained biases or replaced weights)';
  throw cannotMerge(`${why}, so it can be merged alone and with weight 1 only: ${odd.info.weightsPath}.`);
}

/** Every tensor that a merge will load. */
export function usedTensors({ pairs, extras }: PartContent): readonly StoredTensor[] {
  return [
    ...pairs.flatMap(({ pair }) => [pair.a, pair.b]),
    ...extras.filter(({ role }) => role !== 'base-copy').map(({ stored }) => stored),
  ];
}
