import assert from 'node:assert/strict';
import { reopen, withStore } from '../../helpers/stores';

const DAY_MS = 24 * 60 * 60 * 1_000;

describe('StruckStore', () => {
  it('keeps who lied over a restart, for what is left of its time', () =>
    withStore(async (store) => {
      store.struck.put('liar', DAY_MS);
      store.struck.put('other', 1_000);

      const later = await reopen(store);
      const [liar, other] = later.struck.list();
      await later.close();

      assert.deepEqual([liar?.key, other?.key], ['liar', 'other']);
      assert.ok(liar!.forMs > DAY_MS - 60_000 && liar!.forMs <= DAY_MS, `${liar!.forMs}`);
      assert.ok(other!.forMs <= 1_000);
    }));

  it('keeps nobody out for longer than a day when the clock was set back', () =>
    withStore((store) => {
      store.struck.put('liar', DAY_MS);
      store.db.run('UPDATE struck SET until = until + ?', 400 * DAY_MS); // As seen by a clock that is 400 days behind.

      assert.deepEqual(store.struck.list(), [{ key: 'liar', forMs: DAY_MS }]);
      return Promise.resolve();
    }));

  it('forgets whose time is over, and the oldest of too many', () =>
    withStore((store) => {
      store.db.transaction(() => {
        for (let i = 0; i < 4_100; i++)
          store.db.run('INSERT INTO struck (key, until, struck_at) VALUES (?, ?, ?)', `k${i}`, Date.now() + DAY_MS, i);
      });
      store.db.run('UPDATE struck SET until = 0 WHERE key = ?', 'k4000');

      store.struck.put('new', DAY_MS);
      const keys = store.struck.list().map(({ key }) => key);

      assert.equal(keys.length, 4_096);
      assert.deepEqual([keys[0], keys.at(-1), keys.includes('k4000')], ['k4', 'new', false]);
      return Promise.resolve();
    }));
});
