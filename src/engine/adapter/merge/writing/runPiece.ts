import { readSync, writeSync } from 'node:fs';
import type { GgmlType } from '../../ggmlTypes';
import { dequantize } from '../../quant/dequantize';
import { limitOf, type EncodedType } from './encodedTypes';
import { Kernel } from './kernel';
import type { LowPiece, Piece, PieceProblem, RowsPiece } from './mergePiece';

/** Descriptors of the open base, and of the merged file. */
export interface MergeFiles {
  readonly base: number;
  readonly merged: number;
}

/** A `LowPiece` in the memory of the kernel. */
interface PackedLow {
  readonly rank: number;
  readonly at: number;
}

/** Reads pieces of the base, changes them and writes them to their places. Waits for the disk: made for a thread of its own. */
export class PieceRunner {
  readonly #kernel = new Kernel();
  #tensor: number | undefined;
  /** Stays in memory while pieces of one tensor follow each other. */
  #packed: readonly PackedLow[] = [];
  #packedEnd = 0;

  constructor(private readonly files: MergeFiles) {}

  /** @returns what is wrong with the values. Then nothing was written. */
  run(piece: Piece): PieceProblem | undefined {
    const kernel = this.#kernel;
    if (piece.kind === 'copy') {
      kernel.release(this.#packedEnd);
      const bytes = kernel.bytes(kernel.take(piece.bytes), piece.bytes);
      readFully(this.files.base, bytes, piece.from);
      writeFully(this.files.merged, bytes, piece.to);
      return undefined;
    }
    this.#pack(piece);
    kernel.release(this.#packedEnd);
    const count = piece.rows * piece.width;
    const at = kernel.take(4 * count);
    this.#start(piece, at);
    piece.low.forEach((low, index) => this.#add(piece, low, this.#packed[index]!.at, at));
    piece.magnitudes?.forEach((length, row) => kernel.calls.scaleRow(at + 4 * row * piece.width, piece.width, length));
    const values = kernel.floats(at, count);
    piece.addend?.forEach((value, index) => (values[index]! += value));
    for (const { row, values: replacement } of piece.replaced ?? []) values.set(replacement, row * piece.width);

    const largest = floatOf(kernel.calls.largestBits(at, count));
    if (!(largest < Infinity)) return 'not-finite';
    if (!(largest < limitOf(piece.type))) return 'too-large';
    this.#encode(piece.type, at, count);
    writeFully(this.files.merged, kernel.bytes(at, piece.bytes), piece.to);
    return undefined;
  }

  #pack({ tensor, low, width }: RowsPiece): void {
    if (tensor === this.#tensor) return;
    const kernel = this.#kernel;
    this.#tensor = tensor;
    kernel.release(0);
    this.#packed = low.map(({ rank }) => ({ rank, at: kernel.take(32 * rank * Math.ceil(width / 8)) }));
    this.#packedEnd = kernel.mark;
    low.forEach(({ rank, a }, index) => {
      kernel.release(this.#packedEnd);
      const raw = kernel.take(4 * rank * width);
      kernel.floats(raw, rank * width).set(a);
      kernel.calls.packColumns(raw, this.#packed[index]!.at, rank, width);
    });
  }

  #start({ source, replacement, rows, width }: RowsPiece, at: number): void {
    const kernel = this.#kernel;
    const count = rows * width;
    if (replacement) kernel.floats(at, count).set(replacement);
    else if (!source) kernel.floats(at, count).fill(0);
    else if (source.type.name === 'F32') readFully(this.files.base, kernel.bytes(at, 4 * count), source.from);
    else {
      const raw = kernel.take(source.length);
      readFully(this.files.base, kernel.bytes(raw, source.length), source.from);
      this.#decode(source.type, raw, source.length, at, count);
    }
  }

  #decode(type: GgmlType, raw: number, length: number, at: number, count: number): void {
    const { calls } = this.#kernel;
    switch (type.name) {
      case 'F16':
        calls.fromF16(raw, at, count);
        break;
      case 'BF16':
        calls.fromBf16(raw, at, count);
        break;
      case 'Q8_0':
        calls.fromQ8(raw, at, count);
        break;
      default:
        dequantize(type, this.#kernel.bytes(raw, length), this.#kernel.floats(at, count));
    }
  }

  #add({ rows, width }: RowsPiece, { rank, factor, b }: LowPiece, packed: number, values: number): void {
    const kernel = this.#kernel;
    const at = kernel.take(4 * rows * rank);
    const scaled = kernel.floats(at, rows * rank);
    for (let index = 0; index < scaled.length; index++) scaled[index] = factor * b[index]!;
    kernel.calls.addLowRank(values, rows, width, packed, at, rank);
  }

  /** In place: no type is wider than the floats. */
  #encode(type: EncodedType, at: number, count: number): void {
    const { calls } = this.#kernel;
    switch (type) {
      case 'F32':
        break;
      case 'F16':
        calls.toF16(at, at, count);
        break;
      case 'BF16':
        calls.toBf16(at, at, count);
        break;
      case 'Q8_0':
        calls.toQ8(at, at, count);
        break;
    }
  }
}

const word = new Int32Array(1);
const float = new Float32Array(word.buffer);

function floatOf(bits: number): number {
  word[0] = bits;
  return float[0]!;
}

function readFully(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) {
    const count = readSync(file, bytes, done, bytes.length - done, position + done);
    if (count === 0) throw new RangeError('the base model became shorter');
    done += count;
  }
}

function writeFully(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(file, bytes, done, bytes.length - done, position + done);
  }
}
