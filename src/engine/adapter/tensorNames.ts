// How trainers name the tensors of an adapter, and what llama.cpp calls the weights they change.

import type { Architecture } from './architectures/architecture';
import { ARCHITECTURES, architectureNamed } from './architectures';

/** What a tensor beside the pairs is to its module. */
export type ExtraRole =
  /** DoRA: the length of each row of the changed weight. */
  | 'magnitude'
  /** The trained bias of the base's module, in place of its own. */
  | 'bias'
  /** Bias behind A or B (lora_bias): not scaled in A, scaled as B is in B. */
  | 'a-bias'
  | 'b-bias'
  /** The whole weight of a module, in place of the base's. */
  | 'saved-module'
  /** Rows of an embedding, in place of the base's; the config says which. */
  | 'token-rows'
  /** A copy of the frozen weight that PEFT stores beside an embedding adapter. */
  | 'base-copy';

/** What one tensor of an adapter is to its module. */
export type TensorRole = 'a' | 'b' | 'embedding-a' | 'embedding-b' | ExtraRole | 'other';

/** The halves of a pair. */
export const PAIR_ROLES: ReadonlySet<TensorRole> = new Set(['a', 'b', 'embedding-a', 'embedding-b']);

const EXTRAS: ReadonlySet<TensorRole> = new Set<ExtraRole>([
  'magnitude',
  'bias',
  'a-bias',
  'b-bias',
  'saved-module',
  'token-rows',
  'base-copy',
]);

export function isExtra(role: TensorRole): role is ExtraRole {
  return EXTRAS.has(role);
}

export interface TensorPlace {
  /** Module path in the base model: `model.layers.0.self_attn.q_proj`. */
  readonly module: string;
  readonly role: TensorRole;
  /** Name of the adapter, which PEFT leaves in the tensor's name when others save its state: `default`. */
  readonly adapter?: string;
}

/** Wrappers that leave their names in the path and change nothing: torch.compile, FSDP, activation checkpoints. */
const WRAPPERS = new Set(['_orig_mod', '_fsdp_wrapped_module', '_checkpoint_wrapped_module']);

/** Ends of PEFT names. The adapter's own name (`default`) may stand before `weight`, or at the end. */
const PEFT_ENDS: readonly (readonly [RegExp, TensorRole])[] = [
  [/\.lora_A(\.[^.]+)?\.weight$/, 'a'],
  [/\.lora_B(\.[^.]+)?\.weight$/, 'b'],
  [/\.lora_embedding_A(\.[^.]+)?$/, 'embedding-a'],
  [/\.lora_embedding_B(\.[^.]+)?$/, 'embedding-b'],
  [/\.lora_A(\.[^.]+)?\.bias$/, 'a-bias'],
  [/\.lora_B(\.[^.]+)?\.bias$/, 'b-bias'],
  [/\.lora_magnitude_vector(\.[^.]+)?(\.weight)?$/, 'magnitude'],
  [/\.token_adapter\.trainable_tokens_delta(\.[^.]+)?$/, 'token-rows'],
  [/\.modules_to_save(\.[^.]+)?\.weight$/, 'saved-module'],
  [/\.modules_to_save(\.[^.]+)?\.bias$/, 'bias'],
  [/\.base_layer\.weight$/, 'base-copy'],
  [/(\.base_layer)?\.bias$/, 'bias'],
  [/\.weight$/, 'saved-module'],
];

const MLX_ENDS: readonly (readonly [RegExp, TensorRole])[] = [
  [/\.lora_a$/, 'a'],
  [/\.lora_b$/, 'b'],
  [/\.m$/, 'magnitude'],
  [/\.bias$/, 'bias'],
  [/\.weight$/, 'saved-module'],
];

/** PEFT's own wrapper, and those around it: DataParallel and DeepSpeed, Lightning. */
const PEFT_PREFIX = /^(?:(?:(?:_forward_module|module|model)\.)*base_model\.model\.)+/;

/** Places a tensor of a PEFT adapter. */
export function peftPlace(tensor: string): TensorPlace {
  const path = tensor
    .split('.')
    .filter((part) => !WRAPPERS.has(part))
    .join('.');
  return place(path.replace(PEFT_PREFIX, ''), PEFT_ENDS);
}

/** Places a tensor of an MLX-LM adapter. */
export function mlxPlace(tensor: string): TensorPlace {
  return place(tensor, MLX_ENDS);
}

