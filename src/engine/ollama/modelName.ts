import { LoraSwarmError } from '../errors';

/** Longest part of a name that Ollama takes. */
const MAX_PART = 80;
/** One part of a name. Starts with a letter or digit, so `..` and an empty part are none. */
const PART = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}$/;
const HOST = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}(:\d{1,5})?$/;

/** `[host/][namespace/]model[:tag]`, with what Ollama assumes for absent parts. */
export interface ModelName {
  readonly host: string;
  readonly namespace: string;
  readonly model: string;
  readonly tag: string;
}

/** Reads a name as Ollama does. `undefined` when Ollama would not take it. */
export function parseModelName(text: string): ModelName | undefined {
  const parts = text.split('/');
  const last = parts.pop() ?? '';
  const colon = last.lastIndexOf(':');
  const name: ModelName = {
    host: parts.length > 1 ? (parts[0] ?? '') : 'registry.ollama.ai',
    namespace: parts.at(-1) ?? 'library',
    model: colon < 0 ? last : last.slice(0, colon),
    tag: colon < 0 ? 'latest' : last.slice(colon + 1),
  };
  const isValid =
    parts.length <= 2 &&
    HOST.test(name.host) &&
    [name.namespace, name.model, name.tag].every((part) => PART.test(part));
  return isValid ? name : undefined;
}

/** `x` and `x:latest` are one model. Ollama finds an existing one whatever the case of its letters. */
export function isSameModel(one: string, other: string): boolean {
  return comparable(one) === comparable(other);
}

/** Names that Ollama runs elsewhere (`gpt-oss:120b-cloud`). Nothing can be added to such a model. */
export function isCloudName(name: string): boolean {
  return /[:-]cloud$/i.test(name);
}

/**
 * A name that no model has: `PREFIX-author-name`, with `-2`, `-3`, … when it is taken.
 *
 * @param taken names as `/api/tags` gives them.
 */
export function freshModelName(prefix: string, author: string, name: string, taken: readonly string[]): string {
  const wanted = slug([prefix, author, name].filter((part) => part !== '').join('-'));
  const used = new Set(taken.map(comparable));
  for (let number = 1; ; number++) {
    const suffix = number === 1 ? '' : `-${number}`;
    const candidate = wanted.slice(0, MAX_PART - suffix.length).replace(/[._-]+$/, '') + suffix;
    if (!used.has(comparable(candidate))) return candidate;
  }
}

/**
 * Checks a name that the user chose. @throws {LoraSwarmError} `USAGE` for a name that Ollama would not take or would
 * send elsewhere, `OLLAMA_MODEL_EXISTS` when a model has it.
 */
export function chosenModelName(name: string, taken: readonly string[]): string {
  if (name.includes('/') || !parseModelName(name) || isCloudName(name) || /:local$/i.test(name))
    throw new LoraSwarmError(
      'USAGE',
      'This cannot be the name of a model. Use letters, digits and . _ - with an optional :tag, at most 80 each.',
    );
  if (taken.some((other) => isSameModel(other, name)))
    throw new LoraSwarmError('OLLAMA_MODEL_EXISTS', `Ollama already has a model ${name}. Choose another name.`);
  return name;
}

function comparable(name: string): string {
  const lower = name.toLowerCase();
  return lower.slice(lower.lastIndexOf('/') + 1).includes(':') ? lower : `${lower}:latest`;
}

function slug(text: string): string {
  const clean = text
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/-{2,}/g, '-')
    .replace(/^[._-]+/, '')
    .slice(0, MAX_PART - 5) // Leaves room for what is added below.
    .replace(/[._-]+$/, '');
  if (clean === '') return 'adapter';
  // Ollama takes a name with this ending for a model in its cloud.
  return isCloudName(clean) ? `${clean}-lora` : clean;
}
