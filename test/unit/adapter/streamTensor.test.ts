import assert from 'node:assert/strict';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bf16ToFloat32, f16ToFloat32, float32ToBf16, float32ToF16 } from '../../../src/engine/adapter/floats';
import { interleavedRow, type RowHeads } from '../../../src/engine/adapter/rowOrder';
import type { SafetensorsEntry } from '../../../src/engine/adapter/safetensors';
import { TensorStream, type TensorRewrite } from '../../../src/engine/adapter/streamTensor';

/** So small that every tensor below is many pieces. */
const PIECE = 512;
const BEFORE = 40;

let folder: string;
before(async () => (folder = await mkdtemp(join(tmpdir(), 'lora-swarm-stream-'))));
after(() => rm(folder, { recursive: true }));

describe('TensorStream', () => {
  const shapes: readonly (readonly [number, number])[] = [
    [3, 1000],
    [1000, 3],
    [48, 40],
    [96, 2],
    [1, 1],
  ];
  for (const dtype of ['F32', 'F16', 'BF16'] as const) {
    for (const type of ['F32', 'F16', 'BF16'] as const) {
      it(`gives ${dtype} as ${type}, every value at its place`, async () => {
        for (const shape of shapes) {
          for (const isTransposed of [false, true]) {
            for (const factor of [1, 0.3, 0]) await assertSame({ shape, dtype, type, isTransposed, factor });
          }
        }
      });
    }
  }

  for (const dim of [2, 8, 400]) {
    it(`puts the rows of heads of ${dim} in order`, async () => {
      const heads = { count: 800 / dim, dim };

      await assertSame({ shape: [800, 4], dtype: 'F32', type: 'F32', isTransposed: false, factor: 1, heads });
      await assertSame({ shape: [800, 4], dtype: 'F16', type: 'F32', isTransposed: false, factor: 2, heads });
      await assertSame({ shape: [4, 800], dtype: 'F32', type: 'BF16', isTransposed: true, factor: 1, heads });
      // More ranks than rows.
      const few = { count: 24 / Math.min(dim, 12), dim: Math.min(dim, 12) };
      await assertSame({ shape: [90, 24], dtype: 'F32', type: 'F32', isTransposed: true, factor: 1, heads: few });
    });
  }

  it('finds what is no number in the last piece', async () => {
    for (const value of [NaN, Infinity, -Infinity]) {
      for (const [dtype, type, factor] of [
        ['F32', 'F32', 1],
        ['F32', 'F32', 0],
        ['BF16', 'F32', 2],
      ] as const) {
        const values = new Float32Array(1000);
        values[999] = value;
        const tensor = { shape: [10, 100], dtype, type, isTransposed: false, factor } as const;

        await assert.rejects(rewritten(tensor, stored(values, dtype)), { message: /NaN or infinite/ });
      }
    }
  });

  it('tells values that are too large from those that were no numbers', async () => {
    const large = { shape: [1, 2], dtype: 'F32', isTransposed: false, factor: 1 } as const;

    for (const [type, value] of [
      ['F16', 65_520],
      ['BF16', 3.4e38],
    ] as const) {
      const writing = rewritten({ ...large, type }, stored(Float32Array.of(1, value), 'F32'));
      await assert.rejects(writing, { code: 'CONVERT_UNSUPPORTED', message: new RegExp(`too large for ${type}`) });
    }
  });

  it('stops between two pieces', async () => {
    const stop = new AbortController();
    const tensor = { shape: [10, 100], dtype: 'F32', type: 'F32', isTransposed: false, factor: 1 } as const;
    let pieces = 0;

    const writing = rewritten(tensor, stored(new Float32Array(1000), 'F32'), stop.signal, () => {
      pieces++;
      stop.abort();
    });

    await assert.rejects(writing, { name: 'AbortError' });
    assert.equal(pieces, 1);
  });
});

interface Case extends Omit<TensorRewrite, 'entry'> {
  readonly shape: readonly [number, number];
  readonly dtype: TensorRewrite['type'];
}

async function assertSame(tensor: Case): Promise<void> {
  const { shape, dtype, type, factor } = tensor;
  const values = Float32Array.from({ length: shape[0] * shape[1] }, (_, index) => Math.sin(index + 1));
  const bytes = stored(values, dtype);

  const result = await rewritten(tensor, bytes);

  const exact = widened(bytes, dtype);
  const expected = stored(
    arranged(exact, tensor).map((value) => (factor === 0 ? 0 : value * factor)),
    type,
  );
  assert.deepEqual(result, Buffer.from(expected), JSON.stringify(tensor));
}

/** The same, all at once and one value after another. */
function arranged(values: Float32Array, { shape: [rows, columns], isTransposed, heads }: Case): Float32Array {
  const result = new Float32Array(values.length);
  const [outRows, width] = isTransposed ? [columns, rows] : [rows, columns];
  for (let row = 0; row < outRows; row++) {
    for (let column = 0; column < width; column++) {
      const value = isTransposed ? values[column * columns + row]! : values[row * columns + column]!;
      result[placed(row, heads) * width + column] = value;
    }
  }
  return result;
}

function placed(row: number, heads: RowHeads | undefined): number {
  return heads ? interleavedRow(row, heads) : row;
}

async function rewritten(
  { shape, dtype, ...rest }: Case,
  bytes: Uint8Array,
  signal?: AbortSignal,
  onPiece?: () => void,
): Promise<Buffer> {
  const path = join(folder, 'tensor');
  await writeFile(path, Buffer.concat([Buffer.alloc(BEFORE, 0xff), bytes, Buffer.alloc(8, 0xff)]));
  const entry: SafetensorsEntry = { name: 'x', dtype, shape, offset: BEFORE, byteLength: bytes.length };
  const result = Buffer.alloc(shape[0] * shape[1] * (rest.type === 'F32' ? 4 : 2));
  let done = 0;
  await using handle = await open(path, 'r');
  await new TensorStream(handle, signal, PIECE).rewrite({ entry, ...rest }, (position, piece) => {
    result.set(piece, position);
    done += piece.length;
    assert.ok(piece.length <= 2 * PIECE);
    onPiece?.();
    return Promise.resolve();
  });
  assert.equal(done, result.length);
  return result;
}

function stored(values: Float32Array, dtype: Case['dtype']): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return dtype === 'F16' ? float32ToF16(values) : float32ToBf16(values);
}

function widened(bytes: Uint8Array, dtype: Case['dtype']): Float32Array {
  if (dtype === 'F32') return new Float32Array(bytes.slice().buffer);
  return dtype === 'F16' ? f16ToFloat32(bytes) : bf16ToFloat32(bytes);
}
