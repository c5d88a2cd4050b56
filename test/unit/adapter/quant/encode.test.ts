import assert from 'node:assert/strict';
import { encode } from '../../../../src/engine/adapter/quant/encode';
import { vectors } from './vectors';

describe('encode', () => {
  for (const type of ['F16', 'BF16', 'Q8_0'] as const)
    it(`writes ${type} as the reference does, bit for bit`, () => {
      assert.deepEqual(encode(type, vectors.pack.values), vectors.pack[type]);
    });

  it('writes F32 as it is, in bytes of its own', () => {
    const values = Float32Array.from([1, -0, 3.5]).subarray(1);

    const bytes = encode('F32', values);

    assert.deepEqual([...new Float32Array(bytes.buffer)], [-0, 3.5]);
    assert.notEqual(bytes.buffer, values.buffer);
  });
});
