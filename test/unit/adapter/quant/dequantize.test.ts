import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { readGgufHeader } from '../../../../src/engine/adapter/gguf';
import { readExactly } from '../../../../src/engine/adapter/fileBytes';
import { ggmlType, type GgmlType } from '../../../../src/engine/adapter/ggmlTypes';
import { canDequantize, dequantize } from '../../../../src/engine/adapter/quant/dequantize';
import { fixture } from '../../../helpers/gold';
import { bitsOf, vectors } from './vectors';

interface Facts {
  readonly type: string;
  readonly sum: number;
  readonly fro: number;
  readonly max_abs: number;
  readonly first8: readonly number[];
}

const types = new Map(
  Array.from({ length: 64 }, (_, id) => ggmlType(id))
    .filter((type) => type !== undefined)
    .map((type) => [type.name, type]),
);
const typeOf = (name: string): GgmlType => types.get(name)!;

describe('dequantize', () => {
  for (const [name, { bytes, values }] of Object.entries(vectors.unpack))
    it(`unpacks ${name} to the bits of the reference`, () => {
      assert.deepEqual(bitsOf(dequantize(typeOf(name), bytes)), bitsOf(values));
    });

  it('unpacks floats of every width', () => {
    const half = Uint8Array.from([0x00, 0x3c, 0x01, 0x00, 0xff, 0x7b]);
    const wide = Float32Array.from([1, -2.5, 1e-45]);

    assert.deepEqual([...dequantize(typeOf('F16'), half)], [1, 2 ** -24, 65_504]);
    assert.deepEqual([...dequantize(typeOf('BF16'), Uint8Array.from([0x80, 0x3f, 0x20, 0xc0]))], [1, -2.5]);
    assert.deepEqual(dequantize(typeOf('F32'), new Uint8Array(wide.buffer)), wide);
  });

  it('fills the array that it is given, from any place of a larger one', () => {
    const { bytes, values } = vectors.unpack['Q6_K']!;
    const larger = new Float32Array(values.length + 3);

    dequantize(typeOf('Q6_K'), bytes, larger.subarray(2, 2 + values.length));

    assert.deepEqual([...larger.subarray(0, 3)], [0, 0, values[0]]);
    assert.equal(larger.at(-1), 0);
    assert.throws(() => dequantize(typeOf('Q6_K'), bytes, larger), RangeError);
  });

  it('keeps a scale that is no number visible', () => {
    const block = new Uint8Array(34).fill(1);

    block.set([0x00, 0x7c]);
    assert.ok(dequantize(typeOf('Q8_0'), block).every((value) => value === Infinity));
    block.set([0x01, 0xfe]);
    assert.ok(dequantize(typeOf('Q8_0'), block).every(Number.isNaN));
  });

  it('refuses a type without a table by its name', () => {
    assert.equal(canDequantize(typeOf('IQ2_XS')), false);
    assert.throws(() => dequantize(typeOf('IQ2_XS'), new Uint8Array(74)), {
      code: 'MERGE_UNSUPPORTED',
      message: /IQ2_XS/,
    });
  });

  for (const [quant, tensors] of Object.entries(goldQuants()))
    it(`finds in a real ${quant} model what the gold facts say`, async () => {
      const path = fixture('llama-quant', `base.${quant}.gguf`);
      const { tensors: found } = await readGgufHeader(path);
      assert.deepEqual([...found.keys()].sort(), Object.keys(tensors).sort());

      const handle = await open(path);
      try {
        for (const tensor of found.values()) {
          const facts = tensors[tensor.name]!;
          const values = dequantize(tensor.type, await readExactly(handle, tensor.offset, tensor.byteLength));

          assert.equal(tensor.type.name, facts.type);
          assertFacts(values, facts, `${quant} ${tensor.name}`);
        }
      } finally {
        await handle.close();
      }
    });
});

function goldQuants(): Readonly<Record<string, Readonly<Record<string, Facts>>>> {
  const gold = JSON.parse(readFileSync(fixture('llama-quant', 'gold.json'), 'utf8')) as { readonly quants: never };
  return gold.quants;
}

/** The gold facts have nine digits. */
function assertFacts(values: Float32Array, facts: Facts, what: string): void {
  const close = (actual: number, expected: number, name: string) => {
    assert.ok(Math.abs(actual - expected) <= 1e-8 * Math.max(1, Math.abs(expected)), `${what}: ${name} ${actual}`);
  };
  close(
    values.reduce((sum, value) => sum + value, 0),
    facts.sum,
    'sum',
  );
  close(Math.sqrt(values.reduce((sum, value) => sum + value * value, 0)), facts.fro, 'fro');
  close(
    values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0),
    facts.max_abs,
    'max_abs',
  );
  facts.first8.forEach((value, index) => close(values[index]!, value, `value ${index}`));
}
