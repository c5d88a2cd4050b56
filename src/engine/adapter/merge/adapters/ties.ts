import type { Pauses } from './pauses';
import { rowsAtOnce, type DeltaRows, type Rows } from './rows';

/** What of one part's values is kept: all that are larger, and the first few of those that are just as large. */
interface Trim {
  /** Magnitude, as the bits of a 32-bit float: they are ordered as the numbers are. */
  readonly bits: number;
  readonly equal: number;
}

/**
 * TIES-merging of one module. Of each part's ΔW the `density` largest magnitudes are kept; per value the sign with the
 * larger sum of `weight · ΔW` is elected; the result is the mean over the parts that have this sign. With all weights 1
 * this is the paper; a weight makes its part larger before the election, so that a negative one takes away.
 *
 * @see arXiv:2306.01708, algorithm 1, there over all values of a model at once
 */
export async function tiesRows(
  parts: readonly DeltaRows[],
  rows: number,
  density: number,
  pauses: Pauses,
): Promise<Rows> {
  const { columns } = parts[0]!;
  const trims: Trim[] = [];
  for (const part of parts) trims.push(await trimOf(part, rows, density, pauses));
  const size = rowsAtOnce(columns) * columns;
  const blocks = parts.map(() => new Float32Array(size));
  const left = parts.map(() => 0);
  const weights = Float64Array.from(parts, ({ weight }) => weight);
  return {
    rows,
    columns,
    fill: (first, count, target) => {
      const length = count * columns;
      for (const [index, part] of parts.entries()) {
        if (first === 0) left[index] = trims[index]!.equal;
        part.fill(first, count, blocks[index]!);
        left[index] = trimmed(blocks[index]!, length, trims[index]!.bits, left[index]!);
      }
      elect(weights, blocks, target.subarray(0, length));
    },
  };
}

/** Counts magnitudes by their upper 16 bits, then within the class where the limit falls by the other 15: exact, unsorted. */
async function trimOf(part: DeltaRows, rows: number, density: number, pauses: Pauses): Promise<Trim> {
  const all = rows * part.columns;
  const wanted = Math.min(all, Math.max(1, Math.round(density * all)));
  if (wanted === all) return { bits: 0, equal: all };
  const upper = await counts(part, rows, pauses, countUpper);
  const inUpper = limitOf(upper, wanted);
  const lower = await counts(part, rows, pauses, (words, length, counted) =>
    countLower(words, length, counted, inUpper.index),
  );
  const inLower = limitOf(lower, inUpper.left);
  return { bits: inUpper.index * 0x8000 + inLower.index, equal: inLower.left };
}

/** The class that holds the last of the `wanted` largest, and how many of them it has to give. */
function limitOf(counted: Float64Array, wanted: number): { readonly index: number; readonly left: number } {
  let left = wanted;
  for (let index = counted.length - 1; index > 0; index--) {
    if (counted[index]! >= left) return { index, left };
    left -= counted[index]!;
  }
  return { index: 0, left };
}

async function counts(
  part: DeltaRows,
  rows: number,
  pauses: Pauses,
  count: (words: Uint32Array, length: number, counted: Float64Array) => void,
): Promise<Float64Array> {
  const counted = new Float64Array(65_536);
  const atOnce = rowsAtOnce(part.columns);
  const block = new Float32Array(atOnce * part.columns);
  const words = new Uint32Array(block.buffer);
  for (let first = 0; first < rows; first += atOnce) {
    const these = Math.min(atOnce, rows - first);
    part.fill(first, these, block);
    count(words, these * part.columns, counted);
    if (pauses.isDue()) await pauses.take();
  }
  return counted;
}

function countUpper(words: Uint32Array, length: number, counted: Float64Array): void {
  for (let index = 0; index < length; index++) counted[(words[index]! & 0x7fffffff) >>> 15]!++;
}

function countLower(words: Uint32Array, length: number, counted: Float64Array, upper: number): void {
  for (let index = 0; index < length; index++) {
    const bits = words[index]! & 0x7fffffff;
    if (bits >>> 15 === upper) counted[bits & 0x7fff]!++;
  }
}

/** Zeroes what is not kept. @returns how many of the values at the limit may still be kept. */
function trimmed(block: Float32Array, length: number, limit: number, equal: number): number {
  const words = new Uint32Array(block.buffer);
  let left = equal;
  for (let index = 0; index < length; index++) {
    const bits = words[index]! & 0x7fffffff;
    if (bits > limit || (bits === limit && left-- > 0)) continue;
    words[index] = 0;
  }
  return Math.max(0, left);
}

/** All with one sign are added up apart from all with the other, so that one walk elects and takes the mean. */
function elect(weights: Float64Array, blocks: readonly Float32Array[], target: Float64Array): void {
  const parts = weights.length;
  for (let index = 0; index < target.length; index++) {
    let [above, below, countAbove, countBelow] = [0, 0, 0, 0];
    for (let part = 0; part < parts; part++) {
      const value = weights[part]! * blocks[part]![index]!;
      if (value > 0) {
        above += value;
        countAbove++;
      } else if (value < 0) {
        below += value;
        countBelow++;
      }
    }
    const total = above + below;
    target[index] = total > 0 ? above / countAbove : total < 0 ? below / countBelow : 0;
  }
}
