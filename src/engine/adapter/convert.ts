import { LoraSwarmError, type ErrorCode } from '../errors';
import type { AdapterInfo, AdapterModule, AdapterProblem } from './adapterInfo';
import type { BaseModel } from './baseModel';
import { copyGgufAdapter } from './copyGguf';
import { fitProblems } from './fit';
import { openForReading } from './fileBytes';
import { mlxPairs, peftPairs, type LoraPair } from './pairs';
import { quoted } from './problems';
import { replaceFile } from './replaceFile';
import { rowHeads } from './rowOrder';
import { readSafetensorsHeader, type SafetensorsEntry } from './safetensors';
import { TensorStream, type TensorRewrite } from './streamTensor';
import { baseTensorName } from './tensorNames';
import { writeGguf, type FillTensor, type GgufValue } from './writeGguf';

export interface ConvertOptions {
  /** Default `source`, what the file has. With types narrower than `f32` ggml rounds the activations, too. */
  readonly type?: 'source' | 'f32' | 'f16' | 'bf16';
  readonly signal?: AbortSignal;
}

export interface Converted {
  readonly path: string;
  readonly bytes: number;
  readonly tensors: number;
  /** `adapter.lora.alpha` of the file. What it can't say for every pair is multiplied into B. */
  readonly alpha: number;
}

/** Tensors at a time: one is computed while another is read or written. */
const LANES = 2;

/**
 * Writes an adapter as a LoRA GGUF for one base, so that llama.cpp computes what PEFT or MLX would. Streamed: memory
 * does not grow with the adapter. The same files give the same bytes. A LoRA GGUF is checked and copied as it is.
 *
 * @throws {LoraSwarmError} `CONVERT_UNSUPPORTED` when the result would not be exact, `BASE_UNFIT`,
 * `ADAPTER_CONTRADICTION`, `ADAPTER_CONFIG_MISSING` when the scale is unknown, `SOURCE_CHANGED`.
 */
export async function convertAdapter(
  info: AdapterInfo,
  base: BaseModel,
  out: string,
  options: ConvertOptions = {},
): Promise<Converted> {
  const { type = 'source', signal } = options;
  signal?.throwIfAborted();
  requireConvertible(info, base);
  if (info.format === 'gguf') return copyGgufAdapter(info, base, out, signal);

  const pairs = await currentPairs(info, base);
  const { alpha, factorOf } = foldScales(pairs.map(({ pair, module }) => product(pair, module)));
  const tensors = pairs.flatMap(({ pair, tensor }, index) => halves(pair, tensor, base, info, type, factorOf(index)));
  const values = new Map<string, GgufValue>([
    ['general.architecture', { type: 'string', value: base.architecture }],
    ['general.type', { type: 'string', value: 'adapter' }],
    ['adapter.type', { type: 'string', value: 'lora' }],
    ['adapter.lora.alpha', { type: 'float32', value: alpha }],
  ]);

  const { handle: source } = await openForReading(info.weightsPath);
  const fills = Array.from({ length: LANES }, (): FillTensor<Half> => {
    const stream = new TensorStream(source, signal);
    return (half, write) => stream.rewrite(half, write);
  });
  try {
    const bytes = await replaceFile(out, (handle) => writeGguf(handle, values, tensors, ...fills));
    return { path: out, bytes, tensors: tensors.length, alpha };
  } finally {
    await source.close();
  }
}

/** Throws what keeps an adapter from an exact conversion for this base. Also for asking before an install. */
export function requireConvertible(info: AdapterInfo, base: BaseModel): void {
  const blocking = info.problems.find(({ blocks }) => blocks !== undefined);
  if (blocking) throw refused('CONVERT_UNSUPPORTED', blocking);
  const contradiction = info.problems.find(({ severity }) => severity === 'refuse');
  if (contradiction) {
    throw refused(
      CONTRADICTIONS.has(contradiction.code) ? 'ADAPTER_CONTRADICTION' : 'CONVERT_UNSUPPORTED',
      contradiction,
    );
  }
  const [misfit] = fitProblems(info, base);
  if (misfit) throw refused(UNSUPPORTED.has(misfit.code) ? 'CONVERT_UNSUPPORTED' : 'BASE_UNFIT', misfit);
  if (info.modules.some(({ scale }) => scale === undefined)) {
    throw new LoraSwarmError(
      'ADAPTER_CONFIG_MISSING',
      'The scale of this adapter is unknown. Put its adapter_config.json, with lora_alpha, beside the weights.',
    );
  }
}

