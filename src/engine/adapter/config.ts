import { LoraSwarmError } from '../errors';
import { CONFIG_JSON, MAX_CONFIG_BYTES } from '../limits';
import { openForReading, readExactly } from './fileBytes';
import { JsonError, parseJson, type JsonObject, type JsonString, type JsonValue } from './json';

/** Reads `adapter_config.json`, at most 64 KiB of it. */
export async function readConfigFile(path: string): Promise<Buffer> {
  const { handle, size } = await openForReading(path);
  try {
    if (size > MAX_CONFIG_BYTES) throw configInvalid(`it is larger than ${MAX_CONFIG_BYTES / 1024} KiB`);
    return await readExactly(handle, 0, size);
  } finally {
    await handle.close();
  }
}

/**
 * Parses a config within its limits.
 *
 * @throws {LoraSwarmError} `ADAPTER_CONFIG_INVALID`.
 */
export function parseConfig(bytes: Uint8Array, onString?: (found: JsonString) => void): JsonObject {
  if (bytes.length > MAX_CONFIG_BYTES) throw configInvalid(`it is larger than ${MAX_CONFIG_BYTES / 1024} KiB`);
  let value: JsonValue;
  try {
    value = parseJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), CONFIG_JSON, onString);
  } catch (error) {
    throw configInvalid(error instanceof JsonError ? error.message : 'it is not UTF-8', error);
  }
  if (!(value instanceof Map)) throw configInvalid('it is not an object');
  return value as JsonObject;
}

/** `reason` is a clause: "r is not a number". */
export function configInvalid(reason: string, cause?: unknown): LoraSwarmError {
  const message = `adapter_config.json cannot be used: ${reason}. Save the adapter again, or correct the file.`;
  return new LoraSwarmError('ADAPTER_CONFIG_INVALID', message, undefined, { cause });
}

// Typed access. `null` counts as absent, as the Python programs that write these files have it.

export function textOf(config: JsonObject, key: string): string | undefined {
  return typed(config, key, 'text', (value) => typeof value === 'string');
}

export function numberOf(config: JsonObject, key: string): number | undefined {
  return typed(config, key, 'a number', (value) => typeof value === 'number');
}

export function countOf(config: JsonObject, key: string): number | undefined {
  return typed(
    config,
    key,
    'a count',
    (value): value is number => Number.isSafeInteger(value) && (value as number) > 0,
  );
}

export function flagOf(config: JsonObject, key: string): boolean {
  return typed(config, key, 'true or false', (value) => typeof value === 'boolean') ?? false;
}

export function objectOf(config: JsonObject, key: string): JsonObject | undefined {
  return typed(config, key, 'an object', (value): value is JsonObject => value instanceof Map);
}

export function textsOf(config: JsonObject, key: string): readonly string[] {
  const isTexts = (value: JsonValue): value is readonly string[] =>
    Array.isArray(value) && value.every((item) => typeof item === 'string');
  return typed(config, key, 'a list of names', isTexts) ?? [];
}

/** Whether the key holds anything but null, false, "" and empty lists or objects. */
export function isSet(config: JsonObject, key: string): boolean {
  const value = config.get(key) ?? false;
  if (value instanceof Map) return value.size > 0;
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}

function typed<T extends JsonValue>(
  config: JsonObject,
  key: string,
  what: string,
  is: (value: JsonValue) => value is T,
): T | undefined {
  const value = config.get(key) ?? null;
  if (value === null) return undefined;
  if (!is(value)) throw configInvalid(`${key} is not ${what}`);
  return value;
}
