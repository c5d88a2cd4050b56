import type { GgufTensor } from '../../gguf';
import type { EncodedType } from './encodedTypes';
import type { MergedTensor } from './mergedPlan';
import type { LowPiece, Piece, ReplacedRow, RowsPiece } from './mergePiece';
import type { LowRank, TensorChange } from '../tensorChange';

/** Values of a piece: 1 MiB as floats, which stays in the cache of a core while they are worked on. */
const PIECE_VALUES = 256 * 1024;
const COPY_BYTES = 1024 * 1024;

/**
 * The work of a merge, piece by piece, in the order of the file. What a change brings along is loaded for one tensor at a
 * time, the next one while the pieces of the one before are taken.
 */
export async function* piecesOf(
  tensors: readonly MergedTensor<TensorChange>[],
): AsyncGenerator<Piece, void, undefined> {
  let next = load(tensors[0]);
  for (const [index, tensor] of tensors.entries()) {
    const loaded = await next;
    next = load(tensors[index + 1]);
    next.catch(() => undefined); // It is thrown when its turn comes, if that is still to come.
    if (loaded) yield* rowsOf(tensor, index, loaded);
    else if (tensor.source) yield* copyOf(tensor.source.offset, tensor.offset, tensor.byteLength);
  }
}

/** What a change brings, in memory. */
interface Loaded {
  readonly replacement: TensorChange['replacement'];
  readonly low: readonly LowPiece[];
  readonly magnitudes: Float32Array | undefined;
  readonly addend: Float32Array | undefined;
  readonly rows: ReadonlyMap<number, Float32Array>;
}

async function load(tensor: MergedTensor<TensorChange> | undefined): Promise<Loaded | undefined> {
  const change = tensor?.change;
  if (!change) return undefined;
  const values = elements(change.dims);
  const width = change.dims[0]!;
  const low = [];
  for (const one of change.low) low.push(await loadLow(one, width, values / width));
  const loaded = {
    low,
    replacement: change.replacement,
    magnitudes: await change.magnitudes?.(),
    addend: await change.addend?.(),
    rows: (await change.rows?.()) ?? new Map<number, Float32Array>(),
  };
  requireLength(loaded.magnitudes, values / width);
  requireLength(loaded.addend, values);
  for (const row of loaded.rows.values()) requireLength(row, width);
  return loaded;
}

async function loadLow({ rank, factor, loadA, loadB }: LowRank, width: number, rows: number): Promise<LowPiece> {
  const [a, b] = [await loadA(), await loadB()];
  requireLength(a, rank * width);
  requireLength(b, rows * rank);
  // Every thread needs all of it; shared memory is not copied with each piece.
  const shared = new Float32Array(new SharedArrayBuffer(a.byteLength));
  shared.set(a);
  return { rank, factor, a: shared, b };
}

function* copyOf(from: number, to: number, length: number): Generator<Piece> {
  for (let done = 0; done < length; done += COPY_BYTES) {
    yield { kind: 'copy', from: from + done, to: to + done, bytes: Math.min(COPY_BYTES, length - done) };
  }
}

async function* rowsOf(
  tensor: MergedTensor<TensorChange>,
  index: number,
  loaded: Loaded,
): AsyncGenerator<RowsPiece, void, undefined> {
  const { name, dims, type, offset, byteLength, source } = tensor;
  const width = dims[0]!;
  const rows = elements(dims) / width;
  const bytesPerRow = byteLength / rows;
  const step = Math.max(1, Math.floor(PIECE_VALUES / width));
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first);
    // Copies, so that they can be handed over: a part of an array takes all of it along.
    const part = (values: Float32Array | undefined, perRow: number): Float32Array | undefined =>
      values?.slice(first * perRow, (first + count) * perRow);
    const replacement = (await loaded.replacement?.(first, count))?.slice();
    requireLength(replacement, count * width);
    const magnitudes = part(loaded.magnitudes, 1);
    const addend = part(loaded.addend, width);
    const replaced = loaded.rows.size > 0 ? replacedRows(loaded.rows, first, count) : [];
    yield {
      kind: 'rows',
      name,
      tensor: index,
      rows: count,
      width,
      to: offset + bytesPerRow * first,
      bytes: bytesPerRow * count,
      type: type.name as EncodedType,
      low: loaded.low.map(({ b, rank, ...low }) => ({ ...low, rank, b: part(b, rank)! })),
      ...(replacement ? { replacement } : source && { source: sourceRows(source, rows, first, count) }),
      ...(magnitudes && { magnitudes }),
      ...(addend && { addend }),
      ...(replaced.length > 0 && { replaced }),
    };
  }
}

function replacedRows(rows: ReadonlyMap<number, Float32Array>, first: number, count: number): readonly ReplacedRow[] {
  const found: ReplacedRow[] = [];
  for (let row = 0; row < count; row++) {
    const values = rows.get(first + row);
    if (values) found.push({ row, values: values.slice() });
  }
  return found;
}

function sourceRows({ type, offset, byteLength }: GgufTensor, rows: number, first: number, count: number) {
  const bytesPerRow = byteLength / rows;
  return { type, from: offset + bytesPerRow * first, length: bytesPerRow * count };
}

function requireLength(values: Float32Array | undefined, length: number): void {
  if (values && values.length !== length) throw new RangeError(`a change has ${values.length} values, not ${length}`);
}

function elements(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}