const CONTRADICTIONS = new Set(['rank-contradiction', 'pair-incomplete', 'pair-shape', 'tensor-twice']);
const UNSUPPORTED = new Set([
  'tied-embedding',
  'tied-head',
  'module-unknown',
  'architecture-unknown',
  'vocabulary-changed',
]);

function refused(code: ErrorCode, { message }: AdapterProblem): LoraSwarmError {
  return new LoraSwarmError(code, message);
}

interface Placed {
  readonly pair: LoraPair<SafetensorsEntry>;
  readonly module: AdapterModule;
  /** Base tensor that the pair changes. */
  readonly tensor: string;
}

/** The pairs as the file has them now. What was inspected decides; a file that says something else was changed. */
async function currentPairs(info: AdapterInfo, base: BaseModel): Promise<readonly Placed[]> {
  const header = await readSafetensorsHeader(info.weightsPath);
  const { pairs } = info.format === 'mlx' ? mlxPairs(header) : peftPairs(header);
  const modules = new Map(info.modules.map((module) => [module.name, module]));
  return pairs.map((pair) => {
    const module = modules.get(pair.name);
    const tensor = baseTensorName(pair.name, base.architecture);
    const isSame = module?.rank === pair.rank && module.inFeatures === pair.inFeatures;
    if (!module || !tensor || !isSame || module.outFeatures !== pair.outFeatures || pairs.length !== info.pairs) {
      throw new LoraSwarmError('SOURCE_CHANGED', `${info.weightsPath} changed while it was converted. Try again.`);
    }
    return { pair, module, tensor };
  });
}

/** llama.cpp multiplies by alpha / rank: this is the alpha that one pair alone would need. */
function product({ rank }: LoraPair<unknown>, { scale }: AdapterModule): number {
  return scale! * rank;
}

/**
 * A file has one alpha. The one that most pairs need leaves most of B as it was trained; the others get the rest in B.
 * Alpha 0 would mean scale 1 to llama.cpp, so no effect is written as B = 0.
 */
function foldScales(products: readonly number[]): {
  readonly alpha: number;
  readonly factorOf: (pair: number) => number;
} {
  const uses = new Map<number, number>();
  for (const value of products) if (isAlpha(value)) uses.set(value, (uses.get(value) ?? 0) + 1);
  const [[alpha] = [1]] = [...uses].sort(([, a], [, b]) => b - a);
  return { alpha, factorOf: (pair) => (products[pair] === alpha ? 1 : products[pair]! / alpha) };
}

/** What a 32-bit float holds exactly enough. Infinite, it would ruin every answer; rounded to 0, llama.cpp would take 1 for it. */
function isAlpha(value: number): boolean {
  return Math.abs(value) > 1e-30 && Math.abs(value) < 1e30;
}

interface Half extends TensorRewrite {
  readonly name: string;
  readonly dims: readonly number[];
}

function halves(
  pair: LoraPair<SafetensorsEntry>,
  tensor: string,
  base: BaseModel,
  { format }: AdapterInfo,
  type: NonNullable<ConvertOptions['type']>,
  factor: number,
): readonly Half[] {
  const { rank, inFeatures, outFeatures, isEmbedding, a, b } = pair;
  const isMlx = format === 'mlx';
  const heads = rowHeads(base, tensor);
  if (heads && heads.count * heads.dim !== outFeatures) {
    throw new LoraSwarmError(
      'BASE_UNFIT',
      `${quoted(pair.name)} does not divide into the heads of ${quoted(base.name)}.`,
    );
  }
  return [
    {
      name: `${tensor}.lora_a`,
      dims: isEmbedding ? [rank, inFeatures] : [inFeatures, rank],
      type: typeOf(type, a),
      entry: a,
      isTransposed: isMlx !== isEmbedding, // llama.cpp looks rows of an embedding's A up, so it keeps it as [in, rank].
      factor: 1,
    },
    {
      name: `${tensor}.lora_b`,
      dims: [rank, outFeatures],
      type: typeOf(type, b),
      entry: b,
      isTransposed: isMlx,
      factor,
      ...(heads ? { heads } : {}),
    },
  ];
}

function typeOf(type: NonNullable<ConvertOptions['type']>, { dtype }: SafetensorsEntry): Half['type'] {
  return (type === 'source' ? dtype : type.toUpperCase()) as Half['type']; // Pairs are only ever F32, F16 or BF16.
}