function place(path: string, ends: readonly (readonly [RegExp, TensorRole])[]): TensorPlace {
  for (const [end, role] of ends) {
    const found = end.exec(path);
    if (!found || found.index === 0) continue;
    const adapter = found[1]?.slice(1);
    const isNamed = PAIR_ROLES.has(role) && adapter !== undefined;
    return { module: path.slice(0, found.index), role, ...(isNamed ? { adapter } : {}) };
  }
  return { module: path, role: 'other' };
}

export interface ModulePlace {
  /** Block number, absent outside the blocks. */
  readonly layer?: number;
  /** `self_attn.q_proj` in a block, `lm_head` outside. */
  readonly inner: string;
}

/** Splits a module path of a text model, whatever its wrapper class is called. */
export function modulePlace(module: string): ModulePlace | undefined {
  const inBlock = /^(?:model\.)?(?:language_model\.)?(?:model\.)?layers\.(0|[1-9]\d{0,4})\.(.+)$/.exec(module);
  if (inBlock) return { layer: Number(inBlock[1]), inner: inBlock[2]! };
  const outside = /^(?:model\.)?(?:language_model\.)?(?:model\.)?(embed_tokens|lm_head|norm)$/.exec(module);
  return outside ? { inner: outside[1]! } : undefined;
}

/** The path a module has in the plain text model: `model.layers.0.…`, whatever wraps it. Others stay as they are. */
export function canonicalModule(module: string): string {
  const found = modulePlace(module);
  if (!found) return module;
  if (found.layer !== undefined) return `model.layers.${found.layer}.${found.inner}`;
  return found.inner === 'lm_head' ? 'lm_head' : `model.${found.inner}`;
}

/**
 * The base tensor that a module's pair changes, as llama.cpp names it. Undefined when the module is not understood.
 *
 * Without an architecture, or with one that is not known: what the known ones have under that name.
 */
export function baseTensorName(module: string, architecture?: string): string | undefined {
  return tensorIn(module, tablesOf(architecture), 'weight');
}

/** What a trained bias or a replaced weight of a module is in the base, norms included. */
export function baseParameter(
  module: string,
  part: 'weight' | 'bias',
  architecture: Architecture,
): { readonly tensor: string; readonly isNorm: boolean } | undefined {
  const { block, outer, blockNorms, outerNorms } = architecture;
  const tensor = tensorIn(module, [{ block, outer }], part);
  if (tensor !== undefined) return { tensor, isNorm: false };
  const norm = tensorIn(module, [{ block: blockNorms, outer: outerNorms }], part);
  return norm === undefined ? undefined : { tensor: norm, isNorm: true };
}

type Tables = Pick<Architecture, 'block' | 'outer'>;

function tablesOf(architecture: string | undefined): readonly Tables[] {
  const known = architecture === undefined ? undefined : architectureNamed(architecture);
  return known ? [known] : ARCHITECTURES;
}

function tensorIn(module: string, tables: readonly Tables[], part: 'weight' | 'bias'): string | undefined {
  const place = modulePlace(module);
  if (!place) return undefined;
  const { layer, inner } = place;
  for (const { block, outer } of tables) {
    const table = layer === undefined ? outer : block;
    if (!Object.hasOwn(table, inner)) continue;
    return layer === undefined ? `${table[inner]}.${part}` : `blk.${layer}.${table[inner]}.${part}`;
  }
  return undefined;
}

/** Splits a base tensor's name: `blk.3.attn_q.weight` is `attn_q` of block 3. */
export function ggufPlace(tensor: string): { readonly layer?: number; readonly target: string } {
  const inBlock = /^blk\.(0|[1-9]\d{0,4})\.(.+?)(?:\.weight)?$/.exec(tensor);
  if (inBlock) return { layer: Number(inBlock[1]), target: inBlock[2]! };
  return { target: tensor.replace(/\.weight$/, '') };
}

/**
 * The base tensor in one block that a target of a shape names: `q_proj` and `attn_q` are both `blk.N.attn_q.weight`.
 * Undefined for targets that are not understood.
 */
export function targetTensor(target: string, layer: number, architecture: string): string | undefined {
  for (const { block, outer } of tablesOf(architecture)) {
    if (Object.hasOwn(outer, target)) return `${outer[target]}.weight`;
    if (Object.values(outer).includes(target)) return `${target}.weight`;
    const hugging = Object.entries(block).find(([inner]) => inner.split('.').at(-1) === target)?.[1];
    const known = hugging ?? Object.values(block).find((tensor) => tensor === target);
    if (known !== undefined) return `blk.${layer}.${known}.weight`;
  }
  return undefined;
}
