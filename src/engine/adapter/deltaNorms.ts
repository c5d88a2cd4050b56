import type { FileHandle } from 'node:fs/promises';
import type { AdapterInfo } from './adapterInfo';
import { openForReading } from './fileBytes';
import { readGgufHeader, type GgufTensor } from './gguf';
import { ggufPairs, mlxPairs, peftPairs, type LoraPair } from './pairs';
import { readSafetensorsHeader, readTensor, type SafetensorsDtype, type SafetensorsEntry } from './safetensors';

export interface DeltaNorm {
  readonly name: string;
  readonly norm: number;
}

/** Values that are read at a time: memory does not grow with the adapter, and the thread answers in between. */
const PIECE_VALUES = 64 * 1024;
/** The products of so many vectors are 32 MiB, and some seconds for one large pair. */
const MAX_RANK = 2048;

/**
 * How strongly each module is changed: the Frobenius norm of scale · B · A, in module order.
 *
 * The product is never formed: ‖BA‖² is the trace of (BᵀB)(AAᵀ), two matrices of rank × rank. Empty when the scale is
 * unknown; pairs that are quantized, not finite or of a huge rank are left out.
 */
export async function deltaNorms(info: AdapterInfo, signal?: AbortSignal): Promise<readonly DeltaNorm[]> {
  if (info.modules.some(({ scale }) => scale === undefined)) return [];
  const pairs = new Map((await floatPairs(info)).map((pair) => [pair.name, pair]));
  const { handle } = await openForReading(info.weightsPath);
  try {
    const norms: DeltaNorm[] = [];
    for (const { name, scale } of info.modules) {
      signal?.throwIfAborted();
      const pair = pairs.get(name);
      const product = pair && (await productNorm(handle, pair, signal));
      if (product === undefined || !Number.isFinite(product)) continue;
      norms.push({ name, norm: Math.abs(scale!) * product });
    }
    return norms;
  } finally {
    await handle.close();
  }
}

/** A pair whose halves can be loaded, and which of their two dimensions is the rank. */
interface RankedPair extends LoraPair<SafetensorsEntry> {
  readonly axisOfA: 0 | 1;
  readonly axisOfB: 0 | 1;
}

async function floatPairs({ format, weightsPath }: AdapterInfo): Promise<readonly RankedPair[]> {
  if (format === 'peft') {
    const { pairs } = peftPairs(await readSafetensorsHeader(weightsPath));
    return pairs.map((pair) => ({ ...pair, axisOfA: 0, axisOfB: 1 }));
  }
  if (format === 'mlx') {
    const { pairs } = mlxPairs(await readSafetensorsHeader(weightsPath));
    return pairs.map((pair) => ({ ...pair, axisOfA: 1, axisOfB: 0 }));
  }
  const { pairs } = ggufPairs(await readGgufHeader(weightsPath));
  const floats = pairs.filter(({ a, b }) => isFloat(a) && isFloat(b));
  return floats.map((pair) => {
    return { ...pair, a: entry(pair.a), b: entry(pair.b), axisOfA: pair.isEmbedding ? 1 : 0, axisOfB: 1 };
  });
}

function isFloat({ type }: GgufTensor): boolean {
  return type.blockSize === 1;
}

/** A float tensor of a GGUF, as safetensors would describe it: dimensions the other way round. */
function entry({ name, type, dims, offset, byteLength }: GgufTensor): SafetensorsEntry {
  return { name, dtype: type.name as SafetensorsDtype, shape: [...dims].reverse(), offset, byteLength };
}

async function productNorm(
  handle: FileHandle,
  { a, b, rank, axisOfA, axisOfB }: RankedPair,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  if (rank > MAX_RANK) return undefined;
  const ofA = await gram(handle, a, axisOfA, signal);
  const ofB = await gram(handle, b, axisOfB, signal);
  let trace = 0;
  for (let index = 0; index < rank * rank; index++) trace += ofA[index]! * ofB[index]!; // Both are symmetric.
  return Math.sqrt(Math.max(0, trace));
}

/** The rank × rank products of the vectors of one half, whose dimension `axis` is the rank, from a part of all at a time. */
async function gram(
  handle: FileHandle,
  entry: SafetensorsEntry,
  axis: 0 | 1,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const rank = entry.shape[axis]!;
  const length = entry.shape[1 - axis]!;
  const step = Math.max(1, Math.floor(PIECE_VALUES / rank));
  const result = new Float64Array(rank * rank);
  for (let at = 0; at < length; at += step) {
    signal?.throwIfAborted();
    const count = Math.min(step, length - at);
    addProducts(await readVectors(handle, entry, axis, at, count), rank, result);
  }
  for (let i = 0; i < rank; i++) for (let j = 0; j < i; j++) result[i * rank + j] = result[j * rank + i]!;
  return result;
}

/** Elements `at` to `at + count` of every vector, one vector after another. */
async function readVectors(
  handle: FileHandle,
  { name, dtype, shape, offset }: SafetensorsEntry,
  axis: 0 | 1,
  at: number,
  count: number,
): Promise<Float32Array> {
  const rank = shape[axis]!;
  const part = (first: number, values: number): SafetensorsEntry => {
    const unit = dtype === 'F32' ? 4 : 2;
    return { name, dtype, shape: [values], offset: offset + first * unit, byteLength: values * unit };
  };
  const vectors = new Float32Array(rank * count);
  if (axis === 0) {
    for (let i = 0; i < rank; i++) vectors.set(await readTensor(handle, part(i * shape[1]! + at, count)), i * count);
    return vectors;
  }
  const rows = await readTensor(handle, part(at * rank, count * rank));
  for (let k = 0; k < count; k++) for (let i = 0; i < rank; i++) vectors[i * count + k] = rows[k * rank + i]!;
  return vectors;
}

/** Adds to the upper half of `result`. */
function addProducts(vectors: Float32Array, rank: number, result: Float64Array): void {
  const count = vectors.length / rank;
  for (let i = 0; i < rank; i++) {
    for (let j = i; j < rank; j++) {
      let sum = 0;
      for (let k = 0; k < count; k++) sum += vectors[i * count + k]! * vectors[j * count + k]!;
      result[i * rank + j] = result[i * rank + j]! + sum;
    }
  }
}
