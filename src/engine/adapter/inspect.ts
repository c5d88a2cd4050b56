import { stat } from 'node:fs/promises';
import type { AdapterFormat } from '../state';
import type { AdapterInfo, AdapterModule, AdapterProblem } from './adapterInfo';
import { architectureOfClass, architectureOfName } from './architectures';
import { readCard, type CardFacts } from './card';
import { localKeys } from './cleanGguf';
import { parseConfig, readConfigFile } from './config';
import { adapterFiles, type AdapterFiles } from './files';
import { GGUF_FLOAT32, ggufNumber, ggufText, readGgufHeader, type GgufHeader } from './gguf';
import { isMlxConfig, parseMlxConfig } from './mlxConfig';
import { ggufPairs, mlxPairs, peftPairs, type ExtraTensor, type LoraPair, type PairedTensors } from './pairs';
import { isLocalName, packageConfig } from './packageConfig';
import { parsePeftConfig, type PeftConfig } from './peftConfig';
import { installRefusal, quoted, refusal, warning } from './problems';
import { readSafetensorsHeader, type SafetensorsHeader } from './safetensors';
import { ggufPlace, modulePlace } from './tensorNames';

export interface InspectOptions {
  /** Base model as the user names it. Only used where the config does not say. */
  readonly baseModel?: string;
  readonly signal?: AbortSignal;
}

/**
 * Reads what an adapter is from its headers, config and card. Tensors are not loaded, and nothing is made up.
 *
 * `path` is a folder of PEFT or MLX-LM, a weights file, or a LoRA GGUF. What is wrong with a readable adapter is in
 * `problems`; the errors are for files that can't be read at all.
 *
 * @throws {LoraSwarmError} `ADAPTER_NOT_FOUND`, `ADAPTER_UNREADABLE`, `ADAPTER_PICKLE`, `ADAPTER_CONFIG_INVALID`.
 */
export async function inspectAdapter(path: string, options: InspectOptions = {}): Promise<AdapterInfo> {
  const { signal } = options;
  signal?.throwIfAborted();
  const files = await adapterFiles(path);
  signal?.throwIfAborted();
  const card: CardFacts = files.cardPath === undefined ? { tags: [] } : await readCard(files.cardPath);
  const { size } = await stat(files.weightsPath);
  const facts = files.container === 'gguf' ? await fromGguf(files) : await fromSafetensors(files);
  signal?.throwIfAborted();

  const { baseModel } = facts.baseModel === undefined ? publicName(options.baseModel) : facts;
  const architecture = facts.architecture ?? (baseModel === undefined ? undefined : architectureOfName(baseModel));
  const { modules } = facts;
  return {
    format: facts.format,
    weightsPath: files.weightsPath,
    ...(files.configPath === undefined ? {} : { configPath: files.configPath }),
    ...(files.cardPath === undefined ? {} : { cardPath: files.cardPath }),
    ...(baseModel === undefined ? {} : { baseModel }),
    ...(architecture === undefined ? {} : { architecture }),
    ...common('rank', modules),
    ...common('alpha', modules),
    ...common('scale', modules),
    targets: [...new Set(modules.map(({ target }) => target))].sort(),
    modules,
    pairs: modules.length,
    parameters: modules.reduce((sum, { rank, inFeatures, outFeatures }) => sum + rank * (inFeatures + outFeatures), 0),
    bytes: size,
    ...dtypeOf(facts.dtypes),
    ...(card.license === undefined ? {} : { license: card.license }),
    tags: card.tags,
    privateValues: facts.privateValues,
    ...(facts.vocabulary === undefined ? {} : { vocabulary: facts.vocabulary }),
    problems: onePerCode(facts.problems),
  };
}

interface Facts {
  readonly format: AdapterFormat;
  readonly baseModel?: string;
  readonly architecture?: string;
  readonly modules: readonly AdapterModule[];
  readonly dtypes: readonly string[];
  readonly privateValues: readonly string[];
  readonly vocabulary?: number;
  readonly problems: readonly AdapterProblem[];
}

async function fromSafetensors(files: AdapterFiles): Promise<Facts> {
  const header = await readSafetensorsHeader(files.weightsPath);
  if (files.configPath === undefined) return withoutConfig(header);
  const bytes = await readConfigFile(files.configPath);
  const config = parseConfig(bytes);
  const { removed } = packageConfig(bytes);
  if (isMlxConfig(config)) return { ...mlxFacts(header, parseMlxConfig(config)), privateValues: removed };
  return { ...peftFacts(header, parsePeftConfig(config)), privateValues: removed };
}

