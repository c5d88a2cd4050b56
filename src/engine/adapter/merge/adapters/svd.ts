import { Columns, dot } from './columns';
import type { Pauses } from './pauses';

export interface Svd {
  /** `u` column i times its singular value. */
  readonly scaledU: Columns;
  readonly v: Columns;
  /** Largest first, one for each column. */
  readonly values: Float64Array;
}

/** Far more than any matrix needs: a dozen sweeps do. */
const MAX_SWEEPS = 60;
/** Columns whose cosine is below this count as orthogonal. */
const ORTHOGONAL = 1e-15;

/**
 * Singular values of a small matrix by one-sided Jacobi rotations, exact to rounding for small values, too. `matrix` is
 * used up.
 *
 * @see Demmel & Veselić, Jacobi's Method is More Accurate than QR, 1992
 */
export async function svd(matrix: Columns, pauses: Pauses): Promise<Svd> {
  const { count } = matrix;
  const v = new Columns(count, count);
  for (let index = 0; index < count; index++) v.column(index)[index] = 1;

  for (let sweep = 0, isDone = false; !isDone && sweep < MAX_SWEEPS; sweep++) {
    isDone = true;
    for (let first = 0; first < count; first++) {
      for (let second = first + 1; second < count; second++) {
        if (orthogonalise(matrix, v, first, second)) isDone = false;
      }
      if (pauses.isDue()) await pauses.take();
    }
  }

  const norms = Array.from({ length: count }, (_, index) => {
    const column = matrix.column(index);
    return Math.sqrt(dot(column, column));
  });
  const order = [...norms.keys()].sort((a, b) => norms[b]! - norms[a]! || a - b);
  return {
    scaledU: reordered(matrix, order),
    v: reordered(v, order),
    values: Float64Array.from(order, (index) => norms[index]!),
  };
}

/** Turns two columns in their plane until they are orthogonal. @returns whether they were not. */
function orthogonalise(matrix: Columns, v: Columns, first: number, second: number): boolean {
  const a = matrix.column(first);
  const b = matrix.column(second);
  const aa = dot(a, a);
  const bb = dot(b, b);
  const ab = dot(a, b);
  if (Math.abs(ab) <= ORTHOGONAL * Math.sqrt(aa) * Math.sqrt(bb)) return false;
  const zeta = (bb - aa) / (2 * ab);
  const tangent = (zeta >= 0 ? 1 : -1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
  const cosine = 1 / Math.sqrt(1 + tangent * tangent);
  turn(a, b, cosine, cosine * tangent);
  turn(v.column(first), v.column(second), cosine, cosine * tangent);
  return true;
}

function turn(a: Float64Array, b: Float64Array, cosine: number, sine: number): void {
  for (let index = 0; index < a.length; index++) {
    const [x, y] = [a[index]!, b[index]!];
    a[index] = cosine * x - sine * y;
    b[index] = sine * x + cosine * y;
  }
}

function reordered(columns: Columns, order: readonly number[]): Columns {
  const result = new Columns(columns.rows, columns.count);
  for (const [place, index] of order.entries()) result.column(place).set(columns.column(index));
  return result;
}
