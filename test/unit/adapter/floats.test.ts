import assert from 'node:assert/strict';
import {
  bf16ToFloat32,
  f16ToFloat32,
  float32ToBf16,
  float32ToF16,
  isAllFinite,
} from '../../../src/engine/adapter/floats';

describe('half-width floats', () => {
  it('survive the way to 32 bits and back, every one of them', () => {
    const all = new Uint8Array(Uint16Array.from({ length: 65_536 }, (_, bits) => bits).buffer);

    const fromF16 = new Uint16Array(float32ToF16(f16ToFloat32(all)).buffer);
    const fromBf16 = new Uint16Array(float32ToBf16(bf16ToFloat32(all)).buffer);

    for (let bits = 0; bits < 65_536; bits++) {
      const isF16NaN = (bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0;
      if (!isF16NaN) assert.equal(fromF16[bits], bits);
      const isBf16NaN = (bits & 0x7f80) === 0x7f80 && (bits & 0x7f) !== 0;
      if (!isBf16NaN) assert.equal(fromBf16[bits], bits);
    }
  });

  it('round to nearest, ties to even', () => {
    const values = Float32Array.from([1 + 2 ** -11, 1 + 3 * 2 ** -11, 65_519, 65_520, 2 ** -25, 2 ** -24 * 1.5, -1e-9]);

    const rounded = f16ToFloat32(float32ToF16(values));

    assert.deepEqual([...rounded], [1, 1 + 2 ** -9, 65_504, Infinity, 0, 2 ** -23, -0]);
    assert.deepEqual(
      [...bf16ToFloat32(float32ToBf16(Float32Array.from([1 + 2 ** -8, 1 + 3 * 2 ** -8])))],
      [1, 1 + 2 ** -6],
    );
  });

  it('tells numbers from what is none', () => {
    assert.ok(isAllFinite(Float32Array.from([0, -0, 1e38, 1e-45])));
    for (const value of [NaN, Infinity, -Infinity]) assert.ok(!isAllFinite(Float32Array.from([1, value])));
  });
});
