import { LoraSwarmError } from '../errors';
import { MAX_NAME_PART_LENGTH } from '../limits';

// Readers of fields of a release: bytes of a peer. Each gives a value within its limits or throws `RELEASE_INVALID`.

/** One part of `author/name`. ASCII only: no homoglyphs, no direction marks, valid in an Ollama name after lower-casing. */
const NAME_PART = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const HEX_64 = /^[0-9a-f]{64}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Whether `text` may stand on either side of the slash of `author/name`. */
export function isNamePart(text: string): boolean {
  return text.length <= MAX_NAME_PART_LENGTH && NAME_PART.test(text);
}

/** Whether `text` has the form of a content id. */
export function isContentId(text: string): boolean {
  return HEX_64.test(text);
}

export function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(what);
  // A null prototype, so that a peer's `__proto__` is one more unknown key.
  return Object.assign(Object.create(null) as Record<string, unknown>, value);
}

export function text(from: Record<string, unknown>, key: string, limit: number): string {
  const value = from[key];
  if (typeof value !== 'string' || value.length === 0 || value.length > limit) throw invalid(key);
  return value;
}

export function optionalText(from: Record<string, unknown>, key: string, limit: number): string | undefined {
  return from[key] === undefined ? undefined : text(from, key, limit);
}

export function optionalDigest(from: Record<string, unknown>, key: string): string | undefined {
  const value = optionalText(from, key, 71);
  return value === undefined || DIGEST.test(value) ? value : fail(key);
}

export function texts(from: Record<string, unknown>, key: string, count: number, limit: number): string[] {
  const value = from[key];
  if (!Array.isArray(value) || value.length > count) throw invalid(key);
  return value.map((item: unknown) => (typeof item === 'string' && item.length <= limit ? item : fail(key)));
}

export function integer(from: Record<string, unknown>, key: string): number {
  const value = from[key];
  return isCount(value) ? value : fail(key);
}

export function optionalNumber(from: Record<string, unknown>, key: string): number | undefined {
  const value = from[key];
  if (value === undefined) return undefined;
  return typeof value === 'number' && Number.isFinite(value) ? value : fail(key);
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function optional<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, V>);
}

export function fail(what: string): never {
  throw invalid(what);
}

export function invalid(what: string, cause?: unknown): LoraSwarmError {
  return new LoraSwarmError('RELEASE_INVALID', `This release is damaged (${what}) and was ignored.`, undefined, {
    cause,
  });
}
