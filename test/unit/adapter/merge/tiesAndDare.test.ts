import assert from 'node:assert/strict';
import { dareRows } from '../../../../src/engine/adapter/merge/adapters/dare';
import { Pauses } from '../../../../src/engine/adapter/merge/adapters/pauses';
import { DeltaRows, type Rows } from '../../../../src/engine/adapter/merge/adapters/rows';
import { tiesRows } from '../../../../src/engine/adapter/merge/adapters/ties';
import { seededRandom } from '../../../helpers/packages';

const pauses = new Pauses();

interface Part {
  readonly weight: number;
  readonly scale: number;
  readonly rank: number;
  readonly a: readonly number[];
  readonly b: readonly number[];
}

/** Whole numbers: every sum is exact, and many magnitudes are equal. */
function part(weight: number, rank: number, rows: number, columns: number, seed: number, scale = 1): Part {
  const next = seededRandom(seed);
  const draw = (length: number): number[] => Array.from({ length }, () => Math.floor(next() * 7) - 3);
  return { weight, scale, rank, a: draw(rank * columns), b: draw(rows * rank) };
}

function load({ weight, scale, rank, a, b }: Part): Promise<DeltaRows> {
  const module = {
    name: 'm',
    rank,
    factor: scale,
    inFeatures: a.length / rank,
    outFeatures: b.length / rank,
    isEmbedding: false,
    loadA: () => Promise.resolve(Float32Array.from(a)),
    loadB: () => Promise.resolve(Float32Array.from(b)),
  };
  return DeltaRows.load({ weight, module });
}

function delta({ scale, rank, a, b }: Part): number[] {
  const columns = a.length / rank;
  return Array.from({ length: (b.length / rank) * columns }, (_, at) => {
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += b[Math.floor(at / columns) * rank + k]! * a[k * columns + (at % columns)]!;
    return scale * sum;
  });
}

/** All rows, asked for in pieces of any height. */
function all(rows: Rows, atOnce: number): Float64Array {
  const result = new Float64Array(rows.rows * rows.columns);
  const block = new Float64Array((atOnce + 1) * rows.columns);
  for (let first = 0; first < rows.rows; first += atOnce) {
    const count = Math.min(atOnce, rows.rows - first);
    rows.fill(first, count, block);
    result.set(block.subarray(0, count * rows.columns), first * rows.columns);
  }
  return result;
}

/** Algorithm 1 of the paper on whole matrices, by sorting. */
function tiesByTheBook(parts: readonly Part[], density: number): number[] {
  const kept = parts.map((one) => {
    const values = delta(one);
    const order = [...values.keys()].sort((i, j) => Math.abs(values[j]!) - Math.abs(values[i]!) || i - j);
    const keep = new Set(order.slice(0, Math.round(density * values.length)));
    return values.map((value, at) => (keep.has(at) ? one.weight * value : 0));
  });
  return kept[0]!.map((_, at) => {
    const sign = Math.sign(kept.reduce((sum, values) => sum + values[at]!, 0));
    const agreeing = kept.map((values) => values[at]!).filter((value) => sign !== 0 && Math.sign(value) === sign);
    return agreeing.length === 0 ? 0 : agreeing.reduce((sum, value) => sum + value, 0) / agreeing.length;
  });
}

