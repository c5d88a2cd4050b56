import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { writeFully } from '../../fileBytes';

/** A tensor of 32-bit floats to write. */
export interface TensorToWrite {
  readonly name: string;
  readonly shape: readonly [number, number];
}

/** A safetensors file in the making: tensors are handed over in the order in which they were declared. */
export interface SafetensorsWriter {
  /** Bytes of the whole file. */
  readonly fileBytes: number;
  write(values: Float32Array): Promise<void>;
  /** SHA-256 of the whole file, hex. */
  end(): string;
}

/**
 * Starts a safetensors file with the header; memory holds one tensor at a time.
 *
 * @see https://github.com/huggingface/safetensors#format
 */
export async function writeSafetensors(
  handle: FileHandle,
  tensors: readonly TensorToWrite[],
): Promise<SafetensorsWriter> {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let end = 0;
  for (const { name, shape } of tensors) {
    const begin = end;
    end += 4 * shape[0] * shape[1];
    header[name] = { dtype: 'F32', shape, data_offsets: [begin, end] };
  }
  const text = JSON.stringify(header);
  const json = Buffer.from(text.padEnd(8 * Math.ceil(text.length / 8))); // Data starts aligned, as the reference has it.
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));

  const hash = createHash('sha256');
  let position = 0;
  const append = async (bytes: Uint8Array): Promise<void> => {
    hash.update(bytes);
    await writeFully(handle, position, bytes);
    position += bytes.length;
  };
  await append(Buffer.concat([length, json]));
  const fileBytes = position + end;
  return {
    fileBytes,
    write: (values) => append(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
    end: () => {
      if (position !== fileBytes) throw new RangeError(`${position} of ${fileBytes} bytes were written`);
      return hash.digest('hex');
    },
  };
}
