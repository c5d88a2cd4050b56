import assert from 'node:assert/strict';
import { Emitter } from '../../../src/engine/events';
import { makeRevocation, makeRotation, type Statement } from '../../../src/engine/identity/statements';
import { silentLog } from '../../../src/engine/log';
import { AuthorNames } from '../../../src/engine/registry/authorNames';
import { Authors } from '../../../src/engine/registry/authors';
import { Catalog } from '../../../src/engine/registry/catalog';
import { findTarget } from '../../../src/engine/registry/findTarget';
import { identityKeys, type Release, type SignedRelease } from '../../../src/engine/release/release';
import { makeRelease, seededBytes } from '../../helpers/packages';
import { withStore } from '../../helpers/stores';

/** The keys that `makeRelease` signs with. */
const pair = (seed: number) => identityKeys(seededBytes(32, `author ${seed}`));
const key = (seed: number): string => pair(seed).publicKey.toString('hex');
const move = (from: number, to: number, last = 100): Statement => makeRotation(pair(from), pair(to), last);
const idOf = (n: number): string => n.toString(16).padStart(64, '0');
const release = (n: number, seed: number, fields: Partial<Release> = {}): SignedRelease =>
  makeRelease(idOf(n), { name: `adapter-${n}`, sequence: 50, ...fields }, seed);

function withAuthors(use: (authors: Authors) => void): Promise<void> {
  return withStore((store) => {
    const authors = new Authors({ statements: store.statements, log: silentLog });
    use(authors);
    authors.dispose();
    return Promise.resolve();
  });
}

describe('Authors', () => {
  it('counts what the old key signed as the new one, as soon as a room says so', () =>
    withAuthors((authors) => {
      let changes = 0;
      authors.onDidChange(() => changes++);

      const fresh = authors.hear('lab', [move(1, 2).bytes]);
      const again = authors.hear('lab', [move(1, 2).bytes]);

      assert.deepEqual([fresh.length, again.length, changes, authors.revision], [1, 0, 1, 1]);
      assert.equal(authors.authorOf(release(1, 1)), key(2));
      assert.equal(authors.authorOf(release(1, 1, { sequence: 101 })), key(1));
      assert.equal(authors.isRevoked(release(1, 1)), false);
      assert.equal(authors.isRevoked(release(1, 1, { sequence: 101 })), true);
    }));

  it('marks all that a revoked key signed', () =>
    withAuthors((authors) => {
      authors.hear('lab', [makeRevocation(pair(1)).bytes]);

      assert.equal(authors.isRevoked(release(1, 1)), true);
      assert.equal(authors.isRevoked(release(1, 2)), false);
      assert.equal(authors.facts(key(1)).isRevoked, true);
    }));

  it('passes over what is damaged, forged or of a later kind', () =>
    withAuthors((authors) => {
      const forged = Buffer.from(move(1, 2).bytes);
      forged[40]! ^= 1;

      const fresh = authors.hear('lab', [forged, Buffer.of(9, 9, 9), Buffer.alloc(201, 1), move(3, 4).bytes]);

      assert.deepEqual(
        fresh.map(({ id }) => id),
        [move(3, 4).id],
      );
      assert.equal(authors.authorOf(release(1, 1)), key(1));
    }));

  it('tells in a room what was heard there and what is mine, and nothing of other rooms', () =>
    withAuthors((authors) => {
      authors.hear('lab', [move(1, 2).bytes]);
      authors.hear('team', [move(3, 4).bytes, move(5, 6).bytes]);
      authors.add(makeRevocation(pair(7)));

      const told = (room: string) => authors.toldIn(room).map((bytes) => Buffer.from(bytes).toString('hex'));
      const hex = (statement: Statement) => Buffer.from(statement.bytes).toString('hex');

      assert.deepEqual(told('lab'), [makeRevocation(pair(7)), move(1, 2)].map(hex));
      assert.deepEqual(told('team'), [makeRevocation(pair(7)), move(5, 6), move(3, 4)].map(hex));
      assert.deepEqual(told('new'), [makeRevocation(pair(7))].map(hex));
    }));

  it('knows all of it after a restart', () =>
    withStore((store) => {
      new Authors({ statements: store.statements, log: silentLog }).hear('lab', [move(1, 2).bytes]);

      const later = new Authors({ statements: store.statements, log: silentLog });

      assert.equal(later.facts(key(1)).key, key(2));
      return Promise.resolve();
    }));
});

