import type { GgufHeader, GgufTensor } from './gguf';
import type { AdapterProblem } from './adapterInfo';
import { foreignKind } from './foreignTensors';
import { mergeOnly, notLora, quoted, refusal, warning } from './problems';
import type { SafetensorsEntry, SafetensorsHeader } from './safetensors';
import {
  baseTensorName,
  canonicalModule,
  isExtra,
  mlxPlace,
  PAIR_ROLES,
  peftPlace,
  type ExtraRole,
  type TensorPlace,
  type TensorRole,
} from './tensorNames';

/** One `B·A` and where its two tensors are. */
export interface LoraPair<Tensor> {
  /** Path in the plain text model, or the base tensor of a GGUF. Unique. */
  readonly name: string;
  /** Path in the model that was trained, which is what patterns of a config are about. */
  readonly module: string;
  readonly rank: number;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly isEmbedding: boolean;
  readonly a: Tensor;
  readonly b: Tensor;
}

/** A tensor beside the pairs. Only a model that the adapter is merged into can hold what it does. */
export interface ExtraTensor {
  /** Path in the plain text model, as of a pair. */
  readonly name: string;
  /** Path in the model that was trained. */
  readonly module: string;
  readonly role: ExtraRole;
  readonly entry: SafetensorsEntry;
}

export interface PairedTensors<Tensor> {
  readonly pairs: readonly LoraPair<Tensor>[];
  /** In the order of the file, each role of a module once. */
  readonly extras: readonly ExtraTensor[];
  readonly problems: readonly AdapterProblem[];
}

/** Finds the pairs of a PEFT adapter: A is [rank, in], B is [out, rank]; embeddings are stored as A and B of Wᵀ. */
export function peftPairs(header: SafetensorsHeader): PairedTensors<SafetensorsEntry> {
  return pairUp(header, peftPlace, ([a0, a1], [b0, b1]) => {
    return a0 === b1 ? { rank: a0, inFeatures: a1, outFeatures: b0 } : undefined;
  });
}

/** Finds the pairs of an MLX-LM adapter: both tensors are the transposes of PEFT's, [in, rank] and [rank, out]. */
export function mlxPairs(header: SafetensorsHeader): PairedTensors<SafetensorsEntry> {
  return pairUp(header, mlxPlace, ([a0, a1], [b0, b1]) => {
    return a1 === b0 ? { rank: a1, inFeatures: a0, outFeatures: b1 } : undefined;
  });
}

interface Dims {
  readonly rank: number;
  readonly inFeatures: number;
  readonly outFeatures: number;
}
type TwoDims = readonly [number, number];

function pairUp(
  header: SafetensorsHeader,
  placeOf: (tensor: string) => TensorPlace,
  dimsOf: (a: TwoDims, b: TwoDims) => Dims | undefined,
): PairedTensors<SafetensorsEntry> {
  const problems: AdapterProblem[] = [];
  const modules = new Map<string, { readonly module: string; readonly roles: Map<TensorRole, SafetensorsEntry> }>();
  const extras = new Map<string, ExtraTensor>();
  const rest = new Map<TensorRole, string>();
  const adapters = new Set<string>();
  for (const entry of header.tensors.values()) {
    const { module, role, adapter } = placeOf(entry.name);
    if (adapter !== undefined) adapters.add(adapter);
    if (PAIR_ROLES.has(role)) {
      const name = canonicalModule(module);
      const found = modules.get(name) ?? { module, roles: new Map<TensorRole, SafetensorsEntry>() };
      if (found.roles.has(role))
        problems.push(refusal('tensor-twice', `Two tensors claim to be one half of ${quoted(name)}.`));
      found.roles.set(role, entry);
      modules.set(name, found);
    } else {
      if (!rest.has(role)) rest.set(role, entry.name);
      if (role === 'base-copy' && !isEmbeddingOrHead(module)) rest.set('other', entry.name);
      if (isExtra(role)) {
        const name = canonicalModule(module);
        const key = `${name} ${role}`;
        if (extras.has(key))
          problems.push(refusal('tensor-twice', `Two tensors claim to be the ${role} of ${quoted(name)}.`));
        extras.set(key, { name, module, role, entry });
      }
    }
  }

  const foreign = [...header.tensors.keys()].map(foreignKind).find((kind) => kind !== undefined);
  if (foreign !== undefined) problems.unshift(notLora(foreign));
  if (adapters.size > 1) problems.unshift(severalAdapters([...adapters]));

  const pairs: LoraPair<SafetensorsEntry>[] = [];
  for (const [name, { module, roles }] of modules) {
    const isEmbedding = roles.has('embedding-a') || roles.has('embedding-b') || isEmbeddingModule(module);
    const a = roles.get('a') ?? roles.get('embedding-a');
    const b = roles.get('b') ?? roles.get('embedding-b');
    if (!a || !b || roles.size !== 2) {
      problems.push(
        refusal('pair-incomplete', `${quoted(module)} has only one half of its pair. Save the adapter again.`),
      );
      continue;
    }
    if (isEmbedding && baseTensorName(module) !== undefined && !isEmbeddingModule(module)) {
      problems.push(
        refusal('pair-kind', `${quoted(module)} has the pair of an embedding, and is none. Save the adapter again.`),
      );
      continue;
    }
    const dims =
      isPair(a) && isPair(b) ? dimsOf(a.shape as unknown as TwoDims, b.shape as unknown as TwoDims) : undefined;
    if (dims && dims.rank > MAX_RANK) problems.push(hugeRank(module, dims.rank));
    else if (dims && HALF_TYPES.has(a.dtype) && HALF_TYPES.has(b.dtype))
      pairs.push({ name, module, isEmbedding, a, b, ...dims });
    else problems.push(dims ? badType(module) : badShape(module));
  }
  return { pairs, extras: [...extras.values()], problems: [...problems, ...restProblems(rest)] };
}

