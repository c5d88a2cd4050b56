import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Release, SignedRelease } from '../../../src/engine/release/release';
import { ReleaseNumbers } from '../../../src/engine/store/releaseNumbers';
import { makeRelease } from '../../helpers/packages';
import { reopen, withStore } from '../../helpers/stores';

const CONTENT = 'ab'.repeat(32);
const release = (sequence?: number, fields: Partial<Release> = {}, author = 1): SignedRelease =>
  makeRelease(CONTENT, { ...fields, ...(sequence === undefined ? {} : { sequence }) }, author);

describe('ReleaseNumbers', () => {
  it('counts up for me, not below the clock, also when the clock was set back and over a restart', () =>
    withStore(async (store) => {
      const numbers = [1_000, 1_000, 400, 5_000.7].map((now) => store.releaseNumbers.next(now));

      const later = await reopen(store);
      numbers.push(later.releaseNumbers.next(10));
      later.releaseNumbers.raise(90_000);
      later.releaseNumbers.raise(80_000);
      numbers.push(later.releaseNumbers.next(10));
      await later.close();

      assert.deepEqual(numbers, [1_000, 1_001, 1_002, 5_000, 5_001, 90_001]);
    }));

  it('refuses a lower number of an author for a content, also after a restart', () =>
    withStore(async (store) => {
      assert.equal(store.releaseNumbers.admit(release(5)), true);
      assert.equal(store.releaseNumbers.admit(release(7)), true);
      assert.equal(store.releaseNumbers.admit(release(5)), false);

      const later = await reopen(store);
      const again = [release(6), release(7), release(), release(8)].map((each) => later.releaseNumbers.admit(each));
      await later.close();

      assert.deepEqual(again, [false, true, false, true]);
    }));

  it('refuses other words under the same number', () =>
    withStore((store) => {
      assert.equal(store.releaseNumbers.admit(release(5)), true);
      assert.equal(store.releaseNumbers.admit(release(5, { name: 'other' })), false);
      assert.equal(store.releaseNumbers.admit(release(5)), true);
      return Promise.resolve();
    }));

  it('looks at no clock: a higher number with an earlier time counts', () =>
    withStore((store) => {
      assert.equal(store.releaseNumbers.admit(release(5, { createdAt: 4_000_000_000_000 })), true);
      assert.equal(store.releaseNumbers.admit(release(6, { createdAt: 1 })), true);
      assert.equal(store.releaseNumbers.admit(release(5, { createdAt: 5_000_000_000_000 })), false);
      return Promise.resolve();
    }));

  it('counts each author and each content by itself', () =>
    withStore((store) => {
      assert.equal(store.releaseNumbers.admit(release(9)), true);
      assert.equal(store.releaseNumbers.admit(release(3, {}, 2)), true);
      assert.equal(store.releaseNumbers.admit(makeRelease('cd'.repeat(32), { sequence: 3 })), true);
      return Promise.resolve();
    }));

  it('takes releases of early versions as long as nothing newer was seen', () =>
    withStore((store) => {
      const answers = [release(), release(), release(1), release()].map((each) => store.releaseNumbers.admit(each));

      assert.deepEqual(answers, [true, true, true, false]);
      return Promise.resolve();
    }));

  it('takes note of a list wholly or not at all', () =>
    withStore((store) => {
      const numbers = store.releaseNumbers;
      const count = (): number => Number(store.db.get('SELECT count(*) AS n FROM seen_releases')?.['n']);
      const list = Array.from({ length: 50 }, (_, i) => makeRelease(String(i).padStart(64, '0'), { sequence: 1 }));
      const admitAll = (): boolean[] => list.map((each) => numbers.admit(each));

      assert.throws(
        () =>
          numbers.together(() => {
            admitAll();
            throw new Error('no');
          }),
        /no/,
      );
      const after = count();
      const answers = numbers.together(admitAll);

      assert.equal(after, 0);
      assert.ok(answers.every(Boolean));
      assert.equal(count(), 50);
      assert.equal(numbers.admit(list[0]!), true);
      return Promise.resolve();
    }));

  it('does not grow, and keeps the numbers of authors whose work is here', function () {
    this.timeout(10_000);
    return withStore((store) => {
      const template = release(1);
      const stranger = (i: number): SignedRelease => ({
        ...template, // Verified releases come here, so thousands need no real signature.
        authorKey: createHash('sha256').update(`author ${i}`).digest(),
      });
      const known = Buffer.from(template.authorKey).toString('hex');
      store.releaseNumbers.admit(release(10));
      store.db.transaction(() => {
        for (let i = 0; i < 19_999; i++)
          store.db.run(
            'INSERT INTO seen_releases (author_key, content_id, sequence, release_id) VALUES (?, ?, 1, ?)',
            ...[stranger(i).authorKey, Buffer.from(CONTENT, 'hex'), Buffer.alloc(32)],
          );
      });
      const numbers = new ReleaseNumbers({ db: store.db, keptAuthors: () => new Set([known]) });

      numbers.admit(stranger(20_000));
      const rows = Number(store.db.get('SELECT count(*) AS n FROM seen_releases')?.['n']);

      assert.equal(rows, 18_000);
      assert.equal(numbers.admit(release(9)), false);
      assert.equal(numbers.admit(stranger(20_000)), true);
      return Promise.resolve();
    });
  });
});
