import assert from 'node:assert/strict';
import { Columns, dot } from '../../../../src/engine/adapter/merge/adapters/columns';
import { lowRank } from '../../../../src/engine/adapter/merge/adapters/lowRank';
import { Pauses } from '../../../../src/engine/adapter/merge/adapters/pauses';
import { qr } from '../../../../src/engine/adapter/merge/adapters/qr';
import { svd } from '../../../../src/engine/adapter/merge/adapters/svd';
import { truncate, type Truncated } from '../../../../src/engine/adapter/merge/adapters/truncate';
import { minus, product, squareOf, squaredSingularValues, transposed, type Dense } from '../../../helpers/dense';
import { seededRandom } from '../../../helpers/packages';

const pauses = new Pauses();

function random(rows: number, count: number, seed: number): Columns {
  const next = seededRandom(seed);
  const matrix = new Columns(rows, count);
  for (const index of matrix.values.keys()) matrix.values[index] = next() - 0.5;
  return matrix;
}

const copy = ({ rows, count, values }: Columns): Columns => new Columns(rows, count, values.slice());

/** Column after column is row after row of the transpose. */
const dense = ({ rows, count, values }: Columns): Dense => ({ rows: count, columns: rows, values });

function assertOrthonormal(q: Columns): void {
  for (let i = 0; i < q.count; i++)
    for (let j = 0; j <= i; j++)
      assert.ok(Math.abs(dot(q.column(i), q.column(j)) - Number(i === j)) < 1e-13, `columns ${i} and ${j}`);
}

const multiplied = (left: Columns, right: Columns): Dense => product(transposed(dense(left)), dense(right));

const asDense = ({ rank, a, b }: Truncated): Dense =>
  product(
    { rows: b.length / rank, columns: rank, values: Float64Array.from(b) },
    { rows: rank, columns: a.length / rank, values: Float64Array.from(a) },
  );

describe('QR', () => {
  const matrices: Record<string, Columns> = {
    tall: random(40, 7, 1),
    square: random(9, 9, 2),
    wide: random(5, 12, 3),
    'one column': random(6, 1, 4),
    'all zero': new Columns(6, 3),
    'equal columns': new Columns(3, 3, Float64Array.of(1, 2, 3, 1, 2, 3, 0, 0, 0)),
    'far apart in size': new Columns(3, 2, Float64Array.of(1e-30, 0, 1e-30, 1e30, 1e30, 0)),
  };
  for (const [name, matrix] of Object.entries(matrices))
    it(`gives back a matrix: ${name}`, async () => {
      const { q, r } = await qr(copy(matrix), pauses);

      assertOrthonormal(q);
      for (let column = 0; column < r.count; column++)
        assert.ok(
          r
            .column(column)
            .subarray(column + 1)
            .every((value) => value === 0),
        );
      const back = product(transposed(dense(q)), transposed(dense(r)));
      const original = transposed(dense(matrix));
      assert.ok(Math.sqrt(squareOf(minus(back, original))) <= 1e-14 * Math.sqrt(squareOf(original)) * 10);
    });
});

describe('SVD', () => {
  it('finds known singular values, the tiny ones too', async () => {
    const known = [1e3, 2, 1e-6, 0];
    const { q: u } = await qr(random(6, 4, 5), pauses);
    const { q: v } = await qr(random(4, 4, 6), pauses);
    for (const [index, value] of known.entries()) {
      const column = u.column(index);
      for (const row of column.keys()) column[row]! *= value;
    }
    const { values: m } = multiplied(u, transposedColumns(v));

    const found = await svd(new Columns(6, 4, transposed({ rows: 6, columns: 4, values: m }).values), pauses);

    for (const [index, value] of known.entries())
      assert.ok(Math.abs(found.values[index]! - value) < 1e-12, `${found.values[index]} for ${value}`);
    assertOrthonormal(found.v);
  });

  it('agrees with eigenvalues of MᵀM', async () => {
    const matrix = random(20, 12, 7);

    const { values } = await svd(copy(matrix), pauses);

    const wanted = squaredSingularValues(transposed(dense(matrix)));
    for (const [index, value] of values.entries()) assert.ok(Math.abs(value * value - wanted[index]!) < 1e-12);
  });
});

