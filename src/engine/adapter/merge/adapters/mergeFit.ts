import { LoraSwarmError } from '../../../errors';
import type { AdapterInfo } from '../../adapterInfo';
import type { BaseModel } from '../../baseModel';
import { isOfLineage } from '../../lineage';
import { quoted } from '../../problems';
import { modulePlace } from '../../tensorNames';
import type { MergeSource, SourceModule } from './mergeSource';

/** An adapter among others that are merged. */
export interface MergePart {
  readonly info: AdapterInfo;
  readonly weight: number;
  /** For people. */
  readonly label: string;
  /** Content id, for the card. */
  readonly id?: string;
  /** The base, when it is known: what only it can tell is else refused. */
  readonly base?: BaseModel;
}

/** @throws {LoraSwarmError} `MERGE_UNSUPPORTED`, `ADAPTER_CONFIG_MISSING` for a part that is more than its pairs, or less. */
export function requireMergeable({ info, label, base }: MergePart): void {
  const problem = info.problems.find(({ severity, blocks }) => severity === 'refuse' || blocks !== undefined);
  if (problem)
    throw new LoraSwarmError(
      'MERGE_UNSUPPORTED',
      `${quoted(label)} can't be merged with other adapters. ${problem.message}`,
    );
  if (info.modules.some(({ scale }) => scale === undefined))
    throw new LoraSwarmError(
      'ADAPTER_CONFIG_MISSING',
      `The scale of ${quoted(label)} is unknown. Put its adapter_config.json, with lora_alpha, beside the weights.`,
    );
  if (isMaybeTied(info) && base?.tensors.has('output.weight') !== true)
    throw new LoraSwarmError(
      'MERGE_UNSUPPORTED',
      `MLX trained the embedding in ${quoted(label)}. When its base has one embedding for input and output, PEFT can't do the same. Name a base that has two, or leave it out.`,
    );
}

/** MLX lets a pair on a tied embedding act on both ends. A pair of `lm_head` beside it shows that there are two. */
export function isMaybeTied({ format, modules }: AdapterInfo): boolean {
  return format === 'mlx' && modules.some(({ isEmbedding }) => isEmbedding) && !modules.some(isHead);
}

const isHead = ({ name }: { readonly name: string }): boolean => name === 'lm_head';

/**
 * Requires that all parts are for one base, by their shapes.
 *
 * @returns what the user should know: bases with other names.
 * @throws {LoraSwarmError} `BASE_UNFIT` with the first module that two parts have in different shapes.
 */
export function requireOneShape(parts: readonly MergePart[], sources: readonly MergeSource[]): readonly string[] {
  const seen = new Map<string, { readonly module: SourceModule; readonly label: string }>();
  let width: { readonly is: number; readonly label: string } | undefined;
  for (const [index, part] of parts.entries()) {
    const label = quoted(part.label);
    for (const module of sources[index]!.modules) {
      const other = seen.get(module.name);
      if (other && (other.module.inFeatures !== module.inFeatures || other.module.outFeatures !== module.outFeatures))
        throw otherShape(module, label, other.module, quoted(other.label));
      seen.set(module.name, { module, label: part.label });
      const is = widthOf(module);
      if (is !== undefined && width !== undefined && width.is !== is)
        throw new LoraSwarmError(
          'BASE_UNFIT',
          `${width.label} is for models of width ${width.is}, ${label} for ${is}. Only adapters of one base can be merged.`,
        );
      if (is !== undefined) width ??= { is, label };
    }
  }
  const other = parts.find(
    ({ info }) => info.architecture !== undefined && info.architecture !== architectureOf(parts),
  );
  if (other)
    throw new LoraSwarmError(
      'BASE_UNFIT',
      `${quoted(other.label)} is for ${quoted(other.info.architecture!)} models, others for ${quoted(architectureOf(parts)!)}. Only adapters of one base can be merged.`,
    );

  return otherBases(parts, sources);
}

/** Bases with other names, each as a sentence. Only modules in common show that they have the same shape. */
function otherBases(parts: readonly MergePart[], sources: readonly MergeSource[]): readonly string[] {
  const first = parts.find(({ info }) => info.baseModel !== undefined);
  const base = first?.info.baseModel;
  if (first === undefined || base === undefined) return [];
  const isOfBase = ({ baseModel }: AdapterInfo): boolean =>
    baseModel === base || (baseModel !== undefined && isOfLineage(baseModel, [base]));
  const known = new Set(
    parts.flatMap(({ info }, index) => (isOfBase(info) ? sources[index]!.modules.map(({ name }) => name) : [])),
  );
  return parts.flatMap(({ info, label }, index) => {
    if (info.baseModel === undefined || isOfBase(info)) return [];
    const names = `${quoted(first.label)} was trained on ${quoted(base)}, ${quoted(label)} on ${quoted(info.baseModel)}`;
    if (!sources[index]!.modules.some(({ name }) => known.has(name)))
      throw new LoraSwarmError('BASE_UNFIT', `${names}, and nothing shows that these have the same shape.`);
    return [`${names}. They have the same shape, but the result may be worse.`];
  });
}

export function architectureOf(parts: readonly MergePart[]): string | undefined {
  return parts.find(({ info }) => info.architecture !== undefined)?.info.architecture;
}

/** Width of the base, as far as a module shows it. */
function widthOf({ name, inFeatures, outFeatures }: SourceModule): number | undefined {
  switch (modulePlace(name)?.inner.split('.').at(-1)) {
    case 'q_proj':
    case 'k_proj':
    case 'v_proj':
    case 'qkv_proj':
    case 'gate_proj':
    case 'up_proj':
    case 'gate_up_proj':
    case 'lm_head':
      return inFeatures;
    case 'o_proj':
    case 'down_proj':
    case 'embed_tokens':
      return outFeatures;
    default:
      return undefined;
  }
}

function otherShape(module: SourceModule, label: string, other: SourceModule, otherLabel: string): LoraSwarmError {
  const shape = ({ inFeatures, outFeatures }: SourceModule): string => `${inFeatures} → ${outFeatures}`;
  return new LoraSwarmError(
    'BASE_UNFIT',
    `${quoted(module.name)} is ${shape(other)} in ${otherLabel} and ${shape(module)} in ${label}. Only adapters of one base can be merged.`,
  );
}
