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

/** The sum of `weights[i] ·` column i. */
export function combine(columns: Columns, weights: Float64Array): Float64Array {
  const sum = new Float64Array(columns.rows);
  for (let index = 0; index < columns.count; index++) {
    if (weights[index] !== 0) addTo(sum, columns.column(index), weights[index]!);
  }
  return sum;
}
