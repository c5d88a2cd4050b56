import { Columns, combine, dot } from './columns';
import type { Pauses } from './pauses';
import { qr } from './qr';
import { svd } from './svd';

/** `B · A` of one module, as PEFT stores it. */
export interface Factors {
  readonly rank: number;
  /** Row-major [rank, in]. */
  readonly a: Float32Array;
  /** Row-major [out, rank]. */
  readonly b: Float32Array;
}

/** A module with what was lost on the way to its rank. */
export interface Truncated extends Factors {
  /** Square of the Frobenius norm before, and of what was cut off. */
  readonly square: number;
  readonly lost: number;
}

/** The best approximation in Frobenius norm of `left · rightᵀ`, the product itself never formed. Both are used up. */
export async function truncate(left: Columns, right: Columns, rank: number, pauses: Pauses): Promise<Truncated> {
  const ofLeft = await qr(left, pauses);
  const ofRight = await qr(right, pauses);
  const core = await productOf(ofLeft.r, ofRight.r, pauses);
  const { scaledU, v, values } = await svd(core, pauses);
  const square = dot(values, values);
  const lost = dot(values.subarray(rank), values.subarray(rank));

  const a = new Float32Array(rank * right.rows);
  const b = new Float32Array(left.rows * rank);
  for (let index = 0; index < rank && index < values.length; index++) {
    const root = Math.sqrt(values[index]!); // Half to each side, so that neither has values that are out of scale.
    if (root === 0) break;
    const column = combine(ofLeft.q, scaledU.column(index));
    for (let row = 0; row < column.length; row++) b[row * rank + index] = column[row]! / root;
    const line = combine(ofRight.q, v.column(index));
    for (let place = 0; place < line.length; place++) a[index * line.length + place] = line[place]! * root;
    if (pauses.isDue()) await pauses.take();
  }
  return { rank, a, b, square, lost };
}

/** The right vectors of `left · rightᵀ` that belong to its largest singular values, at most `count`. Both are used up. */
export async function rightVectors(left: Columns, right: Columns, count: number, pauses: Pauses): Promise<Columns> {
  const ofLeft = await qr(left, pauses);
  const ofRight = await qr(right, pauses);
  const { v } = await svd(await productOf(ofLeft.r, ofRight.r, pauses), pauses);
  const kept = Math.min(count, v.count);
  const vectors = new Columns(right.rows, kept);
  for (let index = 0; index < kept; index++) {
    vectors.column(index).set(combine(ofRight.q, v.column(index)));
    if (pauses.isDue()) await pauses.take();
  }
  return vectors;
}

/** `left · rightᵀ` of two small matrices with equally many columns. */
async function productOf(left: Columns, right: Columns, pauses: Pauses): Promise<Columns> {
  const product = new Columns(left.rows, right.rows);
  const weights = new Float64Array(right.count);
  for (let column = 0; column < right.rows; column++) {
    for (let index = 0; index < right.count; index++) weights[index] = right.column(index)[column]!;
    product.column(column).set(combine(left, weights));
    if (pauses.isDue()) await pauses.take();
  }
  return product;
}
