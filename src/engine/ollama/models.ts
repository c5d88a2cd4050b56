import type { BaseModel } from '../adapter/baseModel';
import { lineageOf } from '../adapter/lineage';
import { LoraSwarmError, hasCode } from '../errors';
import type { LocalModel } from '../wishes';
import type { Shown, ShownLayers, Tag } from './answers';
import type { OllamaClient } from './client';
import type { MadeModels } from './install/madeModels';
import { isSameModel, parseModelName } from './modelName';
import { isStagedName } from './install/staging';

/** An adapter inside a model of the local Ollama. */
export interface OllamaAdapter {
  readonly model: string;
  /** Which of the adapters of its model, from 1. */
  readonly number: number;
  /** `sha256:<hex>` of the adapter's GGUF: two people with the same file have the same digest. */
  readonly digest: string;
  /** Name of the local model under it, when it is still here. */
  readonly base?: string;
  /** `sha256:<hex>` of the base's weights. */
  readonly baseDigest?: string;
  /** Its model was made by us. */
  readonly isOurs: boolean;
}

/** Questions to Ollama at a time. It reads a file for each; more only wait for one another. */
const LANES = 6;

interface Known {
  readonly shown: Shown;
  base?: BaseModel | undefined;
}

/** What `show` said, by the digest of the manifest: a manifest with the same digest has the same content. */
const known = new WeakMap<OllamaClient, Map<string, Known>>();

/** Every model with weights on this machine. What Ollama runs in a cloud is left out, and so is what we are just making. */
export async function listModels(client: OllamaClient, made?: MadeModels, signal?: AbortSignal): Promise<LocalModel[]> {
  const models = await showAll(client, signal);
  return models.map(({ tag, shown }) => {
    const isAdapted = shown.layers.adapters.length > 0;
    return {
      name: tag.name,
      digest: tag.digest,
      bytes: tag.bytes,
      isOurs: isMade(made, tag),
      ...(tag.family === undefined ? {} : { architecture: tag.family }),
      ...(isAdapted
        ? { adapterOf: baseName(tag, shown, models) ?? shown.layers.weights?.digest.slice(0, 19) ?? '' }
        : {}),
    };
  });
}

/** Every adapter inside the models of this Ollama, ours and others. */
export async function listAdapters(
  client: OllamaClient,
  made?: MadeModels,
  signal?: AbortSignal,
): Promise<OllamaAdapter[]> {
  const models = await showAll(client, signal);
  return models.flatMap(({ tag, shown }) => {
    const base = baseName(tag, shown, models);
    const baseDigest = shown.layers.weights?.digest;
    return shown.layers.adapters.map((digest, index) => ({
      model: tag.name,
      number: index + 1,
      digest,
      isOurs: isMade(made, tag),
      ...(base === undefined ? {} : { base }),
      ...(baseDigest === undefined ? {} : { baseDigest }),
    }));
  });
}

/**
 * A model as an adapter needs to know it, with its tensors.
 *
 * @throws {LoraSwarmError} `OLLAMA_MODEL_UNKNOWN` when it is not here or runs elsewhere, `BASE_UNKNOWN` when Ollama does not
 * tell its shape (it has no GGUF).
 */
export async function readBase(client: OllamaClient, name: string, signal?: AbortSignal): Promise<BaseModel> {
  const tag = (await client.tags(signal)).find((entry) => isSameModel(entry.name, name));
  if (!tag || tag.isRemote)
    throw new LoraSwarmError('OLLAMA_MODEL_UNKNOWN', `Ollama has no model ${name} on this machine. Pull it first.`);
  return { ...(await describe(client, tag, signal)), name: tag.name };
}

/**
 * Every model that can carry an adapter and carries none yet. One that cannot be read is left out, and so is what we made: a merged
 * model knows itself by the name of its base, and another adapter on top of it is meant only by who says so.
 */
export async function readBases(client: OllamaClient, signal?: AbortSignal, made?: MadeModels): Promise<BaseModel[]> {
  const models = await showAll(client, signal);
  const plain = models.filter(({ tag, shown }) => shown.layers.adapters.length === 0 && !isMade(made, tag));
  return mapTags(
    plain,
    ({ tag }) => tag,
    async ({ tag }) => {
      try {
        return { ...(await describe(client, tag, signal)), name: tag.name };
      } catch (error) {
        if (!hasCode(error, 'BASE_UNKNOWN', 'OLLAMA_MODEL_UNKNOWN', 'OLLAMA_REFUSED', 'OLLAMA_FAILED')) throw error;
        return undefined;
      }
    },
  );
}

/** Digest of a model's weights and where the server keeps them. Asked for once, as everything that `show` says. */
export async function shownWeights(
  client: OllamaClient,
  tag: Tag,
  signal?: AbortSignal,
): Promise<ShownLayers['weights']> {
  return (await look(client, tag, signal)).shown.layers.weights;
}

interface ShownModel {
  readonly tag: Tag;
  readonly shown: Shown;
}

