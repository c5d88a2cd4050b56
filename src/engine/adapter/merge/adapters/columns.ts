/**
 * A matrix of 64-bit floats, column after column: column c has its `rows` values from `c * rows` on. Everything that is
 * done to tall factors walks down columns.
 */
export class Columns {
  readonly values: Float64Array;

  constructor(
    readonly rows: number,
    readonly count: number,
    values?: Float64Array,
  ) {
    this.values = values ?? new Float64Array(rows * count);
  }

  column(index: number): Float64Array {
    return this.values.subarray(index * this.rows, (index + 1) * this.rows);
  }
}

export function dot(a: Float64Array, b: Float64Array, from = 0): number {
  let even = 0;
  let odd = 0;
  let index = from;
  for (; index + 1 < a.length; index += 2) {
    even += a[index]! * b[index]!;
    odd += a[index + 1]! * b[index + 1]!;
  }
  return index < a.length ? even + odd + a[index]! * b[index]! : even + odd;
}

/** Adds `factor · from` to `to`. */
export function addTo(to: Float64Array, from: Float64Array, factor: number, start = 0): void {
  for (let index = start; index < to.length; index++) to[index]! += factor * from[index]!;
}

/** Products of `values` with four columns from `first` on, in one walk. Columns behind the last one give anything. */
export function dotFour(values: Float64Array, columns: Columns, first: number, sums: Float64Array): void {
  const { rows, count, values: all } = columns;
  const start = (index: number): number => Math.min(first + index, count - 1) * rows;
  const [c0, c1, c2, c3] = [start(0), start(1), start(2), start(3)];
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  for (let index = 0; index < rows; index++) {
    const value = values[index]!;
    s0 += value * all[c0 + index]!;
    s1 += value * all[c1 + index]!;
    s2 += value * all[c2 + index]!;
    s3 += value * all[c3 + index]!;
  }
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
}

/** Adds four neighbouring rows of `block`, each with its factor, in one walk. */
export function addFourTo(to: Float64Array, block: Float64Array, at: number, factors: Float64Array): void {
  const { length } = to;
  const [f0, f1, f2, f3] = [factors[0]!, factors[1]!, factors[2]!, factors[3]!];
  const [r1, r2, r3] = [at + length, at + 2 * length, at + 3 * length];
  for (let index = 0; index < length; index++) {
    to[index]! += f0 * block[at + index]! + f1 * block[r1 + index]! + f2 * block[r2 + index]! + f3 * block[r3 + index]!;
  }
}

/** The sum of `weights[i] ·` column i. */
export function combine(columns: Columns, weights: Float64Array): Float64Array {
  const sum = new Float64Array(columns.rows);
  for (let index = 0; index < columns.count; index++) {
    if (weights[index] !== 0) addTo(sum, columns.column(index), weights[index]!);
  }
  return sum;
}