describe('TIES of one module', () => {
  const cases: Record<string, readonly Part[]> = {
    'one part': [part(1, 2, 13, 11, 1)],
    'two parts': [part(1, 3, 13, 11, 2), part(1, 5, 13, 11, 3)],
    'weights and scales': [part(0.5, 4, 13, 11, 4, 2), part(2, 1, 13, 11, 5, 0.25)],
    'a negative weight': [part(1, 4, 13, 11, 6), part(-0.5, 4, 13, 11, 7), part(1, 2, 13, 11, 8)],
    'a part without weight': [part(1, 4, 13, 11, 6), part(0, 4, 13, 11, 7)],
    'one that takes the other away': [part(1, 4, 13, 11, 6), part(-1, 4, 13, 11, 6)],
  };
  for (const [name, parts] of Object.entries(cases))
    for (const density of [0.1, 0.5, 0.73, 1])
      it(`is as in the paper: ${name}, density ${density}`, async () => {
        const loaded = await Promise.all(parts.map(load));
        const rows = await tiesRows(loaded, 13, density, pauses);

        const found = all(rows, 4);

        const wanted = tiesByTheBook(parts, density);
        for (const [at, value] of found.entries()) assert.ok(Math.abs(value - wanted[at]!) < 1e-12, `at ${at}`);
        assert.deepEqual(all(rows, 13), found, 'a second walk is the same, whatever the height of the pieces');
      });

  it('keeps at least one value, the largest', async () => {
    const one = part(1, 2, 5, 5, 9);
    const largest = Math.max(...delta(one).map(Math.abs));

    const found = all(await tiesRows([await load(one)], 5, 1e-9, pauses), 5);

    assert.deepEqual([...found].filter((value) => value !== 0).map(Math.abs), [largest]);
  });

  it('tells magnitudes apart that differ in the last bit', async () => {
    const close = { weight: 1, scale: 1, rank: 1, a: [1, 1 + 2 ** -23, 1 + 2 ** -22, -1], b: [1] };

    const found = all(await tiesRows([await load(close)], 1, 0.5, pauses), 1);

    assert.deepEqual([...found], [0, 1 + 2 ** -23, 1 + 2 ** -22, 0]);
  });
});

describe('DARE of one module', () => {
  const parts = [part(1, 3, 200, 150, 21), part(-0.5, 4, 200, 150, 22)];

  it('is the weighted sum when nothing is dropped', async () => {
    const found = all(dareRows(await Promise.all(parts.map(load)), 200, 1, 0, 'm'), 7);

    const [first, second] = parts.map(delta);
    assert.deepEqual(
      [...found],
      first!.map((value, at) => value - 0.5 * second![at]!),
    );
  });

  it('keeps each value with its probability, and makes up for the others', async () => {
    for (const density of [0.2, 0.5, 0.9]) {
      const [one] = parts as [Part];
      const found = all(dareRows([await load(one)], 200, density, 3, 'm'), 16);

      const values = delta(one);
      let [kept, of] = [0, 0];
      for (const [at, value] of values.entries()) {
        if (value === 0) continue;
        of++;
        if (found[at] === 0) continue;
        kept++;
        assert.ok(Math.abs(found[at]! - value / density) < 1e-12);
      }
      assert.ok(Math.abs(kept / of - density) < 4 * Math.sqrt((density * (1 - density)) / of), `${kept} of ${of}`);
    }
  });

  it('drops what seed, module and part say, wherever the walk stands', async () => {
    const loaded = await Promise.all(parts.map(load));
    const draw = (seed: number, module: string): Float64Array => all(dareRows(loaded, 200, 0.5, seed, module), 9);

    assert.deepEqual(draw(1, 'm'), all(dareRows(loaded, 200, 0.5, 1, 'm'), 200));
    assert.notDeepEqual(draw(1, 'm'), draw(2, 'm'));
    assert.notDeepEqual(draw(1, 'm'), draw(1, 'n'));
    assert.notDeepEqual(draw(1, 'm'), draw(1 + 2 ** 32, 'm'));
  });

  it('drops from each part for itself', async () => {
    const one = {
      ...part(1, 1, 64, 64, 5),
      a: Array.from({ length: 64 }, () => 1),
      b: Array.from({ length: 64 }, () => 1),
    };
    const twice = all(dareRows(await Promise.all([one, one].map(load)), 64, 0.5, 1, 'm'), 64);

    const count = (value: number): number => twice.filter((found) => found === value).length / twice.length;
    assert.ok(Math.abs(count(0) - 0.25) < 0.03 && Math.abs(count(2) - 0.5) < 0.03 && Math.abs(count(4) - 0.25) < 0.03);
  });

  it('draws neighbours without order in rows and columns', async () => {
    const flat = {
      ...part(1, 1, 256, 256, 5),
      a: Array.from({ length: 256 }, () => 1),
      b: Array.from({ length: 256 }, () => 1),
    };
    const found = all(dareRows([await load(flat)], 256, 0.5, 9, 'm'), 256);

    const kept = (at: number): number => (found[at] === 0 ? -1 : 1);
    for (const step of [1, 2, 255, 256, 257, 512]) {
      let sum = 0;
      for (let at = 0; at + step < found.length; at++) sum += kept(at) * kept(at + step);
      assert.ok(Math.abs(sum / (found.length - step)) < 0.02, `distance ${step}: ${sum / found.length}`);
    }
  });
});
