import assert from 'node:assert/strict';
import { MERGED_TYPES, typeRow } from '../../../src/ui/commands/mergeTypes';

describe('types of a merged model', () => {
  const q4 = { name: 'blk.0.attn_q.weight', from: 'Q4_K', to: 'Q8_0' };

  it('come with the size of the file and the tensors that change their type', () => {
    const rows = [
      typeRow('keep', { bytes: 543_000, retyped: [] }),
      typeRow('q8_0', { bytes: 2e9, retyped: [q4, { ...q4, name: 'other' }, { ...q4, from: 'Q6_K' }] }),
    ];

    assert.deepEqual(
      rows.map(({ label, description, detail }) => [label, description, detail]),
      [
        ['As the base has it', '543 KB', 'No tensor changes its type.'],
        ['Q8_0', '2 GB', '1.06 bytes a weight. 2 × Q4_K → Q8_0, 1 × Q6_K → Q8_0'],
      ],
    );
  });

  it('say "about" where the file of the base is not read before', () => {
    const rows = MERGED_TYPES.map((type) => typeRow(type, { bytes: 543_000 }));

    assert.ok(rows.every(({ size }) => size === 'about 543 KB'));
    assert.match(rows[0]!.detail, /become Q8_0 or F16/);
    assert.equal(rows[1]!.detail, '1.06 bytes a weight. Changed tensors only.');
  });
});