async function showAll(client: OllamaClient, signal: AbortSignal | undefined): Promise<ShownModel[]> {
  const tags = (await client.tags(signal)).filter(({ isRemote, name }) => !isRemote && !isStagedName(name));
  forgetOthers(client, tags);
  return mapTags(
    tags,
    (tag) => tag,
    async (tag) => {
      try {
        const { shown } = await look(client, tag, signal);
        return shown.isRemote ? undefined : { tag, shown };
      } catch (error) {
        // Deleted since we asked for the list, or damaged: the others are still worth showing.
        if (!hasCode(error, 'OLLAMA_MODEL_UNKNOWN', 'OLLAMA_REFUSED', 'OLLAMA_FAILED')) throw error;
        return undefined;
      }
    },
  );
}

/** In the order of the items, several at a time; what gives nothing is left out. */
async function mapTags<T, R>(
  items: readonly T[],
  tagOf: (item: T) => Tag,
  map: (item: T) => Promise<R | undefined>,
): Promise<R[]> {
  const results = new Map<T, R>();
  // Names of one manifest wait for one another: the first asks, the others find the answer.
  const groups = Map.groupBy(items, (item) => tagOf(item).digest).values();
  const lanes = Array.from({ length: LANES }, async () => {
    for (const group of groups) {
      for (const item of group) {
        const result = await map(item);
        if (result !== undefined) results.set(item, result);
      }
    }
  });
  await Promise.all(lanes);
  return items.flatMap((item) => results.get(item) ?? []);
}

async function look(client: OllamaClient, tag: Tag, signal: AbortSignal | undefined): Promise<Known> {
  const cache = cacheOf(client);
  const hit = cache.get(tag.digest);
  if (hit) return hit;
  const entry: Known = { shown: await client.show(tag.name, {}, signal) };
  cache.set(tag.digest, entry);
  return entry;
}

async function describe(client: OllamaClient, tag: Tag, signal: AbortSignal | undefined): Promise<BaseModel> {
  const entry = await look(client, tag, signal);
  if (entry.base) return entry.base;
  // Since 0.34.1 the tensors come with `verbose` only, and the whole vocabulary with them: so only when they are missing.
  const tensors =
    entry.shown.tensors ??
    sameWeights(client, entry.shown)?.tensors ??
    (await client.show(tag.name, { verbose: true }, signal)).tensors;
  entry.base = toBase(tag.name, entry.shown, tensors ?? new Map());
  return entry.base;
}

/** Many models are one blob under another template: its tensors are known then. */
function sameWeights(client: OllamaClient, { layers: { weights } }: Shown): BaseModel | undefined {
  if (!weights) return undefined;
  for (const { base } of cacheOf(client).values())
    if (base?.digest === weights.digest && base.tensors.size > 0) return base;
  return undefined;
}

function toBase(name: string, { modelInfo, layers, isRemote }: Shown, tensors: BaseModel['tensors']): BaseModel {
  const architecture = modelInfo['general.architecture'];
  const number = (key: string): number | undefined => {
    const value = modelInfo[`${String(architecture)}.${key}`];
    return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined;
  };
  const blockCount = number('block_count');
  const embeddingLength = number('embedding_length');
  const headCount = number('attention.head_count');
  if (typeof architecture !== 'string' || isRemote || !blockCount || !embeddingLength || !headCount)
    throw new LoraSwarmError(
      'BASE_UNKNOWN',
      `Ollama does not tell the shape of ${name}, so no adapter can be checked against it.`,
    );

  const vocabSize = number('vocab_size') ?? tensors.get('token_embd.weight')?.[1];
  return {
    name,
    lineage: lineageOf((key) => modelInfo[key]),
    architecture,
    blockCount,
    embeddingLength,
    headCount,
    headCountKv: number('attention.head_count_kv') ?? headCount,
    headDim: number('attention.key_length') ?? Math.floor(embeddingLength / headCount),
    tensors,
    ...(layers.weights ? { digest: layers.weights.digest } : {}),
    ...(vocabSize === undefined ? {} : { vocabSize }),
  };
}

/** The model that an adapted one was made from: by its word if that names a model here, else by the same weights. */
function baseName(tag: Tag, shown: Shown, models: readonly ShownModel[]): string | undefined {
  const plain = models.filter((model) => model.tag.name !== tag.name && model.shown.layers.adapters.length === 0);
  const weights = shown.layers.weights?.digest;
  const parent = tag.parent ?? shown.parent;
  const said =
    parent !== undefined && parseModelName(parent) ? plain.find((m) => isSameModel(m.tag.name, parent)) : undefined;
  if (said?.shown.layers.weights?.digest === weights) return said?.tag.name;
  return plain.find((model) => weights !== undefined && model.shown.layers.weights?.digest === weights)?.tag.name;
}

function isMade(made: MadeModels | undefined, tag: Tag): boolean {
  return made?.list().some(({ model, digest }) => digest === tag.digest && isSameModel(model, tag.name)) ?? false;
}

function cacheOf(client: OllamaClient): Map<string, Known> {
  const cache = known.get(client) ?? new Map<string, Known>();
  known.set(client, cache);
  return cache;
}

function forgetOthers(client: OllamaClient, tags: readonly Tag[]): void {
  const digests = new Set(tags.map(({ digest }) => digest));
  for (const digest of cacheOf(client).keys()) if (!digests.has(digest)) cacheOf(client).delete(digest);
}
