import assert from 'node:assert/strict';
import { bf16ToFloat32, f16ToFloat32, float32ToBf16, float32ToF16 } from '../../../../src/engine/adapter/floats';
import { ggmlType } from '../../../../src/engine/adapter/ggmlTypes';
import { Kernel } from '../../../../src/engine/adapter/merge/writing/kernel';
import { dequantize } from '../../../../src/engine/adapter/quant/dequantize';
import { bitsOf, vectors } from '../quant/vectors';

type Convert = 'fromF16' | 'toF16' | 'fromBf16' | 'toBf16' | 'fromQ8' | 'toQ8';

const ALL_HALVES = new Uint8Array(Uint16Array.from({ length: 65_536 }, (_, bits) => bits).buffer);

describe('kernel', () => {
  const kernel = new Kernel();
  afterEach(() => kernel.release(0));

  /** Runs a conversion, in place when that is what the merge does. */
  const convert = (name: Convert, bytes: Uint8Array, count: number, outBytes: number): Uint8Array => {
    const source = kernel.take(Math.max(bytes.length, outBytes));
    const target = name.startsWith('to') ? source : kernel.take(outBytes);
    kernel.bytes(source, bytes.length).set(bytes);
    kernel.calls[name](source, target, count);
    return kernel.bytes(target, outBytes).slice();
  };
  const widen = (name: Convert, bytes: Uint8Array, count: number) => floatsOf(convert(name, bytes, count, 4 * count));
  const narrow = (name: Convert, values: Float32Array, outBytes: number) =>
    convert(name, bytesOf(values), values.length, outBytes);

  it('widens every half float and every bfloat16', () => {
    const expected = f16ToFloat32(ALL_HALVES);

    assert.ok(widen('fromF16', ALL_HALVES, 65_536).every((value, at) => Object.is(value, expected[at]))); // A NaN as any.
    assert.ok(equalBits(widen('fromBf16', ALL_HALVES, 65_536), bf16ToFloat32(ALL_HALVES)));
  });

  it('rounds to half floats and bfloat16 as floats.ts does, with all ties and neighbours of ties', () => {
    for (const [name, all, reference] of [
      ['toF16', f16ToFloat32(ALL_HALVES), float32ToF16],
      ['toBf16', bf16ToFloat32(ALL_HALVES), float32ToBf16],
    ] as const) {
      const values = Float32Array.from(
        [...all].flatMap((value, at) => [value, (value + all[(at + 1) & 0xffff]!) / 2]).flatMap(neighbours),
      ).filter((value) => Math.abs(value) < (name === 'toF16' ? 65_520 : 2 ** 128 - 2 ** 119));

      assert.ok(values.length > 300_000);
      assert.ok(Buffer.from(narrow(name, values, 2 * values.length)).equals(reference(values)), name);
    }
  });

  it('unpacks and packs Q8_0 as the reference does', () => {
    const { bytes, values } = vectors.unpack['Q8_0']!;

    assert.ok(equalBits(widen('fromQ8', bytes, values.length), values));
    assert.deepEqual(narrow('toQ8', vectors.pack.values, vectors.pack.Q8_0.length), vectors.pack.Q8_0);
  });

  it('packs floats as the reference does', () => {
    const { values, F16, BF16 } = vectors.pack;

    assert.deepEqual(narrow('toF16', values, F16.length), F16);
    assert.deepEqual(narrow('toBf16', values, BF16.length), BF16);
  });

  it('packs Q8_0 by the definition, whatever the size of the values', () => {
    const values = noise(32 * 2000, 1).map((value, at) => value * 2 ** ((at >> 5) % 40) * 1e-6);

    const packed = narrow('toQ8', values, 34 * 2000);

    assert.deepEqual(packed, packQ8(values));
    assert.ok(equalBits(widen('fromQ8', packed, values.length), dequantize(ggmlType(8)!, packed)));
  });

  it('rounds Q8_0 away from zero at every half, and not beside it', () => {
    const halves = Array.from({ length: 127 }, (_, n) => neighbours(n + 0.5)).flat();
    const numbers = halves.flatMap((value) => [value, -value]).filter((value) => Math.abs(value) <= 127);
    const values = Float32Array.from(
      Array.from({ length: Math.ceil(numbers.length / 31) }, (_, block) => {
        const part = numbers.slice(31 * block, 31 * block + 31);
        return [127, ...part, ...Array<number>(31 - part.length).fill(0)]; // The scale of each block is 1.
      }).flat(),
    );

    assert.deepEqual(narrow('toQ8', values, (values.length / 32) * 34), packQ8(values));
  });

  it('writes nothing that is wrong beside counts that are no multiple of a vector', () => {
    for (let count = 1; count <= 17; count++) {
      const values = noise(count, count);
      assert.deepEqual(narrow('toF16', values, 2 * count), float32ToF16(values));
      assert.ok(equalBits(widen('fromF16', float32ToF16(values), count), f16ToFloat32(float32ToF16(values))));
    }
  });

  it('finds the largest magnitude, and what is no number, at any place', () => {
    const at = kernel.take(4 * 23);
    for (const [bad, bits] of [
      [-9, 0x41100000],
      [-Infinity, 0x7f800000],
      [NaN, 0x7fc00000],
    ] as const)
      for (let place = 0; place < 23; place++) {
        kernel.floats(at, 23).fill(0.25);
        kernel.floats(at, 23)[place] = bad;

        assert.equal(kernel.calls.largestBits(at, 23), bits);
        assert.equal(kernel.calls.largestBits(at, place), place === 0 ? 0 : 0x3e800000);
      }
  });

  it('adds B · A to rows of every length, one rounding after the other', () => {
    for (const rank of [1, 3, 16])
      for (let width = 1; width <= 19; width++)
        for (const rows of [1, 4, 7]) {
          const [values, a, b] = [noise(rows * width, 1), noise(rank * width, 2), noise(rows * rank, 3)];

          assert.ok(equalBits(addLowRank(kernel, values, a, b, rank), expectedSum(values, a, b, rank)), `${width}`);
          kernel.release(0);
        }
  });

  it('gives a row its length, and a row of zeros none', () => {
    const row = noise(77, 1);
    const at = kernel.take(4 * 77);
    kernel.floats(at, 77).set(row);

    kernel.calls.scaleRow(at, 77, 3.5);

    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    assert.ok(
      equalBits(
        kernel.floats(at, 77),
        row.map((value) => value * (3.5 / length)),
      ),
    );
    kernel.floats(at, 77).fill(0);
    kernel.calls.scaleRow(at, 77, 3.5);
    assert.ok(kernel.floats(at, 77).every(Number.isNaN));
  });
});

