import assert from 'node:assert/strict';
import { MeteredWatch } from '../../../src/engine/flows/metered';
import { silentLog } from '../../../src/engine/log';
import { VirtualClock } from '../../helpers/virtualClock';

interface World {
  answer: boolean | undefined;
  addresses: string;
  isWanted: boolean;
  asked: number;
}

async function watching(
  use: (watch: MeteredWatch, world: World, clock: VirtualClock, changes: (boolean | undefined)[]) => Promise<void>,
): Promise<void> {
  const world: World = { answer: false, addresses: 'wlan0 10.0.0.2', isWanted: true, asked: 0 };
  const clock = new VirtualClock();
  const watch = new MeteredWatch({
    isWanted: () => world.isWanted,
    ask: () => Promise.resolve((world.asked++, world.answer)),
    addresses: () => world.addresses,
    clock,
    log: silentLog,
  });
  const changes: (boolean | undefined)[] = [];
  watch.onDidChange(() => changes.push(watch.isMetered));
  watch.start();
  await clock.advance(0);
  await use(watch, world, clock, changes);
  watch.dispose();
  assert.equal(clock.isIdle, true);
}

describe('MeteredWatch', () => {
  it('asks at the start and twice a minute, and says what changes', () =>
    watching(async (watch, world, clock, changes) => {
      assert.deepEqual([world.asked, watch.isMetered, watch.problem], [1, false, undefined]);

      world.answer = true;
      await clock.advance(60_000);

      assert.deepEqual([world.asked, changes], [3, [false, true]]);
      assert.equal(watch.problem?.code, 'NETWORK_METERED');
    }));

  it('asks within seconds after the network has changed', () =>
    watching(async (watch, world, clock) => {
      world.answer = true;
      world.addresses = 'usb0 192.168.42.10';
      await clock.advance(5_000);

      assert.deepEqual([world.asked, watch.isMetered], [2, true]);
    }));

  it('takes one missing answer for no news, and two for an answer', () =>
    watching(async (watch, world, clock) => {
      world.answer = true;
      await clock.advance(30_000);
      world.answer = undefined;
      await clock.advance(30_000);
      assert.equal(watch.isMetered, true);

      await clock.advance(30_000);

      assert.equal(watch.isMetered, undefined);
    }));

  it('asks nothing while nobody wants to know, and at once when somebody does', () =>
    watching(async (watch, world, clock) => {
      world.answer = true;
      await clock.advance(30_000);
      world.isWanted = false;
      watch.refresh();
      assert.equal(watch.isMetered, undefined);
      const { asked } = world;
      await clock.advance(120_000);
      assert.equal(world.asked, asked);

      world.isWanted = true;
      watch.refresh();
      await clock.advance(0);

      assert.equal(watch.isMetered, true);
    }));
});
