// How trainers name the tensors of an adapter, and what llama.cpp calls the weights they change.

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

/** Places a tensor of a PEFT adapter. */
export function peftPlace(tensor: string): TensorPlace {
  const path = tensor
    .split('.')
    .filter((part) => !WRAPPERS.has(part))
    .join('.');
  return place(path.replace(/^(module\.)?base_model\.model\./, ''), PEFT_ENDS);
}

/** Places a tensor of an MLX-LM adapter. */
export function mlxPlace(tensor: string): TensorPlace {
  return place(tensor, MLX_ENDS);
}

function place(path: string, ends: readonly (readonly [RegExp, TensorRole])[]): TensorPlace {
  for (const [end, role] of ends) {
    const found = end.exec(path);
    if (found && found.index > 0) return { module: path.slice(0, found.index), role };
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
  const outside = /^(?:model\.)?(?:language_model\.)?(?:model\.)?(embed_tokens|lm_head)$/.exec(module);
  return outside ? { inner: outside[1]! } : undefined;
}

/** The path a module has in the plain text model: `model.layers.0.…`, whatever wraps it. Others stay as they are. */
export function canonicalModule(module: string): string {
  const found = modulePlace(module);
  if (!found) return module;
  if (found.layer !== undefined) return `model.layers.${found.layer}.${found.inner}`;
  return found.inner === 'lm_head' ? 'lm_head' : `model.${found.inner}`;
}

/** Weights of a llama-shaped block that a LoRA can change, by what Hugging Face and llama.cpp call them. */
const BLOCK_TENSORS: Readonly<Record<string, string>> = {
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'self_attn.qkv_proj': 'attn_qkv',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
  'mlp.gate_up_proj': 'ffn_up',
};

const OUTER_TENSORS: Readonly<Record<string, string>> = { embed_tokens: 'token_embd', lm_head: 'output' };

/** The base tensor that a module's pair changes, as llama.cpp names it. Undefined when the module is not understood. */
export function baseTensorName(module: string): string | undefined {
  const found = modulePlace(module);
  if (!found) return undefined;
  const table = found.layer === undefined ? OUTER_TENSORS : BLOCK_TENSORS;
  const tensor = Object.hasOwn(table, found.inner) ? table[found.inner] : undefined;
  return tensor && (found.layer === undefined ? `${tensor}.weight` : `blk.${found.layer}.${tensor}.weight`);
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
export function targetTensor(target: string, layer: number): string | undefined {
  if (Object.hasOwn(OUTER_TENSORS, target)) return `${OUTER_TENSORS[target]}.weight`;
  if (Object.values(OUTER_TENSORS).includes(target)) return `${target}.weight`;
  const hugging = Object.entries(BLOCK_TENSORS).find(([inner]) => inner.split('.')[1] === target)?.[1];
  const known = hugging ?? Object.values(BLOCK_TENSORS).find((tensor) => tensor === target);
  return known && `blk.${layer}.${known}.weight`;
}
