import assert from 'node:assert/strict';
import { keyPair } from 'hypercore-crypto';
import { signRelease } from '../../../src/engine/release/release';
import { makePackage } from '../../helpers/packages';
import { reopen, withStore } from '../../helpers/stores';
import { makeRelease } from '../../helpers/testRooms';

const ids = (list: readonly { readonly id: string }[]): string[] => list.map(({ id }) => id);

describe('WantedStore', () => {
  it('keeps what was asked for in its order, over restarts', () =>
    withStore(async (store) => {
      const signed = signRelease(makeRelease('sql'), keyPair());
      const { contentId } = signed.release;
      store.wanted.putLast({ id: 'aa', release: undefined, data: { isPaused: true } });
      store.wanted.putLast({ id: contentId, release: signed, data: null });
      store.wanted.putLast({ id: 'cc', release: undefined, data: [1] });

      const later = await reopen(store);

      const [first, second] = later.wanted.list();
      assert.deepEqual(ids(later.wanted.list()), ['aa', contentId, 'cc']);
      assert.deepEqual(first, { id: 'aa', release: undefined, data: { isPaused: true } });
      assert.deepEqual(second!.release!.release, signed.release);
      await later.close();
    }));

  it('puts one that is there behind the others, and does not forget its release', () =>
    withStore((store) => {
      const signed = signRelease(makeRelease('sql'), keyPair());
      const { contentId } = signed.release;
      store.wanted.putLast({ id: contentId, release: signed, data: 1 });
      store.wanted.putLast({ id: 'bb', release: undefined, data: 2 });

      store.wanted.putLast({ id: contentId, release: undefined, data: 3 });

      const list = store.wanted.list();
      assert.deepEqual(ids(list), ['bb', contentId]);
      assert.deepEqual(list[1]!.data, 3);
      assert.ok(list[1]!.release);
      return Promise.resolve();
    }));

  it('takes a new order, new data, and removals', () =>
    withStore((store) => {
      for (const id of ['a', 'b', 'c', 'd']) store.wanted.putLast({ id, release: undefined, data: null });

      store.wanted.setOrder(['d', 'b', 'a']);
      store.wanted.setData('b', { x: 1 });
      store.wanted.remove('a');
      store.wanted.putLast({ id: 'e', release: undefined, data: null });

      assert.deepEqual(
        ids(store.wanted.list()).filter((id) => id !== 'c'),
        ['d', 'b', 'e'],
      );
      assert.deepEqual(store.wanted.list()[1]!.data, { x: 1 });
      return Promise.resolve();
    }));

  it('takes over the downloads of a folder that knew no order', () =>
    withStore(async (store) => {
      const { manifest } = await makePackage({ weights: 100_000 });
      store.journal.begin(manifest, { data: { roomIds: ['lab'], maxRate: 5, isPaused: true } });
      store.db
        .exec(`DROP TABLE statements; DROP TABLE seen_releases; DROP TABLE counters; DROP TABLE struck; DROP TABLE wanted; ALTER TABLE rooms DROP COLUMN download_limit;
        ALTER TABLE rooms DROP COLUMN upload_limit; PRAGMA user_version = 2`);

      const later = await reopen(store);

      assert.deepEqual(later.wanted.list(), [
        { id: manifest.id, release: undefined, data: { roomIds: ['lab'], maxRate: 5, isPaused: true } },
      ]);
      await later.close();
    }));
});
