import { readSync, writeSync } from 'node:fs';
import { dequantize } from '../quant/dequantize';
import { encode, type EncodedType } from '../quant/encode';
import type { LowPiece, Piece, PieceProblem, RowsPiece } from './mergePiece';

/** Descriptors of the open base, and of the merged file. */
export interface MergeFiles {
  readonly base: number;
  readonly merged: number;
}

/** First magnitudes that a type cannot hold: they round to infinity, or their scale does. */
const LIMITS: Readonly<Record<EncodedType, number>> = {
  F32: Infinity,
  BF16: 2 ** 128 - 2 ** 119,
  F16: 65_520,
  Q8_0: 65_520 * 127,
};

/** Reads one piece of the base, changes it and writes it to its place. Waits for the disk: made for a thread of its own. */
export function runPiece(piece: Piece, files: MergeFiles): PieceProblem | undefined {
  if (piece.kind === 'copy') {
    write(files.merged, read(files.base, piece.from, piece.bytes), piece.to);
    return undefined;
  }
  const values = startOf(piece, files);
  for (const low of piece.low) addLowRank(values, piece, low);
  if (piece.magnitudes) scaleRows(values, piece.width, piece.magnitudes);
  piece.addend?.forEach((value, index) => (values[index]! += value));
  for (const { row, values: replacement } of piece.replaced ?? []) values.set(replacement, row * piece.width);

  let largest = 0;
  for (const value of values) {
    const magnitude = Math.abs(value);
    if (!(magnitude <= largest)) largest = magnitude; // NaN too.
    if (!(magnitude < Infinity)) return 'not-finite';
  }
  if (!(largest < LIMITS[piece.type])) return 'too-large';
  write(files.merged, encode(piece.type, values), piece.to);
  return undefined;
}

function startOf({ source, replacement, rows, width }: RowsPiece, files: MergeFiles): Float32Array {
  if (replacement) return replacement;
  if (!source) return new Float32Array(rows * width);
  return dequantize(source.type, read(files.base, source.from, source.length));
}

function addLowRank(values: Float32Array, { rows, width }: RowsPiece, { rank, factor, a, b }: LowPiece): void {
  const sum = new Float32Array(width);
  for (let row = 0; row < rows; row++) {
    sum.fill(0);
    for (let r = 0; r < rank; r++) {
      const weight = Math.fround(factor * b[row * rank + r]!);
      for (let column = 0; column < width; column++) sum[column]! += weight * a[r * width + column]!;
    }
    for (let column = 0; column < width; column++) values[row * width + column]! += sum[column]!;
  }
}

/** Each row gets the length that training gave it. A row of zeros has no direction: it ends as NaN, which is refused. */
function scaleRows(values: Float32Array, width: number, magnitudes: Float32Array): void {
  magnitudes.forEach((magnitude, row) => {
    const line = values.subarray(row * width, (row + 1) * width);
    const length = Math.sqrt(line.reduce((sum, value) => sum + value * value, 0));
    const factor = magnitude / length;
    line.forEach((value, column) => (line[column] = value * factor));
  });
}

function read(file: number, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const count = readSync(file, bytes, done, length - done, position + done);
    if (count === 0) throw new RangeError('the base model became shorter');
    done += count;
  }
  return bytes;
}

function write(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(file, bytes, done, bytes.length - done, position + done);
  }
}
