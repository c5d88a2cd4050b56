import assert from 'node:assert/strict';
import { RateHistory } from '../../../src/engine/transfer/rateHistory';
import { cellsOf } from '../../../src/engine/transfer/transferView';
import { VirtualClock } from '../../helpers/virtualClock';

describe('cells of a package', () => {
  it('are one a chunk while there are few', () => {
    assert.deepEqual(
      cellsOf(5, (chunk) => chunk % 2 === 0),
      [255, 0, 255, 0, 255],
    );
  });

  it('are at most 1,024, and neither empty nor full when they are not', () => {
    const cells = cellsOf(65_536, (chunk) => chunk === 0 || (chunk >= 64 && chunk !== 128));

    assert.equal(cells.length, 1_024);
    assert.deepEqual(cells.slice(0, 4), [4, 255, 251, 255]);
  });
});

describe('RateHistory', () => {
  it('has the bytes of each whole second, oldest first', async () => {
    const clock = new VirtualClock();
    const history = new RateHistory(clock);
    history.add(10);
    await clock.advance(1_000);
    history.add(20);
    history.add(5);
    await clock.advance(2_500);
    history.add(99); // Of a second that is not over.

    assert.deepEqual(history.samples, [10, 25, 0]);
  });

  it('keeps 60 seconds, and knows those of silence', async () => {
    const clock = new VirtualClock();
    const history = new RateHistory(clock);
    for (let second = 0; second < 100; second++) {
      history.add(second);
      await clock.advance(1_000);
    }
    const busy = history.samples;
    await clock.advance(30_000);
    const later = history.samples;

    assert.deepEqual([busy.length, busy[0], busy.at(-1)], [60, 40, 99]);
    assert.deepEqual([later.length, later[0], later[29], later[30], later.at(-1)], [60, 70, 99, 0, 0]);
    await clock.advance(600_000);
    assert.ok(history.samples.every((bytes) => bytes === 0));
  });
});
