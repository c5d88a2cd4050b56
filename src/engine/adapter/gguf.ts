import {
  MAX_GGUF_ALIGNMENT,
  MAX_GGUF_ARRAY_LENGTH,
  MAX_GGUF_DIMENSIONS,
  MAX_GGUF_HEADER_BYTES,
  MAX_GGUF_KEY_BYTES,
  MAX_GGUF_KEY_VALUES,
  MAX_GGUF_NAME_BYTES,
  MAX_GGUF_STRING_BYTES,
  MAX_GGUF_TENSORS,
  MIN_GGUF_ALIGNMENT,
} from '../limits';
import { BufferedReader } from './bufferedReader';
import { ggmlType, type GgmlType } from './ggmlTypes';
import { openForReading, unreadable } from './fileBytes';

/** Longer arrays are vocabularies, which nobody here reads. */
const MAX_KEPT_ITEMS = 1024;

export type GgufScalar = string | number | bigint | boolean;

export interface GgufArray {
  readonly length: number;
  /** Absent for long arrays. */
  readonly items?: readonly GgufScalar[];
}

export interface GgufTensor {
  readonly name: string;
  /** GGUF order: the first one is contiguous. */
  readonly dims: readonly number[];
  readonly type: GgmlType;
  /** Position in the file. */
  readonly offset: number;
  readonly byteLength: number;
}

export interface GgufHeader {
  readonly version: number;
  readonly values: ReadonlyMap<string, GgufScalar | GgufArray>;
  /** Number of the type of each value in the format. llama.cpp aborts when what it reads has another one than it wants. */
  readonly valueTypes: ReadonlyMap<string, number>;
  /** Position in the file of each value, behind the number of its type. */
  readonly valueOffsets: ReadonlyMap<string, number>;
  /** Position in the file behind the last value: there the list of tensors starts. */
  readonly valuesEnd: number;
  /** Position in the file behind the list of tensors: there the padding before the data starts. */
  readonly listEnd: number;
  /** The data starts at a multiple of it, and so does each tensor in it. */
  readonly alignment: number;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  readonly fileBytes: number;
  /** Bytes after the last tensor and its padding. */
  readonly trailingBytes: number;
}

/**
 * Reads and checks the header of a GGUF file, version 2 or 3, little endian. Tensors are not loaded.
 *
 * Memory follows what was read, never what a count declares. Tensors must follow one another, aligned, inside the file.
 *
 * @throws {LoraSwarmError} `ADAPTER_UNREADABLE` with the reason, `ADAPTER_NOT_FOUND`.
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export async function readGgufHeader(path: string): Promise<GgufHeader> {
  const { handle, size } = await openForReading(path);
  const fail: Fail = (reason) => {
    throw unreadable(path, reason);
  };
  try {
    const reader = new BufferedReader(handle, Math.min(size, MAX_GGUF_HEADER_BYTES), () =>
      fail(size > MAX_GGUF_HEADER_BYTES ? 'its header is too large' : 'it is cut off inside the header'),
    );
    const { version, tensorCount, valueCount } = await readPreamble(reader, fail);
    const { values, valueTypes, valueOffsets } = await readValues(reader, valueCount, fail);
    const valuesEnd = reader.position;
    const alignment = alignmentOf(values, valueTypes, fail);
    const infos = await readTensorInfos(reader, tensorCount, fail);
    const listEnd = reader.position;
    const { tensors, end } = placeTensors(infos, align(listEnd, alignment), alignment, size, fail);
    const trailingBytes = Math.max(0, size - align(end, alignment));
    const places = { valueOffsets, valuesEnd, listEnd, alignment };
    return { version, values, valueTypes, ...places, tensors, fileBytes: size, trailingBytes };
  } finally {
    await handle.close();
  }
}

/** The text under a key, if there is text. */
export function ggufText(header: GgufHeader, key: string): string | undefined {
  const value = header.values.get(key);
  return typeof value === 'string' ? value : undefined;
}

/** The number under a key, if there is one that JavaScript can hold. */
export function ggufNumber(header: GgufHeader, key: string): number | undefined {
  const value = header.values.get(key);
  return typeof value === 'number' ? value : undefined;
}

type Fail = (reason: string) => never;

interface TensorInfo {
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: GgmlType;
  readonly byteLength: number;
  readonly relativeOffset: number;
}

async function readPreamble(reader: BufferedReader, fail: Fail) {
  if ((await reader.bytes(4)).toString('latin1') !== 'GGUF') fail('it is not a GGUF file');
  const version = await reader.uint32();
  if (version === 0x02000000 || version === 0x03000000) fail('it is a big-endian GGUF, which nothing here can run');
  if (version !== 2 && version !== 3) fail(`its GGUF version ${version} is not known`);
  const tensorCount = await reader.uint64();
  const valueCount = await reader.uint64();
  if (tensorCount > MAX_GGUF_TENSORS) fail(`it claims more than ${MAX_GGUF_TENSORS} tensors`);
  if (valueCount > MAX_GGUF_KEY_VALUES) fail(`it claims more than ${MAX_GGUF_KEY_VALUES} values`);
  return { version, tensorCount, valueCount };
}

async function readValues(reader: BufferedReader, count: number, fail: Fail) {
  const values = new Map<string, GgufScalar | GgufArray>();
  const valueTypes = new Map<string, number>();
  const valueOffsets = new Map<string, number>();
  for (let index = 0; index < count; index++) {
    const key = await readText(reader, MAX_GGUF_KEY_BYTES, fail);
    if (key === '' || values.has(key)) fail('a key is empty or stands there twice');
    const type = await reader.uint32();
    valueTypes.set(key, type);
    valueOffsets.set(key, reader.position);
    values.set(key, type === ARRAY ? await readArray(reader, fail) : await readScalar(reader, type, fail));
  }
  return { values, valueTypes, valueOffsets };
}

