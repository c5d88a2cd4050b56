import type { FileHandle } from 'node:fs/promises';
import { LoraSwarmError } from '../errors';
import { openForReading, readExactly } from './fileBytes';
import { ggufNumber, ggufText, readGgufHeader, type GgufHeader, type GgufTensor } from './gguf';
import { dequantize } from './quant/dequantize';
import { quoted } from './problems';
import { replaceFile } from './replaceFile';
import { writeGguf, type FillTensor, type GgufTensorSource, type GgufValue } from './writeGguf';

/** A LoRA GGUF that was checked, and how strongly it acts: 1 is as it was trained. */
export interface StackPart {
  readonly path: string;
  readonly weight: number;
}

/** Values that are held at a time, for each file. */
const PIECE_VALUES = 256 * 1024;

/**
 * Writes several LoRA GGUFs for one base as one that does what all of them do, at their weights: A below A, weight · scale · B
 * beside B, and ranks add up. Exact but for the rounding of that product to F32. A single one gets its weight so.
 *
 * @throws {LoraSwarmError} `BASE_UNFIT` when they do not change the same base.
 */
export async function stackAdapters(parts: readonly StackPart[], out: string, signal?: AbortSignal): Promise<void> {
  const open: OpenPart[] = [];
  try {
    for (const part of parts) open.push(await openPart(part));
    const tensors = stackedTensors(open);
    const ranks = tensors.filter(({ isB }) => isB).map(({ rank }) => rank);
    const alpha = mostCommon(ranks);
    const architecture = ggufText(open[0]!.header, 'general.architecture') ?? '';
    const values = new Map<string, GgufValue>([
      ['general.architecture', { type: 'string', value: architecture }],
      ['general.type', { type: 'string', value: 'adapter' }],
      ['adapter.type', { type: 'string', value: 'lora' }],
      ['adapter.lora.alpha', { type: 'float32', value: alpha }],
    ]);
    await replaceFile(out, (handle) => writeGguf(handle, values, tensors, fillFrom(alpha, signal)));
  } finally {
    for (const { handle } of open) await handle.close();
  }
}

interface OpenPart extends StackPart {
  readonly header: GgufHeader;
  readonly handle: FileHandle;
  /** What llama.cpp multiplies by, times the rank. Absent: the factor is 1. */
  readonly alpha: number | undefined;
}

async function openPart(part: StackPart): Promise<OpenPart> {
  const header = await readGgufHeader(part.path);
  const { handle } = await openForReading(part.path);
  const alpha = ggufNumber(header, 'adapter.lora.alpha');
  return { ...part, header, handle, alpha: alpha === 0 ? undefined : alpha };
}

/** One half of a pair of the stack. Its values come from the same half of each part that has it. */
interface Stacked extends GgufTensorSource {
  readonly isB: boolean;
  /** Sum of the parts' ranks. */
  readonly rank: number;
  /** Rows of the result hold a piece of each part; else the parts follow each other. */
  readonly isBeside: boolean;
  readonly from: readonly { readonly part: OpenPart; readonly tensor: GgufTensor; readonly rank: number }[];
}

function stackedTensors(parts: readonly OpenPart[]): readonly Stacked[] {
  const names = new Set(parts.flatMap(({ header }) => [...header.tensors.keys()]));
  return [...names].map((name): Stacked => {
    const isB = name.endsWith('.lora_b');
    // llama.cpp looks rows of an embedding's A up, so it keeps the rank as the first dimension there, too.
    const isBeside = isB || name === 'token_embd.weight.lora_a';
    const axis = isBeside ? 0 : 1;
    const from = parts.flatMap((part) => {
      const tensor = part.header.tensors.get(name);
      return tensor ? [{ part, tensor, rank: tensor.dims[axis] ?? 1 }] : [];
    });
    const rank = from.reduce((sum, one) => sum + one.rank, 0);
    const others = from.map(({ tensor }) => tensor.dims[1 - axis] ?? 1);
    if (new Set(others).size !== 1)
      throw new LoraSwarmError('BASE_UNFIT', `The adapters have ${quoted(name)} in different shapes.`);
    const dims = isBeside ? [rank, others[0]!] : [others[0]!, rank];
    return { name, dims, type: 'F32', isB, rank, isBeside, from };
  });
}

function fillFrom(alpha: number, signal: AbortSignal | undefined): FillTensor<Stacked> {
  return async ({ dims, rank, isB, isBeside, from }, write) => {
    // The file's alpha over this rank is what llama.cpp multiplies by; B holds the rest.
    const factors = from.map(({ part, rank: own }) =>
      isB ? part.weight * (part.alpha === undefined ? 1 : part.alpha / own) * (rank / alpha) : 1,
    );
    if (!isBeside) {
      let position = 0;
      for (const { part, tensor } of from)
        for await (const values of pieces(part.handle, tensor, tensor.dims[0]!, tensor.dims[1] ?? 1, signal)) {
          await write(position, bytesOf(values));
          position += values.byteLength;
        }
      return;
    }
    const rows = dims[1]!;
    const step = Math.max(1, Math.floor(PIECE_VALUES / rank));
    for (let row = 0; row < rows; row += step) {
      signal?.throwIfAborted();
      const count = Math.min(step, rows - row);
      const joined = new Float32Array(count * rank);
      let column = 0;
      for (const [at, { part, tensor, rank: own }] of from.entries()) {
        const values = await readRows(part.handle, tensor, own, row, count);
        for (let i = 0; i < count; i++)
          for (let k = 0; k < own; k++) joined[i * rank + column + k] = values[i * own + k]! * factors[at]!;
        column += own;
      }
      await write(row * rank * 4, bytesOf(joined));
    }
  };
}

async function* pieces(
  handle: FileHandle,
  tensor: GgufTensor,
  width: number,
  rows: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Float32Array> {
  const step = Math.max(1, Math.floor(PIECE_VALUES / width));
  for (let row = 0; row < rows; row += step) {
    signal?.throwIfAborted();
    yield await readRows(handle, tensor, width, row, Math.min(step, rows - row));
  }
}

async function readRows(
  handle: FileHandle,
  { type, offset }: GgufTensor,
  width: number,
  row: number,
  count: number,
): Promise<Float32Array> {
  const rowBytes = (width / type.blockSize) * type.blockBytes;
  return dequantize(type, await readExactly(handle, offset + row * rowBytes, count * rowBytes));
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function mostCommon(numbers: readonly number[]): number {
  const uses = new Map<number, number>();
  for (const number of numbers) uses.set(number, (uses.get(number) ?? 0) + 1);
  const [[first] = [1]] = [...uses].sort(([, a], [, b]) => b - a);
  return first;
}
