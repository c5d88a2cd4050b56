import path from 'node:path';
import { isCloudName } from './modelName';

/** More models than anybody has; a longer list is cut. */
const MAX_MODELS = 10_000;
const MAX_NAME = 400;

/** One line of `/api/tags`. */
export interface Tag {
  /** Full name, always with a tag: `llama3.2:latest`. */
  readonly name: string;
  /** SHA-256 of the manifest file, hex. */
  readonly digest: string;
  readonly bytes: number;
  /** Milliseconds since 1970, 0 when the server does not say. */
  readonly modifiedAt: number;
  readonly family: string | undefined;
  /** What the model says it was made from. May be the name of a local file. */
  readonly parent: string | undefined;
  /** Runs in the cloud or on another server: there are no weights here. */
  readonly isRemote: boolean;
}

/** What `/api/show` says of the weights. `modelInfo` holds GGUF keys. */
export interface Shown {
  readonly modelInfo: Readonly<Record<string, unknown>>;
  /** GGUF tensor name → dimensions, ne0 first. Absent when the server tells only with `verbose`. */
  readonly tensors: ReadonlyMap<string, readonly number[]> | undefined;
  readonly layers: ShownLayers;
  /** Name of the model that it was made from. Before 0.7 the list of models leaves it out. */
  readonly parent: string | undefined;
  readonly isRemote: boolean;
}

export interface ShownLayers {
  /** `sha256:<hex>` of the weights, and where the server keeps them. */
  readonly weights: { readonly digest: string; readonly path: string } | undefined;
  /** `sha256:<hex>` of every adapter. */
  readonly adapters: readonly string[];
}

export interface GeneratedToken {
  readonly text: string;
  /** Natural logarithm of its probability. Absent before Ollama 0.12. */
  readonly logprob: number | undefined;
  /** What was likely at this place, with its logarithms: as many as `top_logprobs` asked for. */
  readonly top: ReadonlyMap<string, number>;
}

/** Lines with wrong types are left out: one strange model must not hide the others. */
export function parseTags(answer: Record<string, unknown>): Tag[] {
  const { models } = answer;
  if (!Array.isArray(models)) return [];
  return models.slice(0, MAX_MODELS).flatMap((value: unknown) => {
    const entry = record(value);
    const name = text(entry['name']);
    const digest = text(entry['digest'])?.replace(/^sha256:/, '');
    if (name === undefined || digest === undefined || !/^[0-9a-f]{64}$/.test(digest)) return [];
    const details = record(entry['details']);
    const modifiedAt = Date.parse(text(entry['modified_at']) ?? '');
    return [
      {
        name,
        digest,
        bytes: typeof entry['size'] === 'number' ? entry['size'] : 0,
        modifiedAt: Number.isNaN(modifiedAt) ? 0 : modifiedAt,
        family: text(details['family']),
        parent: text(details['parent_model']),
        isRemote: isRemote(entry) || isCloudName(name),
      },
    ];
  });
}

export function parseShow(answer: Record<string, unknown>): Shown {
  return {
    modelInfo: record(answer['model_info']),
    tensors: parseTensors(answer['tensors']),
    layers: parseModelfile(typeof answer['modelfile'] === 'string' ? answer['modelfile'] : ''),
    parent: text(record(answer['details'])['parent_model']),
    isRemote: isRemote(answer),
  };
}

/**
 * Digests in the head of a Modelfile: `FROM <blob>`, then one `ADAPTER <blob>` a layer.
 *
 * Only the head: what follows is text of the model's author (TEMPLATE, SYSTEM), which may hold lines that look the same.
 */
export function parseModelfile(modelfile: string): ShownLayers {
  let weights: ShownLayers['weights'];
  const adapters: string[] = [];
  for (const line of modelfile.split('\n')) {
    if (line.startsWith('#') || line.trim() === '') continue;
    const [, keyword, file] = /^(FROM|ADAPTER) (.+)$/.exec(line.trimEnd()) ?? [];
    if (keyword === undefined || file === undefined) break;
    const digest = blobDigest(file);
    if (digest === undefined) continue;
    if (keyword === 'ADAPTER') adapters.push(digest);
    else weights ??= { digest, path: file }; // Further FROM lines are projectors.
  }
  return { weights, adapters };
}

/** `…/blobs/sha256-<hex>`, with the separators of the server's system, which may not be ours. */
function blobDigest(file: string): string | undefined {
  const name = path.win32.basename(file);
  const hex = /^sha256[-:]([0-9a-f]{64})$/.exec(name)?.[1];
  return hex === undefined ? undefined : `sha256:${hex}`;
}

function parseTensors(value: unknown): Shown['tensors'] {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const tensors = new Map<string, readonly number[]>();
  for (const item of value as unknown[]) {
    const { name, shape } = record(item);
    if (typeof name !== 'string' || !Array.isArray(shape)) continue;
    if (shape.length <= 4 && shape.every((size) => Number.isSafeInteger(size) && (size as number) > 0))
      tensors.set(name, shape as number[]);
  }
  return tensors;
}

/** What the last line of a generation tells, as far as it does. */
export interface Counted {
  readonly tokens?: number;
  /** For reading the prompt and for answering, without loading the model. */
  readonly seconds?: number;
}

export function parseCounted(line: Record<string, unknown>): Counted {
  const { eval_count: tokens, eval_duration: answering, prompt_eval_duration: reading = 0 } = line;
  return {
    ...(typeof tokens === 'number' ? { tokens } : {}),
    ...(typeof answering === 'number' && typeof reading === 'number' ? { seconds: (answering + reading) / 1e9 } : {}),
  };
}

/** One line of a generation. With probabilities it has an entry for each token, else it is taken for one token. */
export function parseTokens(line: Record<string, unknown>): GeneratedToken[] {
  // Some models think before they answer, whether they are asked to or not.
  const response = [line['thinking'], line['response']].filter((part) => typeof part === 'string').join('');
  const entries = Array.isArray(line['logprobs']) ? (line['logprobs'] as unknown[]).map(record) : [];
  if (entries.length === 0) return response === '' ? [] : [{ text: response, logprob: undefined, top: new Map() }];
  return entries.map((entry) => ({
    text: entries.length === 1 && response !== '' ? response : textOf(entry),
    logprob: logprobOf(entry),
    top: parseTop(entry['top_logprobs']),
  }));
}

function parseTop(value: unknown): ReadonlyMap<string, number> {
  const entries = Array.isArray(value) ? (value as unknown[]).map(record) : [];
  const known = entries.map((entry) => [textOf(entry), logprobOf(entry)] as const);
  return new Map(known.filter((pair): pair is [string, number] => pair[1] !== undefined));
}

function textOf({ token }: Record<string, unknown>): string {
  return typeof token === 'string' ? token : '';
}

function logprobOf({ logprob }: Record<string, unknown>): number | undefined {
  return typeof logprob === 'number' && Number.isFinite(logprob) ? logprob : undefined;
}

function isRemote(from: Readonly<Record<string, unknown>>): boolean {
  return text(from['remote_model']) !== undefined || text(from['remote_host']) !== undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME ? value : undefined;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