describe('AuthorNames', () => {
  function withNames(
    here: SignedRelease[],
    use: (names: AuthorNames, catalog: Catalog, authors: Authors) => void,
  ): Promise<void> {
    return withAuthors((authors) => {
      const catalog = new Catalog();
      const changed = new Emitter<void>();
      const names = new AuthorNames({
        authors,
        here: [{ list: () => here.map((each) => ({ release: each })), onDidChange: changed.event }],
        offered: (look) => catalog.byLook(look),
      });
      use(names, catalog, authors);
      names.dispose();
      catalog.close();
    });
  }

  it('shows a name as it is while one key goes by it, however many adapters it has', () =>
    withNames([release(1, 1)], (names, catalog) => {
      catalog.applySnapshot('lab', 'p', [release(2, 1), release(3, 2, { author: 'bea' })]);

      assert.deepEqual(
        [names.nameOf(release(2, 1)), names.nameOf(release(3, 2, { author: 'bea' }))],
        ['ana/adapter-2', 'bea/adapter-3'],
      );
    }));

  it('shows two keys of one name apart: among what is offered, and against what is here', () =>
    withNames([release(1, 1)], (names, catalog) => {
      catalog.applySnapshot('lab', 'p', [release(2, 2), release(3, 3, { author: 'bea' })]);
      catalog.applySnapshot('general', 'q', [release(4, 4, { author: 'Bea' })]);

      assert.equal(names.nameOf(release(1, 1)), `ana~${key(1).slice(0, 8)}/adapter-1`);
      assert.equal(names.nameOf(release(2, 2)), `ana~${key(2).slice(0, 8)}/adapter-2`);
      assert.equal(names.nameOf(release(3, 3, { author: 'bea' })), `bea~${key(3).slice(0, 8)}/adapter-3`);
    }));

  it('shows names apart that only look the same', () =>
    withNames([], (names, catalog) => {
      const pairs = [
        ['paypal', 'paypa1'],
        ['meta-llama', 'meta_llama'],
        ['modern', 'modem'],
        ['Google', 'g00gle'],
      ] as const;
      pairs.forEach(([first, second], i) => {
        const theirs = release(10 + i, 1, { author: first });
        catalog.applySnapshot('lab', 'p', [theirs, release(20 + i, 2, { author: second })]);

        assert.match(names.nameOf(theirs), /~/, `${first} ${second}`);
      });
      catalog.applySnapshot('lab', 'p', [release(1, 1), release(2, 2, { author: 'anna' })]);
      assert.equal(names.nameOf(release(1, 1)), 'ana/adapter-1');
    }));

  it('shows more of the keys when their starts are the same', () =>
    withNames([], (names, catalog) => {
      const [first, second] = [release(1, 1), release(2, 2)];
      const near = {
        ...second,
        authorKey: Buffer.concat([first.authorKey.subarray(0, 6), second.authorKey.subarray(6)]),
      };
      catalog.applySnapshot('lab', 'p', [first, near]);

      const [a, b] = [names.nameOf(first), names.nameOf(near)];

      assert.notEqual(a.split('/')[0], b.split('/')[0]);
      assert.ok(a.length > 'ana~12345678/adapter-1'.length);
    }));

  it('shows the old and the new key of one author as one', () =>
    withNames([release(1, 1)], (names, catalog, authors) => {
      catalog.applySnapshot('lab', 'p', [release(2, 2)]);
      assert.match(names.nameOf(release(2, 2)), /^ana~/);

      authors.hear('lab', [move(1, 2).bytes]);

      assert.equal(names.nameOf(release(2, 2)), 'ana/adapter-2');
      assert.equal(names.nameOf(release(1, 1)), 'ana/adapter-1');
    }));

  it('gives names that lead back to the adapter, and searches find', () =>
    withNames([], (names, catalog) => {
      const same = { name: 'sql' };
      catalog.applySnapshot('lab', 'p', [release(1, 1, same), release(2, 2, same)]);

      for (const [n, seed] of [
        [1, 1],
        [2, 2],
      ] as const) {
        const name = names.nameOf(release(n, seed, same));
        assert.equal(catalog.find(name).id, idOf(n));
        assert.equal(catalog.search({ text: name }).total, 2);
      }
      assert.throws(() => catalog.find('ana/sql'), { code: 'ID_AMBIGUOUS' });
      assert.throws(() => catalog.find('ana~00000000/sql'), { code: 'ID_UNKNOWN' });
    }));
});

describe('findTarget', () => {
  it('finds by a name with a part of the key, of whoever stands for the author', () => {
    const items = [
      { id: idOf(1), name: 'ana/sql', authorKeys: [key(1), key(2)] },
      { id: idOf(2), name: 'ana/sql', authorKeys: [key(3)] },
      { id: idOf(3), name: 'ana/sql' },
    ];

    for (const seed of [1, 2]) assert.equal(findTarget(`Ana~${key(seed).slice(0, 10)}/SQL`, items).id, idOf(1));
    assert.equal(findTarget(`ana~${key(3)}/sql`, items).id, idOf(2));
  });
});
