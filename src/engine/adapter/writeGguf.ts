import type { FileHandle } from 'node:fs/promises';
import { writeFully } from './fileBytes';
import { GGML_TYPE_IDS } from './ggmlTypes';

const ALIGNMENT = 32;

export type GgufValue =
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'uint32'; readonly value: number }
  | { readonly type: 'float32'; readonly value: number };

export interface GgufTensorSource {
  readonly name: string;
  /** GGUF order: the first one is contiguous. */
  readonly dims: readonly number[];
  readonly type: keyof typeof GGML_TYPE_IDS;
}

/**
 * Writes a GGUF of version 3. `load` is asked for the data of one tensor at a time, in order, so memory stays at one.
 *
 * @returns the size of the file.
 */
export async function writeGguf<T extends GgufTensorSource>(
  handle: FileHandle,
  values: ReadonlyMap<string, GgufValue>,
  tensors: readonly T[],
  load: (tensor: T) => Promise<Uint8Array>,
): Promise<number> {
  let offset = 0;
  const infos = tensors.map((tensor) => {
    const info = tensorInfo(tensor, offset);
    offset = aligned(offset + byteLength(tensor));
    return info;
  });
  const preamble = Buffer.concat([Buffer.from('GGUF'), uint32(3), uint64(tensors.length), uint64(values.size)]);
  const header = Buffer.concat([preamble, ...[...values].map(([key, value]) => keyValue(key, value)), ...infos]);

  let position = 0;
  const write = async (bytes: Uint8Array): Promise<void> => {
    await writeFully(handle, position, bytes, Buffer.alloc(aligned(bytes.length) - bytes.length));
    position += aligned(bytes.length);
  };
  await write(header);
  for (const tensor of tensors) {
    const data = await load(tensor);
    if (data.length !== byteLength(tensor))
      throw new RangeError(`${tensor.name}: ${data.length} bytes do not fit its dims`);
    await write(data);
  }
  return position;
}

function tensorInfo({ name, dims, type }: GgufTensorSource, offset: number): Buffer {
  return Buffer.concat([
    text(name),
    uint32(dims.length),
    ...dims.map(uint64),
    uint32(GGML_TYPE_IDS[type]),
    uint64(offset),
  ]);
}

function byteLength({ dims, type }: GgufTensorSource): number {
  return dims.reduce((product, dimension) => product * dimension, type === 'F32' ? 4 : 2);
}

function keyValue(key: string, { type, value }: GgufValue): Buffer {
  switch (type) {
    case 'string':
      return Buffer.concat([text(key), uint32(8), text(value)]);
    case 'uint32':
      return Buffer.concat([text(key), uint32(4), uint32(value)]);
    case 'float32': {
      const bytes = Buffer.alloc(4);
      bytes.writeFloatLE(value);
      return Buffer.concat([text(key), uint32(6), bytes]);
    }
  }
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint64(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function aligned(position: number): number {
  return Math.ceil(position / ALIGNMENT) * ALIGNMENT;
}
