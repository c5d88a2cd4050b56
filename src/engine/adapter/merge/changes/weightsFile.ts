import { stat } from 'node:fs/promises';
import { LoraSwarmError } from '../../../errors';
import { openForReading, readExactly } from '../../fileBytes';
import { isAllFinite } from '../../floats';
import { ggmlType, type GgmlType } from '../../ggmlTypes';
import type { GgufTensor } from '../../gguf';
import { quoted } from '../../problems';
import { dequantize } from '../../quant/dequantize';
import type { SafetensorsEntry } from '../../safetensors';

/** Values that are looked at together: a piece of 4 MiB as floats. */
const PIECE_VALUES = 2 ** 20;

/** A tensor of either container, and where it stands. */
export interface StoredTensor {
  readonly name: string;
  readonly type: GgmlType;
  /** Outermost dimension first, as safetensors has it. */
  readonly shape: readonly number[];
  readonly offset: number;
  readonly byteLength: number;
}

/** A weights file whose tensors are loaded when they are needed. Notices when another file has taken its place. */
export class WeightsFile {
  private constructor(
    readonly path: string,
    private readonly bytes: number,
    private readonly modifiedMs: number,
  ) {}

  /** To be called before the header is read that tells where the tensors are. */
  static async at(path: string): Promise<WeightsFile> {
    const { size, mtimeMs } = await stat(path).catch((error: unknown) => {
      throw new LoraSwarmError('ADAPTER_NOT_FOUND', `${path} does not exist.`, undefined, { cause: error });
    });
    return new WeightsFile(path, size, mtimeMs);
  }

  /** Values of a tensor, row-major; with `first` and `count` that many of them, in whole blocks of its type. */
  async load(tensor: StoredTensor, first = 0, count = valuesOf(tensor)): Promise<Float32Array> {
    const { blockSize, blockBytes } = tensor.type;
    const { handle, size } = await openForReading(this.path).catch((error: unknown) => {
      throw this.#changed(error);
    });
    try {
      const { mtimeMs } = await handle.stat();
      if (size !== this.bytes || mtimeMs !== this.modifiedMs) throw this.#changed();
      const offset = tensor.offset + (first / blockSize) * blockBytes;
      const values = dequantize(tensor.type, await readExactly(handle, offset, (count / blockSize) * blockBytes));
      if (!isAllFinite(values)) throw notFinite(tensor.name);
      return values;
    } finally {
      await handle.close();
    }
  }

  /** Throws what `load` would, in little memory. */
  async requireFinite(tensor: StoredTensor, signal?: AbortSignal): Promise<void> {
    const count = valuesOf(tensor);
    for (let first = 0; first < count; first += PIECE_VALUES) {
      signal?.throwIfAborted();
      await this.load(tensor, first, Math.min(PIECE_VALUES, count - first));
    }
  }

  #changed(cause?: unknown): LoraSwarmError {
    const message = `${this.path} changed while it was merged. Try again.`;
    return new LoraSwarmError('SOURCE_CHANGED', message, undefined, { cause });
  }
}

/** @throws {LoraSwarmError} `MERGE_UNSUPPORTED` for types that are no floats. */
export function safetensorsTensor({ name, dtype, shape, offset, byteLength }: SafetensorsEntry): StoredTensor {
  const type = FLOATS[dtype];
  if (type) return { name, type, shape, offset, byteLength };
  throw new LoraSwarmError(
    'MERGE_UNSUPPORTED',
    `${quoted(name)} is stored as something other than F32, F16 or BF16. Save it as one of these.`,
  );
}

export function ggufTensor({ name, type, dims, offset, byteLength }: GgufTensor): StoredTensor {
  return { name, type, shape: [...dims].reverse(), offset, byteLength };
}

export function valuesOf({ shape }: StoredTensor): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

const FLOATS: Readonly<Record<string, GgmlType | undefined>> = {
  F32: ggmlType(0),
  F16: ggmlType(1),
  BF16: ggmlType(30),
};

function notFinite(name: string): LoraSwarmError {
  return new LoraSwarmError(
    'MERGE_UNSUPPORTED',
    `${quoted(name)} holds values that are no numbers (NaN or infinite): the training diverged. Use an earlier checkpoint.`,
  );
}