/** Far over what anybody trains or concatenates, and a row of B is still read in one go. */
const MAX_RANK = 65_536;
const HALF_TYPES: ReadonlySet<string> = new Set(['F32', 'F16', 'BF16']);

function isPair({ shape }: SafetensorsEntry): boolean {
  return shape.length === 2 && shape.every((dimension) => dimension > 0);
}

function isEmbeddingModule(module: string): boolean {
  return baseTensorName(module) === 'token_embd.weight';
}

function isEmbeddingOrHead(module: string): boolean {
  return isEmbeddingModule(module) || baseTensorName(module) === 'output.weight';
}

function severalAdapters(names: readonly string[]): AdapterProblem {
  const message = `The file holds several adapters (${quoted(names.join(', '))}). Save the one that you mean alone.`;
  return refusal('several-adapters', message);
}

function badShape(module: string): AdapterProblem {
  return refusal('pair-shape', `The two halves of ${quoted(module)} do not fit each other. Save the adapter again.`);
}

function hugeRank(module: string, rank: number): AdapterProblem {
  return refusal('rank-huge', `${quoted(module)} has rank ${rank}, which no adapter needs. Save the adapter again.`);
}

function badType(module: string): AdapterProblem {
  return refusal(
    'tensor-type',
    `${quoted(module)} is stored as something other than F32, F16 or BF16. Save it as one of these.`,
  );
}

/** What tensors beside the pairs mean for the adapter. */
function restProblems(rest: ReadonlyMap<TensorRole, string>): readonly AdapterProblem[] {
  const problems: AdapterProblem[] = [];
  for (const [role, name] of rest) {
    switch (role) {
      case 'magnitude':
        problems.push(mergeOnly('dora', 'It is a DoRA adapter: its magnitudes only work merged into the base.'));
        break;
      case 'a-bias':
      case 'b-bias':
        problems.push(
          mergeOnly('lora-bias', 'It trained a bias beside B (lora_bias). Only a merged model can hold that.'),
        );
        break;
      case 'bias':
        problems.push(
          mergeOnly('bias-trained', 'It holds trained biases of the base. Only a merged model can hold those.'),
        );
        break;
      case 'saved-module':
        problems.push(
          mergeOnly('saved-tensor', `It replaces ${quoted(name)} of the base. Only a merged model can do that.`),
        );
        break;
      case 'token-rows':
        problems.push(
          mergeOnly(
            'trainable-tokens',
            'It replaces rows of the embedding (trainable tokens). Only a merged model can hold that.',
          ),
        );
        break;
      case 'base-copy':
        problems.push(warning('base-copy', 'It also holds copies of base weights, which are not used.'));
        break;
      default:
        problems.push(refusal('tensor-unknown', `It holds a tensor that is not understood: ${quoted(name)}.`));
    }
  }
  return problems;
}

/** Finds the pairs of a LoRA GGUF. Dimensions are in GGUF order: A is [in, rank], B is [rank, out]. */
export function ggufPairs(header: GgufHeader): PairedTensors<GgufTensor> {
  const problems: AdapterProblem[] = [];
  const modules = new Map<string, { a?: GgufTensor; b?: GgufTensor }>();
  for (const tensor of header.tensors.values()) {
    const [, module, half] = /^(.+)\.lora_([ab])$/.exec(tensor.name) ?? [];
    if (module === undefined) {
      problems.push(refusal('tensor-unknown', `It holds a tensor that is not understood: ${quoted(tensor.name)}.`));
      continue;
    }
    const found = modules.get(module) ?? {};
    modules.set(module, half === 'a' ? { ...found, a: tensor } : { ...found, b: tensor });
  }

  const pairs: LoraPair<GgufTensor>[] = [];
  for (const [module, { a, b }] of modules) {
    const isEmbedding = module === 'token_embd.weight';
    if (!a || !b) {
      problems.push(
        refusal('pair-incomplete', `${quoted(module)} has only one half of its pair. Convert the adapter again.`),
      );
    } else if (module.includes('_norm')) {
      problems.push(
        refusal('norm-pair', `${quoted(module)} is a norm: a pair on it has no effect. Convert the adapter again.`),
      );
    } else if (!canMultiply(a) || !canMultiply(b)) {
      problems.push(
        refusal('tensor-type', `${quoted(module)} has a type that would crash llama.cpp. Convert it to F32.`),
      );
    } else {
      const dims = a.dims.length === 2 && b.dims.length === 2 ? ggufDims(a.dims, b.dims, isEmbedding) : undefined;
      if (dims && dims.rank > MAX_RANK) problems.push(hugeRank(module, dims.rank));
      else if (dims) pairs.push({ name: module, module, isEmbedding, a, b, ...dims });
      else problems.push(badShape(module));
    }
  }
  return { pairs, extras: [], problems };
}

function canMultiply({ type }: GgufTensor): boolean {
  return HALF_TYPES.has(type.name) || type.scales !== undefined;
}

/** The A of an embedding is looked up by row, so it stands there as [rank, vocabulary]. */
function ggufDims(a: readonly number[], b: readonly number[], isEmbedding: boolean): Dims | undefined {
  const [rank, inFeatures] = isEmbedding ? [a[0]!, a[1]!] : [a[1]!, a[0]!];
  return rank === b[0] ? { rank, inFeatures, outFeatures: b[1]! } : undefined;
}
