import type { FileHandle } from 'node:fs/promises';
import { writeFully } from './fileBytes';
import { FLOAT_BYTES } from './floats';
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

/** Gives the data of one tensor: `write` takes pieces of it, in any order, each byte once. */
export type FillTensor<T> = (tensor: T, write: (position: number, bytes: Uint8Array) => Promise<void>) => Promise<void>;

/**
 * Writes a GGUF of version 3. Each of `fills` is asked for the data of one tensor at a time; several let one work while
 * another waits for the disk.
 *
 * @returns the size of the file.
 */
export async function writeGguf<T extends GgufTensorSource>(
  handle: FileHandle,
  values: ReadonlyMap<string, GgufValue>,
  tensors: readonly T[],
  ...fills: readonly FillTensor<T>[]
): Promise<number> {
  let end = 0;
  const placed = tensors.map((tensor) => {
    const offset = end;
    end = aligned(end + byteLength(tensor));
    return { tensor, offset };
  });
  const infos = placed.map(({ tensor, offset }) => tensorInfo(tensor, offset));
  const preamble = Buffer.concat([Buffer.from('GGUF'), uint32(3), uint64(tensors.length), uint64(values.size)]);
  const header = Buffer.concat([preamble, ...[...values].map(([key, value]) => keyValue(key, value)), ...infos]);
  const dataStart = aligned(header.length);

  await handle.truncate(dataStart + end); // What is not written stays zero: the padding.
  await writeFully(handle, 0, header);
  const inTurn = oneAtATime();
  const write = (position: number, bytes: Uint8Array): Promise<void> => {
    return inTurn(() => writeFully(handle, position, bytes));
  };
  const waiting = [...placed].reverse();
  const lanes = fills.map(async (fill) => {
    try {
      for (let next = waiting.pop(); next; next = waiting.pop()) {
        await fillOne(next.tensor, fill, (position, bytes) => write(dataStart + next.offset + position, bytes));
      }
    } catch (error) {
      waiting.length = 0; // Nothing new is begun.
      throw error;
    }
  });
  await Promise.allSettled(lanes); // Whatever fails, nobody writes any more when this returns.
  await Promise.all(lanes);
  return dataStart + end;
}

async function fillOne<T extends GgufTensorSource>(
  tensor: T,
  fill: FillTensor<T>,
  write: (position: number, bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const length = byteLength(tensor);
  let done = 0;
  await fill(tensor, async (position, bytes) => {
    done += bytes.length;
    if (position + bytes.length > length || done > length) throw new RangeError(`${tensor.name}: more than its dims`);
    await write(position, bytes);
  });
  if (done !== length) throw new RangeError(`${tensor.name}: ${done} bytes do not fit its dims`);
}

/** Several writers of one file only wait for each other in the system, and there they burn time of the processor. */
function oneAtATime(): (work: () => Promise<void>) => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return (work) => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
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
  return dims.reduce((product, dimension) => product * dimension, FLOAT_BYTES[type]);
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