const UINT32 = 4;
export const GGUF_FLOAT32 = 6;
const STRING = 8;
const ARRAY = 9;
/** Bytes of each scalar type of the format, by its number. */
const SCALAR_BYTES: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
};

async function readScalar(reader: BufferedReader, type: number, fail: Fail): Promise<GgufScalar> {
  if (type === STRING) return readText(reader, MAX_GGUF_STRING_BYTES, fail);
  const size = SCALAR_BYTES[type];
  if (size === undefined) return fail('a value has an unknown type');
  const bytes = await reader.bytes(size);
  switch (type) {
    case 0:
      return bytes.readUInt8();
    case 1:
      return bytes.readInt8();
    case 2:
      return bytes.readUInt16LE();
    case 3:
      return bytes.readInt16LE();
    case 4:
      return bytes.readUInt32LE();
    case 5:
      return bytes.readInt32LE();
    case 6:
      return bytes.readFloatLE();
    case 7: {
      const flag = bytes.readUInt8();
      if (flag > 1) fail('a value is neither true nor false');
      return flag === 1;
    }
    case 10:
      return bytes.readBigUInt64LE();
    case 11:
      return bytes.readBigInt64LE();
    default:
      return bytes.readDoubleLE();
  }
}

async function readArray(reader: BufferedReader, fail: Fail): Promise<GgufArray> {
  const type = await reader.uint32();
  const length = await reader.uint64();
  if (length > MAX_GGUF_ARRAY_LENGTH) fail('an array is too long');
  if (type !== STRING && SCALAR_BYTES[type] === undefined) fail('an array has items of an unknown type');

  if (length <= MAX_KEPT_ITEMS) {
    const items: GgufScalar[] = [];
    for (let index = 0; index < length; index++) items.push(await readScalar(reader, type, fail));
    return { length, items };
  }
  if (type !== STRING) {
    reader.skip(length * SCALAR_BYTES[type]!);
    return { length };
  }
  for (let index = 0; index < length; index++) {
    const bytes = reader.uint64Now() ?? (await reader.uint64()); // Most need no wait: half a million of them do not take seconds.
    if (bytes > MAX_GGUF_STRING_BYTES) fail('a text is too long');
    reader.skip(bytes);
  }
  return { length };
}

async function readText(reader: BufferedReader, maxBytes: number, fail: Fail): Promise<string> {
  const length = await reader.uint64();
  if (length > maxBytes) fail('a text is too long');
  const bytes = await reader.bytes(length);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return fail('a text is not UTF-8');
  }
}

function alignmentOf(
  values: ReadonlyMap<string, GgufScalar | GgufArray>,
  types: ReadonlyMap<string, number>,
  fail: Fail,
): number {
  const alignment = values.get('general.alignment') ?? 32;
  if ((types.get('general.alignment') ?? UINT32) !== UINT32) return fail('its alignment has another type than it must');
  const isPower = typeof alignment === 'number' && Number.isInteger(Math.log2(alignment));
  if (!isPower || alignment < MIN_GGUF_ALIGNMENT || alignment > MAX_GGUF_ALIGNMENT)
    return fail('its alignment is not possible');
  return alignment;
}

async function readTensorInfos(reader: BufferedReader, count: number, fail: Fail): Promise<readonly TensorInfo[]> {
  const infos: TensorInfo[] = [];
  for (let index = 0; index < count; index++) {
    const name = await readText(reader, MAX_GGUF_NAME_BYTES, fail);
    const dimensions = await reader.uint32();
    if (name === '') fail('a tensor has no name');
    if (dimensions < 1 || dimensions > MAX_GGUF_DIMENSIONS) fail('a tensor has an impossible number of dimensions');
    const dims: number[] = [];
    for (let axis = 0; axis < dimensions; axis++) dims.push(await reader.uint64());
    const type = ggmlType(await reader.uint32()) ?? fail('a tensor has an unknown type');
    const byteLength = tensorBytes(dims, type) ?? fail('a tensor has an impossible shape');
    infos.push({ name, dims, type, byteLength, relativeOffset: await reader.uint64() });
  }
  return infos;
}

function tensorBytes(dims: readonly number[], type: GgmlType): number | undefined {
  const elements = dims.reduce((product, dimension) => product * dimension, 1);
  const isPossible =
    elements > 0 && Number.isSafeInteger(elements * type.blockBytes) && dims[0]! % type.blockSize === 0;
  return isPossible ? (elements / type.blockSize) * type.blockBytes : undefined;
}

function placeTensors(infos: readonly TensorInfo[], dataStart: number, alignment: number, size: number, fail: Fail) {
  const tensors = new Map<string, GgufTensor>();
  let expected = 0;
  let end = dataStart;
  for (const { relativeOffset, ...info } of infos) {
    if (tensors.has(info.name)) fail('two tensors have one name');
    if (relativeOffset !== expected) fail('its tensors overlap, leave holes or are not aligned');
    const offset = dataStart + relativeOffset;
    end = offset + info.byteLength;
    if (end > size) fail('it is cut off, or a tensor lies outside of it');
    tensors.set(info.name, { ...info, offset });
    expected = align(relativeOffset + info.byteLength, alignment);
  }
  return { tensors, end };
}

function align(position: number, alignment: number): number {
  return Math.ceil(position / alignment) * alignment;
}
