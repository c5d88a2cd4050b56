import assert from 'node:assert/strict';
import { Bitfield } from '../../../src/engine/release/bitfield';
import { seededRandom } from '../../helpers/packages';

describe('Bitfield', () => {
  it('is a set of numbers, whatever is set and cleared', () => {
    const random = seededRandom(3);
    for (const size of [1, 7, 8, 9, 64, 1_000]) {
      const bits = new Bitfield(size);
      const model = new Set<number>();
      for (let i = 0; i < 500; i++) {
        const index = Math.floor(random() * size);
        const value = random() < 0.6;

        assert.equal(bits.set(index, value), model.has(index) !== value);

        if (value) model.add(index);
        else model.delete(index);
      }
      assert.equal(bits.count, model.size);
      for (let i = -1; i <= size; i++) assert.equal(bits.has(i), model.has(i));
      assert.deepEqual(new Bitfield(size, bits.bytes.slice()), bits);
    }
  });

  it('clears bits behind its end, so that nobody counts more than there are', () => {
    const bits = new Bitfield(11, Uint8Array.of(0xff, 0xff));

    assert.equal(bits.count, 11);
    assert.ok(bits.isFull);
    assert.deepEqual(bits, Bitfield.full(11));
    assert.equal(bits.bytes[1], 0b111);
  });

  it('copies without sharing', () => {
    const bits = new Bitfield(9);
    const copy = bits.copy();

    bits.set(8);

    assert.equal(copy.has(8), false);
    assert.equal(copy.count, 0);
  });

  it('refuses bytes of another size and numbers outside', () => {
    assert.throws(() => new Bitfield(9, new Uint8Array(1)), RangeError);
    assert.throws(() => new Bitfield(9).set(9), RangeError);
    assert.throws(() => new Bitfield(9).set(-1), RangeError);
  });
});
