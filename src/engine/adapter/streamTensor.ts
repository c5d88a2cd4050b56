import type { FileHandle } from 'node:fs/promises';
import { LoraSwarmError } from '../errors';
import { readInto } from './fileBytes';
import {
  areNumbers,
  bf16ToFloat32,
  f16ToFloat32,
  FLOAT_BYTES,
  float32ToBf16,
  float32ToF16,
  type FloatType,
} from './floats';
import { quoted } from './problems';
import { interleavedRow, type RowHeads } from './rowOrder';
import type { SafetensorsEntry } from './safetensors';

/** Bytes of the source that are worked on at a time: memory is five times this, however large a tensor is. */
const PIECE_BYTES = 1024 * 1024;

/** How one tensor of two dimensions comes out. */
export interface TensorRewrite {
  readonly entry: SafetensorsEntry;
  readonly type: FloatType;
  readonly isTransposed: boolean;
  /** Rows of the result in another order: heads and rows per head. */
  readonly heads?: RowHeads;
  readonly factor: number;
}

/** Takes bytes for a place inside the tensor. They are only good until it is done. */
export type WriteAt = (position: number, bytes: Uint8Array) => Promise<void>;

type Units = Uint16Array | Uint32Array;

/**
 * Rewrites tensors of a safetensors file piece by piece. Its buffers serve one tensor at a time.
 *
 * Every value that is written is a number: what is NaN or infinite, or becomes so, ends it with `CONVERT_UNSUPPORTED`.
 */
export class TensorStream {
  readonly #raw: ArrayBuffer;
  readonly #arranged: ArrayBuffer;
  readonly #floats: Float32Array;
  readonly #halves: Uint16Array;

  /** @param pieceBytes at least one row of a tensor whose rows come in another order */
  constructor(
    private readonly source: FileHandle,
    private readonly signal?: AbortSignal,
    private readonly pieceBytes = PIECE_BYTES,
  ) {
    this.#raw = new ArrayBuffer(pieceBytes);
    this.#arranged = new ArrayBuffer(pieceBytes);
    this.#floats = new Float32Array(pieceBytes / 2);
    this.#halves = new Uint16Array(pieceBytes / 2);
  }

