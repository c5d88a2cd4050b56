import assert from 'node:assert/strict';
import { RoomLimits } from '../../../src/engine/flows/roomLimits';
import type { RateLimit } from '../../../src/engine/transfer/rate';
import { reopen, withStore } from '../../helpers/stores';
import { VirtualClock } from '../../helpers/virtualClock';

const LAB = { id: '00ff00ff00ff00ff', kind: 'private', label: 'Lab', isJoined: true, data: null } as const;
const LOCAL = { id: 'local', kind: 'local', label: 'Local', isJoined: true, data: null } as const;
const MB = 1e6;

/** Takes pieces as fast as all limits allow. @returns what passed so far. */
function takeFrom(limits: readonly RateLimit[], piece: number): () => number {
  let sum = 0;
  const take = async (): Promise<void> => {
    for (;;) {
      for (const limit of limits) await limit.take(piece);
      sum += piece;
    }
  };
  void take();
  return () => sum;
}

function assertNear(actual: number, expected: number): void {
  assert.ok(Math.abs(actual / expected - 1) <= 0.05, `${actual} for ${expected}`);
}

describe('RoomLimits', () => {
  it('keeps what comes from a room within 5 % of its limit over ten seconds', () =>
    withStore(async (store) => {
      store.rooms.put(LAB);
      const clock = new VirtualClock();
      const limits = new RoomLimits(store.rooms, clock);
      limits.set(LAB.id, { download: 2 * MB });

      const passed = takeFrom(limits.downloads([LAB.id]), 65_536);
      await clock.advance(10_000);

      assertNear(passed(), 20 * MB);
      assert.deepEqual(limits.of(LAB.id), { download: 2 * MB, upload: 0 });
    }));

  it('counts all that comes from a room as one, and a changed limit at once', () =>
    withStore(async (store) => {
      store.rooms.put(LAB);
      const clock = new VirtualClock();
      const limits = new RoomLimits(store.rooms, clock);
      limits.set(LAB.id, { download: 2 * MB });
      const passed = [0, 1, 2].map(() => takeFrom(limits.downloads([LAB.id]), 65_536));
      const all = (): number => passed.reduce((sum, each) => sum + each(), 0);

      await clock.advance(10_000);
      const before = all();
      limits.set(LAB.id, { download: 500_000 });
      await clock.advance(10_000);
      const slower = all() - before;
      limits.set(LAB.id, { download: 8 * MB });
      const between = all();
      await clock.advance(10_000);

      assertNear(before, 20 * MB);
      assertNear(slower, 5 * MB);
      assertNear(all() - between, 80 * MB);
    }));

  it('charges what comes through two rooms to both', () =>
    withStore(async (store) => {
      for (const room of [LAB, LOCAL]) store.rooms.put(room);
      const clock = new VirtualClock();
      const limits = new RoomLimits(store.rooms, clock);
      limits.set(LAB.id, { download: 3 * MB, upload: 1 * MB });
      limits.set(LOCAL.id, { download: 1 * MB });

      const both = takeFrom(limits.downloads([LAB.id, LOCAL.id]), 65_536);
      const other = takeFrom(limits.downloads([LAB.id]), 65_536);
      await clock.advance(10_000);

      assertNear(both(), 10 * MB);
      assertNear(both() + other(), 30 * MB);
    }));

  it('gives the same list for the same rooms, whatever their order', () =>
    withStore((store) => {
      const limits = new RoomLimits(store.rooms);

      assert.equal(limits.downloads(['a', 'b']), limits.downloads(['b', 'a']));
      assert.notEqual(limits.downloads(['a', 'b']), limits.uploads(['a', 'b']));
      assert.deepEqual(limits.downloads([]), []);
      return Promise.resolve();
    }));

  it('is there again after a restart, also when the room was written anew, and goes with the room', () =>
    withStore(async (store) => {
      store.rooms.put(LAB);
      new RoomLimits(store.rooms).set(LAB.id, { download: 5 * MB, upload: 1 * MB });
      store.rooms.put({ ...LAB, label: 'Laboratory' });

      const later = await reopen(store);
      const again = new RoomLimits(later.rooms);

      assert.deepEqual(again.of(LAB.id), { download: 5 * MB, upload: 1 * MB });
      later.rooms.remove(LAB.id);
      again.drop(LAB.id);
      later.rooms.put(LAB);
      assert.deepEqual(again.of(LAB.id), { download: 0, upload: 0 });
      await later.close();
    }));

  it('lets go of all that waits when the room is left', () =>
    withStore(async (store) => {
      store.rooms.put(LAB);
      const clock = new VirtualClock();
      const limits = new RoomLimits(store.rooms, clock);
      limits.set(LAB.id, { download: 1_000 });
      await clock.advance(1_000);
      const [limit] = limits.downloads([LAB.id]);
      await limit!.take(1 * MB);

      const waiting = limit!.take(1);
      limits.drop(LAB.id);

      await waiting;
    }));
});
