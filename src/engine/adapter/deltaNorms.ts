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

/**
 * How strongly each module is changed: the Frobenius norm of scale · B · A, in module order.
 *
 * The product is never formed: ‖BA‖² is the trace of (BᵀB)(AAᵀ), two matrices of rank × rank. Empty when the scale is
 * unknown; pairs that are quantized or not finite are left out.
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
      const norm = pair && Math.abs(scale!) * (await productNorm(handle, pair));
      if (norm !== undefined && Number.isFinite(norm)) norms.push({ name, norm });
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

async function productNorm(handle: FileHandle, { a, b, rank, axisOfA, axisOfB }: RankedPair): Promise<number> {
  const ofA = gram(await readTensor(handle, a), rank, axisOfA);
  const ofB = gram(await readTensor(handle, b), rank, axisOfB);
  let trace = 0;
  for (let index = 0; index < rank * rank; index++) trace += ofA[index]! * ofB[index]!; // Both are symmetric.
  return Math.sqrt(Math.max(0, trace));
}

/** The rank × rank products of the vectors of one half, whose dimension `axis` is the rank. */
function gram(values: Float32Array, rank: number, axis: 0 | 1): Float64Array {
  const result = new Float64Array(rank * rank);
  const length = values.length / rank;
  const [rankStep, step] = axis === 0 ? [length, 1] : [1, rank];
  for (let i = 0; i < rank; i++) {
    for (let j = i; j < rank; j++) {
      let sum = 0;
      for (let k = 0; k < length; k++) sum += values[i * rankStep + k * step]! * values[j * rankStep + k * step]!;
      result[i * rank + j] = sum;
      result[j * rank + i] = sum;
    }
  }
  return result;
}
