import { Columns, addTo, dot } from './columns';
import type { Pauses } from './pauses';

export interface Qr {
  /** Orthonormal columns: as many as the matrix has rows or columns, whichever are fewer. */
  readonly q: Columns;
  /** Upper triangle, so that the matrix is `q · r`: as many rows as `q` has columns. */
  readonly r: Columns;
}

/**
 * QR factorisation by Householder reflections: orthonormal to rounding, also where columns are zero or depend on each
 * other. Only `+ - * / √`, so every machine gives the same bits. `matrix` is used up.
 *
 * @see Golub & Van Loan, Matrix Computations, 5.2
 */
export async function qr(matrix: Columns, pauses: Pauses): Promise<Qr> {
  const { rows, count } = matrix;
  const size = Math.min(rows, count);
  const factors = new Float64Array(size);
  const r = new Columns(size, count);
  for (let step = 0; step < size; step++) {
    const vector = matrix.column(step);
    const length = Math.sqrt(dot(vector, vector, step));
    const diagonal = vector[step]! > 0 ? -length : length;
    vector[step]! -= diagonal;
    const square = dot(vector, vector, step);
    factors[step] = square > 0 ? 2 / square : 0;
    for (let other = step + 1; other < count; other++) {
      const column = matrix.column(other);
      addTo(column, vector, -factors[step]! * dot(vector, column, step), step);
      if (pauses.isDue()) await pauses.take();
    }
    r.column(step).set(vector.subarray(0, step));
    r.column(step)[step] = diagonal;
  }
  for (let other = size; other < count; other++) r.column(other).set(matrix.column(other).subarray(0, size));

  const q = new Columns(rows, size);
  for (let index = 0; index < size; index++) q.column(index)[index] = 1;
  for (let step = size - 1; step >= 0; step--) {
    const vector = matrix.column(step);
    for (let other = step; other < size; other++) {
      const column = q.column(other);
      addTo(column, vector, -factors[step]! * dot(vector, column, step), step);
      if (pauses.isDue()) await pauses.take();
    }
  }
  return { q, r };
}
