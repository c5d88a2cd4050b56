import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MAX_TURNS_WAITING } from '../../../src/engine/limits';
import { Turns } from '../../../src/engine/net/turns';

describe('Turns', () => {
  it('does one piece in each turn of the event loop, in order', async () => {
    const turns = new Turns();
    const done: string[] = [];
    for (const name of ['a', 'b', 'c']) turns.take(() => done.push(name));

    const seen: string[] = [];
    while (done.length < 3) {
      seen.push(done.join(''));
      await nextTurn();
    }

    assert.deepEqual(seen, ['', 'a', 'ab']);
    assert.deepEqual(done, ['a', 'b', 'c']);
  });

  it('goes on with pieces that come while one is done, and when there were none for a while', async () => {
    const turns = new Turns();
    const done: string[] = [];
    turns.take(() => {
      done.push('a');
      turns.take(() => done.push('b'));
    });
    while (done.length < 2) await nextTurn();
    turns.take(() => done.push('c'));
    while (done.length < 3) await nextTurn();

    assert.deepEqual(done, ['a', 'b', 'c']);
  });

  it('keeps no more waiting than its limit, and the order still', async () => {
    const turns = new Turns();
    const done: number[] = [];
    const all = MAX_TURNS_WAITING + 5;
    for (let i = 0; i < all; i++) turns.take(() => done.push(i));

    assert.deepEqual(done, [0, 1, 2, 3, 4]);
    while (done.length < all) await nextTurn();
    assert.deepEqual(
      done,
      Array.from({ length: all }, (_, i) => i),
    );
  });
});