/** Rank, shapes and targets are in the weights. Base and alpha are not, and stay unknown. */
function withoutConfig(header: SafetensorsHeader): Facts {
  const isMlx = [...header.tensors.keys()].some((name) => name.endsWith('.lora_a'));
  const { pairs, extras, problems } = isMlx ? mlxPairs(header) : peftPairs(header);
  const missing = warning(
    'config-missing',
    'There is no adapter_config.json: base and scale are unknown. Put the config beside the weights to install it.',
  );
  return {
    format: isMlx ? 'mlx' : 'peft',
    modules: pairs.map((pair) => moduleOf(pair)),
    dtypes: pairs.flatMap(({ a, b }) => [a.dtype, b.dtype]),
    privateValues: [],
    problems: [...problems, ...emptiness({ pairs, extras }), missing],
  };
}

function peftFacts(header: SafetensorsHeader, config: PeftConfig): Omit<Facts, 'privateValues'> {
  const found = peftPairs(header);
  const problems = [...config.problems, ...found.problems, ...emptiness(found)];
  if (config.bias !== 'none' && !found.problems.some(({ code }) => code === 'bias-trained')) {
    problems.push(warning('bias-absent', `The config says bias=${quoted(config.bias)}, but the file holds no biases.`));
  }
  const modules = found.pairs.map((pair) => {
    if (isOfExperts(pair.module)) problems.push(experts(pair));
    if (config.isTargeted(pair.module) === false) problems.push(notTargeted(pair));
    const promised = isOfExperts(pair.module) ? undefined : config.rankOf(pair.module); // Times the experts.
    if (promised !== undefined && promised !== pair.rank) problems.push(rankLie(pair, promised));
    const alpha = config.alphaOf(pair.module);
    return moduleOf(pair, alpha, alpha === undefined ? undefined : config.scaleOf(alpha, pair.rank));
  });
  if (modules.some(({ alpha }) => alpha === undefined)) {
    problems.push(warning('alpha-unknown', 'The config does not say lora_alpha: the scale is unknown.'));
  }
  const architecture = config.baseClass === undefined ? undefined : architectureOfClass(config.baseClass);
  return {
    format: 'peft',
    ...publicName(config.baseModel),
    ...(architecture === undefined ? {} : { architecture }),
    modules,
    dtypes: found.pairs.flatMap(({ a, b }) => [a.dtype, b.dtype]),
    ...vocabularyOf(found.extras),
    problems,
  };
}

/** Rows of the embeddings that the adapter brings: PEFT saves them whole when their number was changed. */
function vocabularyOf(extras: readonly ExtraTensor[]): { readonly vocabulary?: number } {
  const isWhole = ({ role }: ExtraTensor): boolean => role === 'base-copy' || role === 'saved-module';
  const found = extras.find((extra) => isWhole(extra) && /(^|\.)(embed_tokens|lm_head)$/.test(extra.name));
  const rows = found?.entry.shape[0];
  return rows === undefined ? {} : { vocabulary: rows };
}

function mlxFacts(header: SafetensorsHeader, config: ReturnType<typeof parseMlxConfig>): Omit<Facts, 'privateValues'> {
  const found = mlxPairs(header);
  const problems = [...config.problems, ...found.problems, ...emptiness(found)];
  const modules = found.pairs.map((pair) => {
    if (config.rank !== undefined && config.rank !== pair.rank) problems.push(rankLie(pair, config.rank));
    return moduleOf(pair, undefined, config.scale);
  });
  if (config.scale === undefined) {
    problems.push(warning('scale-unknown', 'The config does not say lora_parameters.scale: the scale is unknown.'));
  }
  return {
    format: 'mlx',
    ...publicName(config.baseModel),
    modules,
    dtypes: found.pairs.flatMap(({ a, b }) => [a.dtype, b.dtype]),
    problems,
  };
}

