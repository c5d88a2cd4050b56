import { LoraSwarmError } from '../../../errors';
import type { TensorChange, LowRank } from '../tensorChange';
import { WeightsFile, type StoredTensor } from './weightsFile';

/** Values that are worked on together: some 10 ms, after which others on this thread have their turn. */
const PIECE_VALUES = 2 ** 17;

/**
 * PEFT's DoRA of an embedding: it scales the columns of W + ΔW to the trained lengths, not the rows, as it keeps the pair of
 * the transpose. The lengths of columns take a pass over the whole tensor before the first row can be given.
 *
 * @param base the base's file. @param source its tensor, [rows, width].
 */
export function columnScaled(
  base: WeightsFile,
  source: StoredTensor,
  low: readonly LowRank[],
  magnitudes: () => Promise<Float32Array>,
  signal?: AbortSignal,
): NonNullable<TensorChange['replacement']> {
  const [allRows, width] = [source.shape[0]!, source.shape[1]!];
  const rowsAtOnce = Math.max(1, Math.floor(PIECE_VALUES / width));

  async function load(): Promise<Loaded> {
    const pairs = await Promise.all(low.map(async (pair) => ({ pair, a: await pair.loadA(), b: await pair.loadB() })));
    const lengths = new Float64Array(width);
    for (let first = 0; first < allRows; first += rowsAtOnce) {
      signal?.throwIfAborted();
      const values = await changed(pairs, first, Math.min(rowsAtOnce, allRows - first));
      for (let row = 0; row < values.length; row += width)
        for (let column = 0; column < width; column++)
          lengths[column]! += values[row + column]! * values[row + column]!;
    }
    const wanted = await magnitudes();
    const factors = lengths.map((squares, column) => wanted[column]! / Math.sqrt(squares));
    if (!factors.every(Number.isFinite))
      throw new LoraSwarmError(
        'MERGE_UNSUPPORTED',
        `A column of ${source.name} is all zero: its length cannot be scaled.`,
      );
    return { pairs, factors };
  }

  async function changed(pairs: Loaded['pairs'], first: number, rows: number): Promise<Float64Array> {
    const values = new Float64Array(await base.load(source, first * width, rows * width));
    for (const { pair, a, b } of pairs) addDelta(values, width, first, pair, a, b);
    return values;
  }

  let loaded: Promise<Loaded> | undefined;
  return async (firstRow = 0, rows = allRows) => {
    const { pairs, factors } = await (loaded ??= load());
    const result = new Float32Array(rows * width);
    for (let done = 0; done < rows; done += rowsAtOnce) {
      signal?.throwIfAborted();
      const values = await changed(pairs, firstRow + done, Math.min(rowsAtOnce, rows - done));
      for (let row = 0; row < values.length; row += width)
        for (let column = 0; column < width; column++)
          result[done * width + row + column] = values[row + column]! * factors[column]!;
    }
    return result;
  };
}

interface Loaded {
  readonly pairs: readonly { readonly pair: LowRank; readonly a: Float32Array; readonly b: Float32Array }[];
  readonly factors: Float64Array;
}

function addDelta(
  values: Float64Array,
  width: number,
  firstRow: number,
  { rank, factor }: LowRank,
  a: Float32Array,
  b: Float32Array,
): void {
  for (let row = 0; row < values.length / width; row++) {
    const line = values.subarray(row * width, (row + 1) * width);
    for (let inner = 0; inner < rank; inner++) {
      const strength = factor * b[(firstRow + row) * rank + inner]!;
      const from = a.subarray(inner * width, (inner + 1) * width);
      for (let column = 0; column < width; column++) line[column]! += strength * from[column]!;
    }
  }
}
