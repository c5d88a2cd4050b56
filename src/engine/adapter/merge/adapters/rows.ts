import type { MergeTerm } from './mergeTerms';

/** A matrix that is too large to keep: its rows are made again each time they are needed, from the first to the last. */
export interface Rows {
  readonly rows: number;
  readonly columns: number;
  /** Writes rows `first` to `first + count`, row-major. Rows are asked for in order; row 0 starts anew. */
  readonly fill: (first: number, count: number, target: Float64Array) => void;
}

/** Rows that are worked on at once: some milliseconds of computing, and small enough for the cache. */
export function rowsAtOnce(columns: number): number {
  return Math.max(1, Math.floor(65_536 / columns));
}

/** How many rows of A are added up in one go. */
const LANES = 4;

/** `scale · B · A` of one part, row by row, each value rounded to 32 bits. */
export class DeltaRows {
  readonly #a: Float64Array;
  readonly #b: Float64Array;
  readonly #lanes: number;
  readonly #sums: readonly [Float64Array, Float64Array];

  private constructor(
    readonly columns: number,
    readonly weight: number,
    a: Float64Array,
    b: Float64Array,
    lanes: number,
  ) {
    this.#a = a;
    this.#b = b;
    this.#lanes = lanes;
    this.#sums = [new Float64Array(columns), new Float64Array(columns)];
  }

  static async load({ weight, module }: MergeTerm): Promise<DeltaRows> {
    const { rank, inFeatures, outFeatures, factor } = module;
    const lanes = LANES * Math.ceil(rank / LANES); // What is beyond the rank is zero and adds nothing.
    const a = new Float64Array(lanes * inFeatures);
    a.set(await module.loadA());
    const values = await module.loadB();
    const b = new Float64Array(outFeatures * lanes);
    for (let row = 0; row < outFeatures; row++) {
      for (let index = 0; index < rank; index++) b[row * lanes + index] = factor * values[row * rank + index]!;
    }
    return new DeltaRows(inFeatures, weight, a, b, lanes);
  }

  fill(first: number, count: number, target: Float32Array): void {
    const [even, odd] = this.#sums;
    for (let row = 0; row < count; row += 2) {
      this.#sum(first + row, even, odd);
      target.set(even, row * this.columns);
      if (row + 1 < count) target.set(odd, (row + 1) * this.columns);
    }
  }

  /** Two rows in one walk over A. The second may lie behind the last one: then its sum means nothing. */
  #sum(row: number, even: Float64Array, odd: Float64Array): void {
    const [a, b, lanes, { columns }] = [this.#a, this.#b, this.#lanes, this];
    const next = Math.min((row + 1) * lanes, b.length - lanes);
    even.fill(0);
    odd.fill(0);
    for (let lane = 0; lane < lanes; lane += LANES) {
      const at = row * lanes + lane;
      const [e0, e1, e2, e3] = [b[at]!, b[at + 1]!, b[at + 2]!, b[at + 3]!];
      const [o0, o1, o2, o3] = [b[next + lane]!, b[next + lane + 1]!, b[next + lane + 2]!, b[next + lane + 3]!];
      const a0 = lane * columns;
      const a1 = a0 + columns;
      const a2 = a1 + columns;
      const a3 = a2 + columns;
      for (let column = 0; column < columns; column++) {
        const v0 = a[a0 + column]!;
        const v1 = a[a1 + column]!;
        const v2 = a[a2 + column]!;
        const v3 = a[a3 + column]!;
        even[column]! += e0 * v0 + e1 * v1 + e2 * v2 + e3 * v3;
        odd[column]! += o0 * v0 + o1 * v1 + o2 * v2 + o3 * v3;
      }
    }
  }
}