function transposedColumns(columns: Columns): Columns {
  const { rows, columns: count, values } = dense(columns);
  return new Columns(rows, count, transposed({ rows, columns: count, values }).values);
}

describe('truncate', () => {
  const left = random(30, 6, 8);
  const right = random(20, 6, 9);
  const whole = product(transposed(dense(left)), dense(right));

  it('keeps a product at its full rank', async () => {
    const found = await truncate(copy(left), copy(right), 6, pauses);

    assert.equal(found.lost, 0);
    assert.ok(Math.abs(found.square - squareOf(whole)) < 1e-12 * squareOf(whole));
    assert.ok(squareOf(minus(asDense(found), whole)) < 1e-12 * squareOf(whole));
  });

  it('is the best at a lower rank, and names what was lost', async () => {
    const best = squaredSingularValues(whole);
    for (const rank of [1, 3, 5]) {
      const found = await truncate(copy(left), copy(right), rank, pauses);

      const lost = best.subarray(rank).reduce((sum, value) => sum + value, 0);
      assert.ok(Math.abs(found.lost - lost) < 1e-10 * squareOf(whole));
      assert.ok(Math.abs(squareOf(minus(asDense(found), whole)) - lost) < 1e-6 * squareOf(whole));
    }
  });

  it('fills up with zeros beyond the rank that there is', async () => {
    const found = await truncate(random(4, 6, 8), random(20, 6, 9), 6, pauses);

    assert.equal(found.b.length, 4 * 6);
    assert.ok(found.a.subarray(4 * 20).every((value) => value === 0));
  });

  it('leaves nothing as nothing', async () => {
    const found = await truncate(new Columns(5, 2), random(4, 2, 1), 2, pauses);

    assert.deepEqual([found.square, found.lost], [0, 0]);
    assert.ok([...found.a, ...found.b].every((value) => value === 0));
  });

  it('ends when the user gives up', async () => {
    const signal = AbortSignal.abort();
    const due = new (class extends Pauses {
      override isDue = (): boolean => true;
    })(signal);

    await assert.rejects(truncate(random(4, 2, 1), random(4, 2, 2), 1, due), { name: 'AbortError' });
  });
});

describe('lowRank', () => {
  const next = seededRandom(10);
  const noisy: Dense = product(transposed(dense(random(90, 5, 11))), dense(random(70, 5, 12)));
  for (const index of noisy.values.keys()) noisy.values[index]! += 0.2 * (next() - 0.5);
  const matrix = {
    rows: noisy.rows,
    columns: noisy.columns,
    fill: (first: number, count: number, target: Float64Array) =>
      target.set(noisy.values.subarray(first * noisy.columns, (first + count) * noisy.columns)),
  };
  const best = squaredSingularValues(noisy);

  for (const rank of [3, 5, 16])
    it(`comes near the best of rank ${rank}, and its error is exact`, async () => {
      const parts: number[] = [];

      const found = await lowRank(matrix, rank, undefined, pauses, (part) => parts.push(part));

      const real = squareOf(minus(asDense(found), noisy));
      assert.ok(Math.abs(found.square - squareOf(noisy)) < 1e-12 * found.square);
      assert.ok(Math.abs(found.lost - real) < 1e-6 * found.square);
      const least = best.subarray(rank).reduce((sum, value) => sum + value, 0);
      assert.ok(Math.sqrt(real) < 1.06 * Math.sqrt(least), `${Math.sqrt(real)} for ${Math.sqrt(least)}`);
      assert.equal(parts.at(-1), 1);
      assert.deepEqual(
        parts,
        [...parts].sort((a, b) => a - b),
      );
    });

  it('takes a guess to begin with, and gives all of a matrix that has no more', async () => {
    const found = await lowRank(matrix, 70, random(70, 4, 13), pauses, () => undefined);

    assert.ok(squareOf(minus(asDense(found), noisy)) < 1e-10 * found.square);
  });
});
