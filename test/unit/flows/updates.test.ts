import assert from 'node:assert/strict';
import { findUpdate, releaseName } from '../../../src/engine/flows/updates';
import { makeRevocation, makeRotation } from '../../../src/engine/identity/statements';
import { silentLog } from '../../../src/engine/log';
import { Authors } from '../../../src/engine/registry/authors';
import { identityKeys, type SignedRelease } from '../../../src/engine/release/release';
import type { Store } from '../../../src/engine/store/store';
import { makeRelease, seededBytes } from '../../helpers/packages';
import { withStore } from '../../helpers/stores';

/** The keys that `makeRelease` signs with. */
const pair = (seed: number) => identityKeys(seededBytes(32, `author ${seed}`));
const idOf = (n: number): string => n.toString(16).padStart(64, '0');
const release = (n: number, seed: number, sequence?: number): SignedRelease =>
  makeRelease(idOf(n), { name: 'sql', ...(sequence === undefined ? {} : { sequence }) }, seed);
const TAGS = [{ name: 'p2p-sql', digest: 'aa' }] as unknown as Parameters<typeof findUpdate>[2];

/** A model was made of `installed`; which one would `offered` update? */
function updateOf(
  store: Store,
  installed: SignedRelease,
  offered: SignedRelease,
  authors: Authors,
): string | undefined {
  const { contentId } = installed.release;
  store.madeModels.add('p2p-sql', { digest: 'aa', adapterId: contentId, release: releaseName(installed) });
  return findUpdate({ store, authors }, { id: offered.release.contentId, release: offered }, TAGS, {})?.model;
}

describe('findUpdate', () => {
  const check = (use: (store: Store, authors: Authors) => void): Promise<void> =>
    withStore((store) => {
      use(store, new Authors({ statements: store.statements, log: silentLog }));
      return Promise.resolve();
    });

  it('offers the next release of the same author, and none that is older', () =>
    check((store, authors) => {
      assert.equal(updateOf(store, release(1, 1, 10), release(2, 1, 11), authors), 'p2p-sql');
      assert.equal(updateOf(store, release(1, 1, 10), release(2, 1, 9), authors), undefined);
      assert.equal(updateOf(store, release(1, 1, 10), release(2, 1), authors), undefined);
      assert.equal(updateOf(store, release(1, 1), release(2, 1), authors), 'p2p-sql');
    }));

  it('offers nothing of another key that goes by the same name', () =>
    check((store, authors) => {
      assert.equal(updateOf(store, release(1, 1, 10), release(2, 2, 11), authors), undefined);
    }));

  it('offers the release of the key that the author moved to', () =>
    check((store, authors) => {
      authors.hear('lab', [makeRotation(pair(1), pair(2), 10).bytes]);

      assert.equal(updateOf(store, release(1, 1, 10), release(2, 2, 11), authors), 'p2p-sql');
    }));

  it('offers nothing that the old key signed after the move, and nothing of a revoked key', () =>
    check((store, authors) => {
      authors.hear('lab', [makeRotation(pair(1), pair(2), 10).bytes]);
      assert.equal(updateOf(store, release(1, 1, 10), release(2, 1, 11), authors), undefined);

      authors.hear('lab', [makeRevocation(pair(3)).bytes]);
      assert.equal(updateOf(store, release(1, 3, 10), release(2, 3, 11), authors), undefined);
    }));
});
