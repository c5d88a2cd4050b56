import { LoraSwarmError } from '../../errors';
import { bf16ToFloat32, f16ToFloat32 } from '../floats';
import type { GgmlType } from '../ggmlTypes';
import type { Unpack } from './blockTypes';
import { unpackQ2K, unpackQ3K, unpackQ4K, unpackQ5K, unpackQ6K } from './kBlocks';
import {
  unpackIq4Nl,
  unpackIq4Xs,
  unpackMxfp4,
  unpackQ4One,
  unpackQ4Zero,
  unpackQ5One,
  unpackQ5Zero,
  unpackQ8Zero,
} from './simpleBlocks';

const UNPACK: Readonly<Record<string, Unpack>> = {
  F32: (bytes, _count, out) => new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(bytes),
  F16: (bytes, _count, out) => out.set(f16ToFloat32(bytes)),
  BF16: (bytes, _count, out) => out.set(bf16ToFloat32(bytes)),
  Q4_0: unpackQ4Zero,
  Q4_1: unpackQ4One,
  Q5_0: unpackQ5Zero,
  Q5_1: unpackQ5One,
  Q8_0: unpackQ8Zero,
  Q2_K: unpackQ2K,
  Q3_K: unpackQ3K,
  Q4_K: unpackQ4K,
  Q5_K: unpackQ5K,
  Q6_K: unpackQ6K,
  IQ4_NL: unpackIq4Nl,
  IQ4_XS: unpackIq4Xs,
  MXFP4: unpackMxfp4,
};

/** Whether `dequantize` knows the type. */
export function canDequantize(type: GgmlType): boolean {
  return Object.hasOwn(UNPACK, type.name);
}

/**
 * The values of whole blocks, to the last bit those of ggml. NaN and infinity pass as they are.
 *
 * @param out takes them instead of a new array; has as many places as there are values.
 * @throws {LoraSwarmError} `MERGE_UNSUPPORTED` for a type that has no table here.
 */
export function dequantize(type: GgmlType, bytes: Uint8Array, out?: Float32Array): Float32Array {
  const unpack = UNPACK[type.name];
  if (!unpack) throw cannotRead(type);
  const count = bytes.length / type.blockBytes;
  const values = out ?? new Float32Array(count * type.blockSize);
  if (values.length !== count * type.blockSize) throw new RangeError(`${bytes.length} bytes are not that many values`);
  unpack(bytes, count, values);
  return values;
}

export function cannotRead(type: GgmlType): LoraSwarmError {
  const known = 'F16, Q8_0, Q4_K_M and the like';
  return new LoraSwarmError(
    'MERGE_UNSUPPORTED',
    `Tensors of type ${type.name} cannot be unpacked here. Take the base model in another type (${known}).`,
  );
}