async function fromGguf({ weightsPath }: AdapterFiles): Promise<Facts> {
  const header = await readGgufHeader(weightsPath);
  const problems = ggufProblems(header);
  const found = ggufPairs(header);
  const alpha = ggufNumber(header, 'adapter.lora.alpha');
  const architecture = ggufText(header, 'general.architecture');
  const baseModel = ggufText(header, 'general.base_model.0.repo_url') ?? ggufText(header, 'general.base_model.0.name');
  return {
    format: 'gguf',
    ...publicName(baseModel?.replace(/^https:\/\/huggingface\.co\//, '')),
    ...(architecture === undefined ? {} : { architecture }),
    // llama.cpp takes 1 when alpha is 0 or absent.
    modules: found.pairs.map((pair) => moduleOf(pair, alpha, alpha ? alpha / pair.rank : 1)),
    dtypes: found.pairs.flatMap(({ a, b }) => [a.type.name, b.type.name]),
    privateValues: localKeys(header),
    problems: [...problems, ...found.problems, ...emptiness(found)],
  };
}

function ggufProblems(header: GgufHeader): readonly AdapterProblem[] {
  const problems: AdapterProblem[] = [];
  if (ggufText(header, 'general.type') !== 'adapter') {
    problems.push(refusal('not-adapter', 'This GGUF is not an adapter (general.type). Choose the LoRA file.'));
  }
  if (ggufText(header, 'adapter.type') !== 'lora') {
    problems.push(
      refusal('not-lora', 'This GGUF is no LoRA adapter (adapter.type). Only LoRA adapters can be shared.'),
    );
  }
  if (ggufText(header, 'general.architecture') === undefined) {
    problems.push(
      refusal('architecture-missing', 'This GGUF does not say its architecture. Convert the adapter again.'),
    );
  }
  if (header.trailingBytes > 0) {
    problems.push(refusal('trailing-bytes', 'Bytes follow the last tensor. Convert the adapter again.'));
  }
  if (header.values.has('adapter.alora.invocation_tokens')) {
    problems.push(refusal('alora', 'It is an activated LoRA, which Ollama would apply always. Use a plain LoRA.'));
  }
  const alpha = header.values.get('adapter.lora.alpha');
  const isFloat = (header.valueTypes.get('adapter.lora.alpha') ?? GGUF_FLOAT32) === GGUF_FLOAT32;
  if (isFloat && (alpha === undefined || alpha === 0)) {
    problems.push(
      warning('alpha-zero', 'adapter.lora.alpha is 0 or missing: llama.cpp applies the adapter with scale 1.'),
    );
  } else if (!isFloat || !Number.isFinite(alpha)) {
    problems.push(refusal('alpha-invalid', 'adapter.lora.alpha is not a 32-bit number. Convert the adapter again.'));
  }
  return problems;
}

function moduleOf(pair: LoraPair<unknown>, alpha?: number, scale?: number): AdapterModule {
  const { name, rank, inFeatures, outFeatures, isEmbedding } = pair;
  const place = modulePlace(name);
  const gguf = ggufPlace(name);
  const layer = place ? place.layer : gguf.layer;
  const target = place ? place.inner.split('.').at(-1)! : gguf.target.split('.').at(-1)!;
  return {
    name,
    target,
    ...(layer === undefined ? {} : { layer }),
    rank,
    ...(alpha === undefined ? {} : { alpha }),
    ...(scale === undefined ? {} : { scale }),
    inFeatures,
    outFeatures,
    isEmbedding,
  };
}

function emptiness({ pairs, extras }: Pick<PairedTensors<unknown>, 'pairs' | 'extras'>): readonly AdapterProblem[] {
  if (pairs.length > 0) return [];
  if (extras.some(({ role }) => role === 'saved-module')) {
    return [
      refusal('full-fine-tune', 'It holds whole weights and no LoRA pairs: a model, or a part of one, not an adapter.'),
    ];
  }
  return [refusal('no-pairs', 'The file holds no LoRA pairs. Choose the weights of a LoRA adapter.')];
}

function isOfExperts(module: string): boolean {
  return /(^|\.)experts(\.|$)/.test(module);
}

function experts({ module }: LoraPair<unknown>): AdapterProblem {
  return installRefusal('experts', `It changes experts (${quoted(module)}), which llama.cpp keeps in another form.`);
}

function notTargeted({ module }: LoraPair<unknown>): AdapterProblem {
  return installRefusal(
    'pair-not-targeted',
    `It holds a pair for ${quoted(module)}, which its config leaves out, so PEFT would not use it. Correct the config.`,
  );
}

function rankLie({ name, rank }: LoraPair<unknown>, promised: number): AdapterProblem {
  return refusal(
    'rank-contradiction',
    `${quoted(name)} has rank ${rank}, but the config says ${promised}. Put the config of these weights beside them.`,
  );
}

/** A place on the author's machine is no name of a model. */
function publicName(name: string | undefined): { readonly baseModel?: string } {
  return name === undefined || name === '' || isLocalName(name) ? {} : { baseModel: name };
}

function common<K extends 'rank' | 'alpha' | 'scale'>(
  key: K,
  modules: readonly AdapterModule[],
): Partial<Record<K, number>> {
  const value = modules[0]?.[key];
  const isCommon = value !== undefined && modules.every((module) => module[key] === value);
  return isCommon ? ({ [key]: value } as Partial<Record<K, number>>) : {};
}

function dtypeOf(dtypes: readonly string[]): { readonly dtype?: string } {
  const distinct = new Set(dtypes);
  if (distinct.size === 0) return {};
  return { dtype: distinct.size === 1 ? dtypes[0]! : 'mixed' };
}

/** A rank that lies does so in every module: one sentence about it is enough. */
function onePerCode(problems: readonly AdapterProblem[]): readonly AdapterProblem[] {
  const seen = new Map<string, AdapterProblem>();
  for (const problem of problems) if (!seen.has(problem.code)) seen.set(problem.code, problem);
  return [...seen.values()];
}
