import assert from 'node:assert/strict';
import { OpenRequests } from '../../../src/engine/transfer/openRequests';
import { seededRandom } from '../../helpers/packages';

describe('OpenRequests', () => {
  it('knows of each request which chunks have not come', () => {
    const requests = new OpenRequests();
    requests.add({ first: 10, count: 64 }, 0);
    requests.add({ first: 100, count: 1 }, 0);

    const settled = [requests.settle({ first: 0, count: 12 }), requests.settle({ first: 41, count: 2 })];

    assert.deepEqual(settled, [2, 2]);
    assert.deepEqual(requests.ranges(), [
      { first: 12, count: 29 },
      { first: 43, count: 31 },
      { first: 100, count: 1 },
    ]);
    assert.deepEqual([requests.count, requests.chunks], [2, 61]);
  });

  it('tells when a request was sent only while nothing of it has come', () => {
    const requests = new OpenRequests();
    requests.add({ first: 0, count: 2 }, 7);

    const before = requests.sentAt(1);
    requests.settle({ first: 0, count: 1 });

    assert.deepEqual([before, requests.sentAt(1), requests.sentAt(5)], [7, undefined, undefined]);
  });

  it('counts as sets of chunks would, whatever is settled in whichever order', () => {
    const next = seededRandom(3);
    const random = (below: number) => Math.floor(next() * below);
    for (let round = 0; round < 50; round++) {
      const requests = new OpenRequests();
      const open = new Set<number>();
      for (let first = 0; first < 400;) {
        const count = 1 + random(64);
        requests.add({ first, count }, 0);
        for (let chunk = first; chunk < first + count; chunk++) open.add(chunk);
        first += count + random(3);
      }
      while (open.size > 0) {
        const range = { first: random(480), count: 1 + random(80) };
        let settled = 0;
        for (let chunk = range.first; chunk < range.first + range.count; chunk++) if (open.delete(chunk)) settled++;

        assert.equal(requests.settle(range), settled);
        assert.equal(requests.chunks, open.size);
      }
      assert.equal(requests.count, 0);
    }
  });
});
