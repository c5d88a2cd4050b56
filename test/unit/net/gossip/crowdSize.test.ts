import assert from 'node:assert/strict';
import { estimateCount } from '../../../../src/engine/net/gossip/crowdSize';
import { seededRandom } from '../../../helpers/packages';

describe('the estimate of a crowd', () => {
  const random = seededRandom(3);

  for (const [count, nodes] of [
    [5, 20],
    [100, 20],
    [600, 20],
    [600, 10],
    [5_000, 20],
  ] as const)
    it(`is near ${count} when ${nodes} nodes each name twenty of them`, () => {
      const found = Array.from({ length: nodes }, () => sample(count, 20)).flat();

      const estimate = estimateCount(found.length, new Set(found).size);

      assert.ok(estimate > count * 0.6 && estimate < count * 1.9, `${estimate} instead of ${count}`);
    });

  it('is without bound when nobody came twice, and small when hardly anybody came', () => {
    assert.deepEqual([estimateCount(40, 40), estimateCount(0, 0), estimateCount(1, 1)], [Infinity, 0, 1]);
  });

  /** Different ones out of so many, as a node draws them. */
  function sample(count: number, size: number): number[] {
    const all = Array.from({ length: count }, (_, i) => i);
    return Array.from({ length: Math.min(size, count) }, () => all.splice(Math.floor(random() * all.length), 1)[0]!);
  }
});
