import assert from 'node:assert/strict';
import { MessageBudget } from '../../../src/engine/net/messageBudget';
import { VirtualClock } from '../../helpers/virtualClock';

describe('MessageBudget', () => {
  it('allows a burst, then so many a second, and more to who does useful work', async () => {
    const clock = new VirtualClock();
    const budget = new MessageBudget(200, 400, () => clock.now());
    const spendAll = () => {
      let spent = 0;
      while (spent < 1_000 && budget.spend()) spent++;
      return spent;
    };

    const burst = spendAll();
    await clock.advance(1_000);
    const second = spendAll();
    budget.giveBack(5);
    const earned = spendAll();

    assert.deepEqual([burst, second, earned], [400, 200, 5]);
  });
});
