import { parseSafetensorsHeader, type SafetensorsHeader } from '../../src/engine/adapter/safetensors';

export interface RawTensor {
  readonly shape: readonly number[];
  /** Default F32. */
  readonly dtype?: 'F32' | 'F16' | 'BF16' | 'F64' | 'I32';
  /** Little-endian, as many as shape and type say. Default zeros. */
  readonly data?: Uint8Array;
}

const WIDTHS = { F32: 4, F16: 2, BF16: 2, F64: 8, I32: 4 } as const;

/** The bytes of a safetensors file with just these tensors. */
export function rawSafetensors(tensors: Readonly<Record<string, RawTensor>>): Buffer {
  const { json, sizes } = describe(tensors);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const data = Object.values(tensors).map((tensor, index) => tensor.data ?? Buffer.alloc(sizes[index]!));
  return Buffer.concat([length, json, ...data]);
}

/** The header that such a file would have, checked as always. */
export function rawHeader(shapes: Readonly<Record<string, readonly number[]>>): SafetensorsHeader {
  const tensors = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, { shape }]));
  const { json, sizes } = describe(tensors);
  return parseSafetensorsHeader(json, 8 + json.length + sizes.reduce((sum, size) => sum + size, 0));
}

/** Values as the bytes of an F32 tensor. */
export function f32(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

function describe(tensors: Readonly<Record<string, RawTensor>>): {
  readonly json: Buffer;
  readonly sizes: readonly number[];
} {
  const header: Record<string, unknown> = {};
  const sizes: number[] = [];
  let end = 0;
  for (const [name, { shape, dtype = 'F32' }] of Object.entries(tensors)) {
    const size = shape.reduce((product, dimension) => product * dimension, WIDTHS[dtype]);
    header[name] = { dtype, shape, data_offsets: [end, end + size] };
    sizes.push(size);
    end += size;
  }
  return { json: Buffer.from(JSON.stringify(header)), sizes };
}
