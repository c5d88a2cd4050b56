import { Columns, addFourTo, dot, dotFour } from './columns';
import { mixed } from './dare';
import type { Pauses } from './pauses';
import { qr } from './qr';
import { rowsAtOnce, type Rows } from './rows';
import { truncate, type Truncated } from './truncate';

/** Directions beyond the rank that is wanted: they catch what the first look misses. */
const OVERSAMPLING = 8;
/** Walks that turn the directions towards the largest singular values. From a good start, a second gains less than a hundredth. */
const TURNS = 1;

/**
 * A matrix that is only known by its rows, approximated at a rank by subspace iteration: near the best one, and how far off
 * it is in Frobenius norm is exact. Bounded memory: rows are made again for each walk.
 *
 * @param start directions to begin with, which a good guess makes better; the others are drawn, always the same.
 * @param onWalk told after each block of rows, which part of all the work is done.
 * @see arXiv:0909.4061, algorithms 4.4 and 5.1
 */
export async function lowRank(
  matrix: Rows,
  rank: number,
  start: Columns | undefined,
  pauses: Pauses,
  onWalk: (part: number) => void,
): Promise<Truncated> {
  const { rows, columns } = matrix;
  const size = Math.min(rows, columns, Math.max(rank, start?.count ?? 0) + OVERSAMPLING);
  let directions = firstDirections(columns, size, start);
  for (let turn = 0; turn < TURNS; turn++) {
    const { q } = await qr(directions, pauses);
    directions = new Columns(columns, size);
    const seen = new Columns(rows, size);
    await walk(matrix, q, seen, directions, pauses, (part) => onWalk((turn + part) / (TURNS + 1)));
  }
  const { q } = await qr(directions, pauses);
  const seen = new Columns(rows, size);
  const square = await walk(matrix, q, seen, undefined, pauses, (part) => onWalk((TURNS + part) / (TURNS + 1)));

  // The part outside of the directions is orthogonal to the part inside, so what is lost of both adds up.
  const caught = dot(seen.values, seen.values);
  const inside = await truncate(seen, q, rank, pauses);
  return { ...inside, square, lost: Math.max(0, square - caught) + inside.lost };
}

function firstDirections(columns: number, size: number, start: Columns | undefined): Columns {
  const directions = new Columns(columns, size);
  const { values } = directions;
  if (start) values.set(start.values.subarray(0, Math.min(values.length, start.values.length)));
  const first = Math.min(values.length, start?.values.length ?? 0);
  for (let index = first; index < values.length; index++) values[index] = mixed(mixed(index) + 1) / 2 ** 31;
  return directions;
}

/**
 * Walks over all rows: `seen` gets what each direction sees of them, M·Q, and `turned`, where it is wanted, MᵀM·Q.
 *
 * @returns the square of the Frobenius norm.
 */
async function walk(
  matrix: Rows,
  q: Columns,
  seen: Columns,
  turned: Columns | undefined,
  pauses: Pauses,
  onBlock: (part: number) => void,
): Promise<number> {
  const atOnce = rowsAtOnce(matrix.columns);
  const block = new Float64Array((atOnce + 3) * matrix.columns); // Rows are taken by four; those behind the last stay zero.
  let square = 0;
  for (let first = 0; first < matrix.rows; first += atOnce) {
    const count = Math.min(atOnce, matrix.rows - first);
    matrix.fill(first, count, block);
    if (pauses.isDue()) await pauses.take();
    square += dot(block.subarray(0, count * matrix.columns), block.subarray(0, count * matrix.columns));
    look(block, first, count, q, seen);
    if (turned) turn(block, first, count, seen, turned);
    onBlock((first + count) / matrix.rows);
    if (pauses.isDue()) await pauses.take();
  }
  return square;
}

/** `seen` gets rows `first` to `first + count` of M·Q. */
function look(block: Float64Array, first: number, count: number, q: Columns, seen: Columns): void {
  const sums = new Float64Array(4);
  for (let row = 0; row < count; row++) {
    const values = block.subarray(row * q.rows, (row + 1) * q.rows);
    for (let index = 0; index < q.count; index += 4) {
      dotFour(values, q, index, sums);
      for (let place = 0; place < 4 && index + place < q.count; place++)
        seen.values[(index + place) * seen.rows + first + row] = sums[place]!;
    }
  }
}

/** Adds what these rows bring to Mᵀ·(M·Q). Rows behind the last one count as zero. */
function turn(block: Float64Array, first: number, count: number, seen: Columns, turned: Columns): void {
  const factors = new Float64Array(4);
  for (let row = 0; row < count; row += 4) {
    for (let index = 0; index < turned.count; index++) {
      for (let place = 0; place < 4; place++)
        factors[place] = row + place < count ? seen.values[index * seen.rows + first + row + place]! : 0;
      addFourTo(turned.column(index), block, row * turned.rows, factors);
    }
  }
}
