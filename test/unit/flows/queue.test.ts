import assert from 'node:assert/strict';
import { DownloadQueue } from '../../../src/engine/flows/queue';
import { VirtualClock } from '../../helpers/virtualClock';

/** Ids `a`, `b`, … that were asked for in this order. */
function queueOf(count: number): { queue: DownloadQueue; clock: VirtualClock } {
  const clock = new VirtualClock();
  const queue = new DownloadQueue(clock);
  for (let i = 0; i < count; i++) queue.add(String.fromCharCode(97 + i));
  return { queue, clock };
}

const running = (queue: DownloadQueue): string => queue.order.filter((id) => queue.mayRun(id)).join('');
const queued = (queue: DownloadQueue): string => {
  const waiting = queue.order.filter((id) => queue.placeOf(id) !== undefined);
  assert.deepEqual(
    waiting.map((id) => queue.placeOf(id)),
    waiting.map((_, index) => index + 1),
  );
  return waiting.join('');
};

describe('DownloadQueue', () => {
  it('lets four run, and the next one when one is done', () => {
    const { queue } = queueOf(6);

    assert.deepEqual([running(queue), queued(queue)], ['abcd', 'ef']);
    queue.remove('b');
    assert.deepEqual([running(queue), queued(queue)], ['acde', 'f']);
    queue.add('b');
    assert.deepEqual([running(queue), queued(queue)], ['acde', 'fb']);
  });

  it('moves those that wait among each other, and before nobody that runs', () => {
    const { queue } = queueOf(8);

    assert.equal(queue.move('g', 'first'), true);
    assert.equal(queued(queue), 'gefh');
    assert.equal(queue.move('h', 'up'), true);
    assert.equal(queued(queue), 'gehf');
    assert.equal(queue.move('g', 'down'), true);
    assert.equal(queued(queue), 'eghf');
    assert.equal(queue.move('e', 'last'), true);
    assert.equal(queued(queue), 'ghfe');
    assert.equal(running(queue), 'abcd');
  });

  it('says when a move changes nothing', () => {
    const { queue } = queueOf(6);

    for (const [id, to] of [
      ['e', 'first'],
      ['e', 'up'],
      ['f', 'down'],
      ['f', 'last'],
      ['a', 'first'],
      ['a', 'up'],
      ['unknown', 'first'],
      ['unknown', 'last'],
    ] as const)
      assert.equal(queue.move(id, to), false, `${id} ${to}`);

    assert.deepEqual([running(queue), queued(queue)], ['abcd', 'ef']);
  });

  it('lets the first that waits go instead of one that is moved down', () => {
    const { queue } = queueOf(6);

    assert.equal(queue.move('b', 'down'), true);
    assert.deepEqual([running(queue), queued(queue)], ['acde', 'bf']);
    assert.equal(queue.move('a', 'last'), true);
    assert.deepEqual([running(queue), queued(queue)], ['cdeb', 'fa']);
  });

  it('leaves those that run alone when nobody waits', () => {
    const { queue } = queueOf(3);

    assert.equal(queue.move('a', 'last'), false);
    assert.equal(running(queue), 'abc');
  });

  it('gives the slot of one that waits for a source to the next one, after some seconds', async () => {
    const { queue, clock } = queueOf(6);

    queue.note('b', true);
    await clock.advance(4_900);
    assert.equal(queue.note('b', true), false);
    assert.equal(queued(queue), 'ef');
    await clock.advance(200);
    assert.equal(queue.note('b', true), true);

    assert.deepEqual([running(queue), queued(queue)], ['abcde', 'f'], 'it goes on looking');
  });

  it('does not count a moment without a source', async () => {
    const { queue, clock } = queueOf(5);

    for (let second = 0; second < 20; second++) {
      queue.note('a', second % 4 !== 0);
      await clock.advance(1_000);
    }

    assert.equal(queued(queue), 'e');
  });

  it('gives the slot back when there is a source, from the last one that got in', async () => {
    const { queue, clock } = queueOf(6);
    for (const id of ['a', 'b']) queue.note(id, true);
    await clock.advance(6_000);
    for (const id of ['a', 'b']) queue.note(id, true);
    assert.deepEqual([running(queue), queued(queue)], ['abcdef', '']);

    assert.equal(queue.note('b', false), true);

    assert.deepEqual([running(queue), queued(queue)], ['abcde', 'f']);
    queue.note('a', false);
    assert.deepEqual([running(queue), queued(queue)], ['abcd', 'ef']);
  });

  it('holds nobody up with many that wait for a source', async () => {
    const { queue, clock } = queueOf(26);

    for (let seconds = 0; seconds < 60; seconds += 3) {
      for (const id of queue.order) if (id < 'y' && queue.mayRun(id)) queue.note(id, true);
      await clock.advance(3_000);
    }

    assert.ok(queue.mayRun('y') && queue.mayRun('z'));
  });

  it('counts the waiting anew after a time in the queue', async () => {
    const { queue, clock } = queueOf(5);
    queue.note('d', true);
    await clock.advance(3_000);
    queue.move('d', 'down');
    await clock.advance(60_000);
    assert.equal(queued(queue), 'd');

    queue.remove('a');
    queue.note('d', true);

    assert.equal(queue.mayRun('d'), true);
    assert.equal(queue.note('d', true), false);
  });

  it('keeps the place of one that is set aside, without a slot', () => {
    const { queue } = queueOf(6);

    queue.setAside('c', true);
    assert.deepEqual([running(queue), queued(queue)], ['abde', 'f']);
    queue.setAside('c', false);

    assert.deepEqual([running(queue), queued(queue)], ['abcd', 'ef']);
  });
});
