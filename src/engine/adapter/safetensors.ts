import type { FileHandle } from 'node:fs/promises';
import {
  MAX_SAFETENSORS_DIMENSIONS,
  MAX_SAFETENSORS_HEADER_BYTES,
  MAX_SAFETENSORS_NAME_LENGTH,
  MAX_SAFETENSORS_STRING_LENGTH,
  MAX_SAFETENSORS_TENSORS,
} from '../limits';
import { bf16ToFloat32, f16ToFloat32 } from './floats';
import { JsonError, parseJson, type JsonObject, type JsonValue } from './json';
import { openForReading, readExactly, unreadable } from './fileBytes';

const BYTES_PER_ELEMENT = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;

export type SafetensorsDtype = keyof typeof BYTES_PER_ELEMENT;

export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** Position in the file. */
  readonly offset: number;
  readonly byteLength: number;
}

export interface SafetensorsHeader {
  /** In the order of the header. */
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: ReadonlyMap<string, string>;
  readonly fileBytes: number;
}

/**
 * Reads and checks the header of a safetensors file. Tensors are not loaded.
 *
 * The file starts with 8 bytes, little-endian length N, then N bytes of JSON, then the data, which the tensors must cover
 * without holes, overlap or rest. Stricter than the reference reader: equal keys and unknown fields are refused, too.
 *
 * @throws {LoraSwarmError} `ADAPTER_UNREADABLE` with the reason, `ADAPTER_NOT_FOUND`.
 * @see https://github.com/huggingface/safetensors#format
 */
export async function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  const { handle, size } = await openForReading(path);
  try {
    if (size < 10) throw unreadable(path, 'it is too short for a safetensors file');
    const length = (await readExactly(handle, 0, 8)).readBigUInt64LE();
    if (length > BigInt(MAX_SAFETENSORS_HEADER_BYTES))
      throw unreadable(path, 'its header is too large for a safetensors file');
    if (8n + length > BigInt(size)) throw unreadable(path, 'it is cut off inside the header');
    const json = await readExactly(handle, 8, Number(length));
    return parseSafetensorsHeader(json, size);
  } catch (error) {
    throw error instanceof HeaderError ? unreadable(path, error.message, error) : error;
  } finally {
    await handle.close();
  }
}

/** Loads one tensor as 32-bit floats. Only F32, F16 and BF16, which convert exactly. */
export async function readTensor(handle: FileHandle, entry: SafetensorsEntry): Promise<Float32Array> {
  const bytes = await readExactly(handle, entry.offset, entry.byteLength);
  switch (entry.dtype) {
    case 'F32': {
      const values = new Float32Array(entry.byteLength / 4);
      new Uint8Array(values.buffer).set(bytes);
      return values;
    }
    case 'F16':
      return f16ToFloat32(bytes);
    case 'BF16':
      return bf16ToFloat32(bytes);
    default:
      throw new TypeError(`cannot load ${entry.dtype} as floats`);
  }
}

/** Why a header was refused, as a clause. */
export class HeaderError extends Error {
  override readonly name = 'HeaderError';
}

/** The one place that decides which headers are believed. `json` is the header alone, `fileBytes` the whole file. */
export function parseSafetensorsHeader(json: Uint8Array, fileBytes: number): SafetensorsHeader {
  if (json[0] !== 0x7b) throw new HeaderError('its header does not start with {');
  const root = parseRoot(json);
  const dataStart = 8 + json.length;
  const dataBytes = fileBytes - dataStart;

  const metadata = new Map<string, string>();
  const tensors = new Map<string, SafetensorsEntry>();
  for (const [name, value] of root) {
    if (name === '__metadata__') readMetadata(value, metadata);
    else tensors.set(name, readEntry(name, value, dataStart, dataBytes));
  }
  checkCoverage([...tensors.values()], dataStart, fileBytes);
  return { tensors, metadata, fileBytes };
}

function parseRoot(json: Uint8Array): JsonObject {
  let root: JsonValue;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(json);
    root = parseJson(text, {
      depth: 3,
      members: MAX_SAFETENSORS_TENSORS + 1,
      string: MAX_SAFETENSORS_STRING_LENGTH,
      integersOnly: true,
    });
  } catch (error) {
    const reason = error instanceof JsonError ? error.message : 'it is not UTF-8';
    throw new HeaderError(`its header is not valid: ${reason}`, { cause: error });
  }
  if (!(root instanceof Map)) throw new HeaderError('its header is not an object');
  return root;
}

function readMetadata(value: JsonValue, metadata: Map<string, string>): void {
  if (value === null) return; // MLX writes it so.
  if (!(value instanceof Map)) throw new HeaderError('its metadata is not an object');
  for (const [key, text] of value as JsonObject) {
    if (typeof text !== 'string') throw new HeaderError('its metadata holds something other than text');
    metadata.set(key, text);
  }
}

function readEntry(name: string, value: JsonValue, dataStart: number, dataBytes: number): SafetensorsEntry {
  if (name.length === 0 || name.length > MAX_SAFETENSORS_NAME_LENGTH)
    throw new HeaderError('a tensor has no name or a huge one');
  if (!(value instanceof Map)) throw new HeaderError('a tensor is not described by an object');
  const { dtype, shape, data_offsets: offsets } = Object.fromEntries(value as JsonObject);
  if (value.size !== 3) throw new HeaderError('a tensor has missing or unknown fields');
  if (typeof dtype !== 'string' || !isDtype(dtype)) throw new HeaderError('a tensor has an unknown type');
  if (!isIntegers(shape) || shape.length > MAX_SAFETENSORS_DIMENSIONS)
    throw new HeaderError('a tensor has an impossible shape');
  if (!isIntegers(offsets) || offsets.length !== 2) throw new HeaderError('a tensor does not have two offsets');

  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataBytes) throw new HeaderError('it is cut off, or a tensor lies outside of it');
  let byteLength: number = BYTES_PER_ELEMENT[dtype];
  for (const dimension of shape) {
    byteLength *= dimension;
    // Checked at every step, so that a zero behind two huge dimensions does not hide them.
    if (!Number.isSafeInteger(byteLength)) throw new HeaderError('a tensor has an impossible shape');
  }
  if (byteLength !== end - begin) throw new HeaderError('a tensor has another size than its shape says');
  return { name, dtype, shape, offset: dataStart + begin, byteLength };
}

function checkCoverage(entries: readonly SafetensorsEntry[], dataStart: number, fileBytes: number): void {
  let position = dataStart;
  const byOffset = [...entries].sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength);
  for (const { offset, byteLength } of byOffset) {
    if (offset !== position) throw new HeaderError('its tensors overlap or leave holes');
    position += byteLength;
  }
  if (position !== fileBytes) throw new HeaderError('bytes follow the last tensor');
}

function isDtype(text: string): text is SafetensorsDtype {
  return Object.hasOwn(BYTES_PER_ELEMENT, text);
}

function isIntegers(value: JsonValue | undefined): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'number');
}