  async rewrite(tensor: TensorRewrite, write: WriteAt): Promise<void> {
    const { entry, isTransposed, heads } = tensor;
    const [rows, columns] = entry.shape as readonly [number, number];
    const emit = (at: number, units: Units): Promise<void> => {
      return write(at * FLOAT_BYTES[tensor.type], this.#encoded(tensor, units));
    };
    if (!isTransposed) return heads ? this.#turned(entry, heads, columns, emit) : this.#plain(entry, emit);
    // Long rows are read in part and make whole rows; short ones are read whole and make parts of rows.
    const isGathered = entry.byteLength <= this.pieceBytes || columns >= rows;
    return isGathered ? this.#gathered(entry, heads, emit) : this.#scattered(entry, heads, emit);
  }

  async #plain(entry: SafetensorsEntry, emit: Emit): Promise<void> {
    const unit = unitBytes(entry);
    const count = entry.byteLength / unit;
    const step = this.pieceBytes / unit;
    for (let at = 0; at < count; at += step) await emit(at, await this.#read(entry, at, Math.min(step, count - at)));
  }

  async #turned(entry: SafetensorsEntry, heads: RowHeads, width: number, emit: Emit): Promise<void> {
    const rows = heads.count * heads.dim;
    const step = stepOf(this.pieceBytes / (width * unitBytes(entry)), heads);
    for (let row = 0; row < rows; row += step) {
      const count = Math.min(step, rows - row);
      await emitRows(await this.#read(entry, row * width, count * width), row, width, heads, emit, this.#arranged);
    }
  }

  /** A part of every row at a time, and from these whole rows of the result. */
  async #gathered(entry: SafetensorsEntry, heads: RowHeads | undefined, emit: Emit): Promise<void> {
    const [rows, columns] = entry.shape as readonly [number, number];
    const unit = unitBytes(entry);
    const step = Math.min(columns, stepOf(this.pieceBytes / (rows * unit), heads));
    const turned = new ArrayBuffer(heads ? this.pieceBytes : 0);
    for (let column = 0; column < columns; column += step) {
      const count = Math.min(step, columns - column);
      if (count === columns) await this.#read(entry, 0, rows * columns);
      else for (let row = 0; row < rows; row++) await this.#read(entry, row * columns + column, count, row * count);

      const block = transposed(units(this.#raw, unit, rows * count), rows, count, this.#arranged);
      if (heads) await emitRows(block, column, rows, heads, emit, turned);
      else await emit(column * rows, block);
    }
  }

  /** Some whole rows at a time, and from these a part of every row of the result. */
  async #scattered(entry: SafetensorsEntry, heads: RowHeads | undefined, emit: Emit): Promise<void> {
    const [rows, columns] = entry.shape as readonly [number, number];
    const step = Math.max(1, Math.floor(this.pieceBytes / (columns * unitBytes(entry))));
    for (let row = 0; row < rows; row += step) {
      const count = Math.min(step, rows - row);
      const block = transposed(await this.#read(entry, row * columns, count * columns), count, columns, this.#arranged);
      for (let column = 0; column < columns; column++) {
        const target = heads ? interleavedRow(column, heads) : column;
        await emit(target * rows + row, block.subarray(column * count, (column + 1) * count));
      }
    }
  }

  /** Elements of a tensor as they are stored, from `into` on in the buffer. */
  async #read(entry: SafetensorsEntry, at: number, count: number, into = 0): Promise<Units> {
    this.signal?.throwIfAborted();
    const unit = unitBytes(entry);
    const bytes = new Uint8Array(this.#raw, into * unit, count * unit);
    await readInto(this.source, entry.offset + at * unit, bytes);
    return units(this.#raw, unit, count, into);
  }

  #encoded({ entry, type, factor }: TensorRewrite, stored: Units): Uint8Array {
    const dtype = entry.dtype as FloatType;
    if (!areNumbers(stored, dtype)) throw notFinite(entry.name);
    if (type === dtype && factor === 1) return bytesOf(stored);

    const values = this.#floats.subarray(0, stored.length);
    widen(stored, dtype, values);
    if (factor === 0)
      values.fill(0); // A product would keep the signs.
    else if (factor !== 1) for (let index = 0; index < values.length; index++) values[index] = values[index]! * factor;
    const result = type === 'F32' ? units32(values) : narrow(values, type, this.#halves.subarray(0, stored.length));
    const canGrow = factor > 1 || factor < -1 || (type !== 'F32' && type !== dtype);
    if (canGrow && !areNumbers(result, type)) throw tooLarge(entry.name, type);
    return bytesOf(result);
  }
}

type Emit = (at: number, units: Units) => Promise<void>;

/** Rows that fit at a time; whole heads if one fits, so that they can be put in order in memory. */
function stepOf(fitting: number, heads: RowHeads | undefined): number {
  const step = Math.max(1, Math.floor(fitting));
  return heads && step >= heads.dim ? step - (step % heads.dim) : step;
}

/** Writes rows at their place among the heads. @param row number of the first one */
async function emitRows(
  rows: Units,
  row: number,
  width: number,
  heads: RowHeads,
  emit: Emit,
  scratch: ArrayBuffer,
): Promise<void> {
  const count = rows.length / width;
  const isWhole = row % heads.dim === 0 && count % heads.dim === 0;
  const block = isWhole ? units(scratch, rows.BYTES_PER_ELEMENT, rows.length) : rows;
  for (let index = 0; index < count; index++) {
    const values = rows.subarray(index * width, (index + 1) * width);
    const target = interleavedRow(row + index, heads);
    if (isWhole) block.set(values, (target - row) * width);
    else await emit(target * width, values);
  }
  if (isWhole) await emit(row * width, block);
}

/** In tiles, so that both sides stay in the cache of the processor. */
function transposed(block: Units, rows: number, columns: number, scratch: ArrayBuffer): Units {
  const result = units(scratch, block.BYTES_PER_ELEMENT, block.length);
  const tile = 32;
  for (let rowTile = 0; rowTile < rows; rowTile += tile) {
    const rowEnd = Math.min(rows, rowTile + tile);
    for (let columnTile = 0; columnTile < columns; columnTile += tile) {
      const columnEnd = Math.min(columns, columnTile + tile);
      for (let row = rowTile; row < rowEnd; row++) {
        for (let column = columnTile; column < columnEnd; column++) {
          result[column * rows + row] = block[row * columns + column]!;
        }
      }
    }
  }
  return result;
}

function widen(stored: Units, type: FloatType, into: Float32Array): void {
  if (type === 'F16') f16ToFloat32(bytesOf(stored), into);
  else if (type === 'BF16') bf16ToFloat32(bytesOf(stored), into);
  else units32(into).set(stored);
}

function narrow(values: Float32Array, type: 'F16' | 'BF16', into: Uint16Array): Uint16Array {
  if (type === 'F16') float32ToF16(values, into);
  else float32ToBf16(values, into);
  return into;
}

function unitBytes({ dtype }: SafetensorsEntry): 2 | 4 {
  return FLOAT_BYTES[dtype as FloatType]; // Pairs are only ever F32, F16 or BF16.
}

function units(buffer: ArrayBuffer, unit: number, count: number, from = 0): Units {
  return unit === 4 ? new Uint32Array(buffer, 4 * from, count) : new Uint16Array(buffer, 2 * from, count);
}

function units32(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

function bytesOf(values: Units): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function notFinite(name: string): LoraSwarmError {
  return new LoraSwarmError(
    'CONVERT_UNSUPPORTED',
    `${quoted(name)} holds values that are no numbers (NaN or infinite): the training diverged. Use an earlier checkpoint.`,
  );
}

function tooLarge(name: string, type: FloatType): LoraSwarmError {
  const instead = type === 'F16' ? ' Choose f32 or bf16.' : type === 'BF16' ? ' Choose f32.' : '';
  return new LoraSwarmError('CONVERT_UNSUPPORTED', `${quoted(name)} has values too large for ${type}.${instead}`);
}