function addLowRank(kernel: Kernel, values: Float32Array, a: Float32Array, b: Float32Array, rank: number) {
  const rows = b.length / rank;
  const width = a.length / rank;
  const place = (floats: Float32Array): number => {
    const at = kernel.take(4 * floats.length);
    kernel.floats(at, floats.length).set(floats);
    return at;
  };
  const packed = kernel.take(32 * rank * Math.ceil(width / 8));
  kernel.calls.packColumns(place(a), packed, rank, width);
  const [at, weights] = [place(values), place(b)];
  const behind = place(Float32Array.from([7]));
  kernel.calls.addLowRank(at, rows, width, packed, weights, rank);
  assert.equal(kernel.floats(behind, 1)[0], 7);
  return kernel.floats(at, values.length).slice();
}

function expectedSum(values: Float32Array, a: Float32Array, b: Float32Array, rank: number): Float32Array {
  const width = a.length / rank;
  return values.map((value, at) => {
    const [row, column] = [Math.floor(at / width), at % width];
    let sum = 0;
    for (let r = 0; r < rank; r++) sum = Math.fround(sum + Math.fround(a[r * width + column]! * b[row * rank + r]!));
    return value + sum;
  });
}

/** Blocks of 32 by the definition of ggml's `quantize_row_q8_0_ref`, with its 32-bit roundings in between. */
function packQ8(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array((values.length / 32) * 34);
  for (let block = 0; block < values.length / 32; block++) {
    const part = values.subarray(32 * block, 32 * block + 32);
    const scale = Math.fround(part.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    bytes.set(float32ToF16(Float32Array.from([scale])), 34 * block);
    part.forEach((value, j) => {
      const scaled = Math.fround(value * inverse);
      bytes[34 * block + 2 + j] = Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5);
    });
  }
  return bytes;
}

/** The float itself, the one below and the one above. */
function neighbours(value: number): readonly number[] {
  const bits = bitsOf(Float32Array.from([value]))[0]!;
  return [...new Float32Array(Uint32Array.from([bits, bits - 1, bits + 1]).buffer)];
}

function equalBits(actual: Float32Array, expected: Float32Array): boolean {
  return Buffer.from(bytesOf(actual)).equals(bytesOf(expected));
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function floatsOf(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer);
}

/** The same numbers for the same seed, about as large as weights. */
function noise(count: number, seed: number): Float32Array {
  let state = seed * 2654435761;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32 - 0.5) / 4;
  });
}
