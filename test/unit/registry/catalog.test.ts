import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { MAX_CATALOG_CONTENTS, MAX_PEER_ENTRIES } from '../../../src/engine/limits';
import type { Release, SignedRelease } from '../../../src/engine/release/release';
import { Catalog } from '../../../src/engine/registry/catalog';
import type { CatalogChange } from '../../../src/engine/registry/catalogChanges';
import { makeRelease } from '../../helpers/packages';
import { costSince, started } from '../../helpers/processorTime';
import { withStore } from '../../helpers/stores';

/** A release as `openRelease` gives it. The catalog takes verified releases, so thousands need no real signature. */
function release(n: number | string, fields: Partial<Release> = {}, author = 'a'): SignedRelease {
  const contentId = createHash('sha256').update(`content ${n}`).digest('hex');
  return {
    release: { ...TEMPLATE.release, contentId, name: `adapter-${n}`, ...fields },
    authorKey: createHash('sha256').update(`author ${author}`).digest(),
    payload: Buffer.from(`${n} ${author}`),
    signature: Buffer.alloc(64),
  };
}
const TEMPLATE = makeRelease('0'.repeat(64));
const idOf = (n: number | string): string => release(n).release.contentId;
const releases = (from: number, count: number): SignedRelease[] =>
  Array.from({ length: count }, (_, i) => release(from + i));

describe('Catalog', () => {
  let catalog: Catalog;
  let changes: CatalogChange[];
  beforeEach(() => {
    catalog = new Catalog();
    changes = [];
    catalog.onDidChange((change) => changes.push(change));
  });
  afterEach(() => catalog.close());

  const names = (filter: Parameters<Catalog['search']>[0] = {}): string[] =>
    catalog.search(filter).entries.map(({ name }) => name);

  describe('what peers say', () => {
    it('shows what a peer offers, and no more what it left out', () => {
      catalog.applySnapshot('room', 'peer', [release(1), release(2)]);
      catalog.applySnapshot('room', 'peer', [release(2), release(3)]);

      assert.deepEqual(names(), ['ana/adapter-2', 'ana/adapter-3']);
      assert.deepEqual(changes, [
        { room: 'room', added: [idOf(1), idOf(2)], removed: [] },
        { room: 'room', added: [idOf(3)], removed: [idOf(1)] },
      ]);
      assert.equal(catalog.revision, 2);
    });

    it('applies changes, and is silent about one that changes nothing', () => {
      catalog.applySnapshot('room', 'peer', [release(1), release(2)]);
      catalog.applyDelta('room', 'peer', { add: [release(3)], remove: [idOf(1), idOf(99)] });
      const { revision } = catalog;
      catalog.applyDelta('room', 'peer', { add: [release(3)], remove: [idOf(77)] });
      catalog.dropPeer('room', 'nobody');

      assert.deepEqual(names(), ['ana/adapter-2', 'ana/adapter-3']);
      assert.deepEqual(changes[1], { room: 'room', added: [idOf(3)], removed: [idOf(1)] });
      assert.equal(changes.length, 2);
      assert.equal(catalog.revision, revision);
    });

    it('keeps an adapter until its last source in a room is gone', () => {
      catalog.applySnapshot('room', 'p1', [release(1)]);
      catalog.applySnapshot('room', 'p2', [release(1)]);
      catalog.applySnapshot('other', 'p2', [release(1)]);

      catalog.dropPeer('room', 'p1');
      assert.deepEqual(catalog.sources(idOf(1)), [{ peer: 'p2', rooms: ['other', 'room'] }]);
      catalog.dropPeer('room', 'p2');
      assert.deepEqual(catalog.get(idOf(1))?.rooms, ['other']);
      catalog.dropRoom('other');

      assert.equal(catalog.get(idOf(1)), undefined);
      assert.equal(catalog.size, 0);
      assert.deepEqual(
        changes.map(({ room, added, removed }) => [room, added.length, removed.length]),
        [
          ['room', 1, 0],
          ['room', 0, 0],
          ['other', 1, 0],
          ['room', 0, 0],
          ['room', 0, 1],
          ['other', 0, 1],
        ],
      );
    });

    it('counts what a peer offers room by room', () => {
      catalog.applySnapshot('lab', 'ana', [release(1), release(2)]);
      catalog.applySnapshot('local', 'ana', [release(2)]);
      catalog.applySnapshot('local', 'bo', [release(3)]);

      assert.deepEqual(catalog.offeredBy('ana'), { lab: 2, local: 1 });
      assert.deepEqual(catalog.offeredBy('nobody'), {});
    });

    it('counts a new source as a change', () => {
      catalog.applySnapshot('room', 'p1', [release(1)]);
      catalog.applySnapshot('room', 'p2', [release(1)]);

      assert.equal(catalog.revision, 2);
      assert.deepEqual(catalog.get(idOf(1))?.sources, ['p1', 'p2']);
    });
  });

  describe('one content by several authors', () => {
    it('is one entry with the words of the first, and all of them inside', () => {
      catalog.applySnapshot('room', 'p1', [release(1, { name: 'original' }, 'a')]);
      catalog.applySnapshot('room', 'p2', [release(1, { name: 'clone' }, 'b')]);

      const { entries, total } = catalog.search();

      assert.equal(total, 1);
      assert.equal(entries[0]!.name, 'ana/original');
      assert.deepEqual(
        entries[0]!.signers.map((signed) => signed.release.name),
        ['original', 'clone'],
      );
      assert.deepEqual(names({ text: 'clone' }), []);
    });

    it('shows the next when nobody repeats the first any more', () => {
      catalog.applySnapshot('room', 'p1', [release(1, { name: 'original' }, 'a')]);
      catalog.applySnapshot('room', 'p2', [release(1, { name: 'clone' }, 'b')]);

      catalog.dropPeer('room', 'p1');

      assert.deepEqual(names({ text: 'clone' }), ['ana/clone']);
      assert.deepEqual(names({ text: 'original' }), []);
      assert.equal(catalog.get(idOf(1))!.signers.length, 1);
    });

    it('shows the words with the higher number, whoever brings the others, whatever their times say', () => {
      const early = release(1, { name: 'early', sequence: 1, createdAt: 9 });
      const late = release(1, { name: 'late', sequence: 2, createdAt: 2 });
      catalog.applySnapshot('room', 'p1', [early]);
      catalog.applySnapshot('room', 'p2', [late]);
      catalog.applySnapshot('room', 'p3', [early]);

      assert.deepEqual(names({ text: 'late' }), ['ana/late']);
      assert.deepEqual(names({ text: 'early' }), []);
      assert.equal(catalog.get(idOf(1))!.signers.length, 1);
    });
  });

  describe('numbers of releases', () => {
    it('ignores an old release in the same and in another room, also when nobody says the newer one now', () =>
      withStore((store) => {
        const counting = new Catalog({ admit: (signed) => store.releaseNumbers.admit(signed) });
        try {
          counting.applySnapshot('lab', 'p1', [release(1, { name: 'new', sequence: 7 })]);
          counting.dropPeer('lab', 'p1');

          for (const room of ['lab', 'other'])
            counting.applyDelta(room, 'p2', { add: [release(1, { name: 'old', sequence: 6 })], remove: [] });

          assert.equal(counting.size, 0);
        } finally {
          counting.close();
        }
        return Promise.resolve();
      }));

    it('ignores what its author meant for other rooms, also where the same is offered rightly', () => {
      const rules = {
        isMeantFor: (room: string, signed: SignedRelease) => signed.release.rooms?.[0] !== `not ${room}`,
      };
      const choosy = new Catalog(rules);
      try {
        choosy.applySnapshot('lab', 'p1', [release(1, { rooms: ['not team'] })]);
        choosy.applySnapshot('team', 'p2', [release(1, { rooms: ['not team'] }), release(2)]);

        assert.deepEqual(choosy.get(idOf(1))?.rooms, ['lab']);
        assert.deepEqual(choosy.get(idOf(1))?.sources, ['p1']);
        assert.deepEqual(choosy.get(idOf(2))?.rooms, ['team']);
      } finally {
        choosy.close();
      }
    });

    it('counts who says old words as one who has the files, while the newer words are there', () =>
      withStore((store) => {
        const counting = new Catalog({ admit: (signed) => store.releaseNumbers.admit(signed) });
        try {
          counting.applySnapshot('lab', 'p1', [release(1, { name: 'new', sequence: 7 })]);
          counting.applySnapshot('lab', 'p2', [release(1, { name: 'old', sequence: 6 })]);

          assert.equal(counting.get(idOf(1))?.name, 'ana/new');
          assert.deepEqual(counting.get(idOf(1))?.sources, ['p1', 'p2']);
        } finally {
          counting.close();
        }
        return Promise.resolve();
      }));
  });

  describe('search', () => {
    beforeEach(() => {
      catalog.applySnapshot('lab', 'p1', [
        release('sql', {
          name: 'sql-writer',
          author: 'Bea',
          tags: ['code', '100%'],
          shape: shape('meta/Llama-3.2-1B'),
        }),
        release('sum', { name: 'summaries', author: 'ana', tags: ['text'], shape: shape('Qwen/Qwen3-4B') }),
      ]);
      catalog.applySnapshot('general', 'p2', [
        release('deu', {
          name: 'deutsch',
          author: 'cem',
          tags: ['übersetzung', 'a_b'],
          shape: shape('meta/Llama-3.2-1B'),
        }),
        release('sum', { name: 'summaries', author: 'ana', shape: shape('Qwen/Qwen3-4B') }),
      ]);
    });
    const shape = (baseModel: string): Release['shape'] => ({ ...TEMPLATE.release.shape, baseModel });

    const cases: [string, Parameters<Catalog['search']>[0], string[]][] = [
      ['nothing: all, by name', {}, ['cem/deutsch', 'Bea/sql-writer', 'ana/summaries']],
      ['part of a name', { text: 'writ' }, ['Bea/sql-writer']],
      ['another case', { text: 'SQL-Writer' }, ['Bea/sql-writer']],
      ['author and name', { text: 'bea/sql' }, ['Bea/sql-writer']],
      ['a base', { text: 'llama-3.2' }, ['cem/deutsch', 'Bea/sql-writer']],
      ['a tag', { text: 'text' }, ['ana/summaries']],
      ['letters beyond ASCII', { text: 'ÜBERSETZ' }, ['cem/deutsch']],
      ['two words in any order', { text: 'llama sql' }, ['Bea/sql-writer']],
      ['a word that is nowhere', { text: 'llama nowhere' }, []],
      ['two letters', { text: 'sq' }, ['Bea/sql-writer']],
      ['a short and a long word', { text: '4b qwen' }, ['ana/summaries']],
      ['one letter beyond ASCII', { text: 'Ü' }, ['cem/deutsch']],
      ['a percent sign', { text: '%' }, ['Bea/sql-writer']],
      ['an underscore', { text: '_b' }, ['cem/deutsch']],
      ['a backslash', { text: '\\' }, []],
      ['only spaces', { text: '   ' }, ['cem/deutsch', 'Bea/sql-writer', 'ana/summaries']],
      ['a room', { room: 'general' }, ['cem/deutsch', 'ana/summaries']],
      ['a peer', { peer: 'p1' }, ['Bea/sql-writer', 'ana/summaries']],
      ['a room where the peer is not', { room: 'general', peer: 'p1' }, []],
      ['a room and a word', { room: 'lab', text: 'summ' }, ['ana/summaries']],
      ['a page', { offset: 1, limit: 1 }, ['Bea/sql-writer']],
      ['no such page', { offset: 10 }, []],
      ['a page of nonsense', { offset: -5, limit: Infinity }, []],
    ];
    for (const [what, filter, expected] of cases)
      it(`finds by ${what}`, () => {
        assert.deepEqual(names(filter), expected);
      });

    it('takes every text as text', () => {
      const hostile = [
        '"',
        '""',
        `'`,
        'AND',
        'OR NOT',
        'NEAR(a b)',
        'text:sql',
        'sql*',
        '^sql',
        '(sql',
        '-sql',
        '"sql" OR "sum"',
        '\u0000sql',
        'sql\u0000',
        '\ud800ab',
        '{a}: b',
        '; DROP TABLE offers',
        'x'.repeat(100_000),
        '"a '.repeat(5_000),
      ];

      for (const text of hostile) assert.ok(Array.isArray(names({ text })), text.slice(0, 20));

      assert.deepEqual(names({ text: '"sql" OR "sum"' }), []);
      assert.deepEqual(names({ text: 'sql\u0000' }), ['Bea/sql-writer']);
      assert.equal(names().length, 3);
    });

    it('finds one by what a person means', () => {
      assert.equal(catalog.find('ana/summaries').id, idOf('sum'));
      assert.equal(catalog.find(idOf('sql').slice(0, 9), { room: 'lab' }).name, 'Bea/sql-writer');
      assert.throws(() => catalog.find('ana/summaries', { peer: 'p9' }), { code: 'ID_UNKNOWN' });
    });
  });

  describe('limits', () => {
    it(`takes ${MAX_PEER_ENTRIES} of a peer in a room`, () => {
      catalog.applySnapshot('room', 'peer', releases(0, MAX_PEER_ENTRIES + 50));
      catalog.applyDelta('room', 'peer', { add: releases(1_000, 10), remove: [] });
      assert.equal(catalog.size, MAX_PEER_ENTRIES);

      catalog.applyDelta('room', 'peer', { add: releases(1_000, 10), remove: [idOf(0), idOf(1)] });

      assert.equal(catalog.size, MAX_PEER_ENTRIES);
      assert.ok(catalog.get(idOf(1_001)) && !catalog.get(idOf(1_002)));
    });

    it('shares a full catalog fairly among 60 peers, and lets a small one in', () => {
      for (let peer = 0; peer < 60; peer++) catalog.applySnapshot('room', `p${peer}`, releases(peer * 500, 500));

      assert.equal(catalog.size, MAX_CATALOG_CONTENTS);
      const kept = Array.from({ length: 60 }, (_, peer) => catalog.search({ peer: `p${peer}`, limit: 0 }).total);
      assert.ok(Math.max(...kept) - Math.min(...kept) <= 1, `${Math.min(...kept)} to ${Math.max(...kept)}`);

      catalog.applySnapshot('room', 'late', releases(90_000, 3));

      assert.equal(catalog.search({ peer: 'late' }).total, 3);
      assert.equal(catalog.size, MAX_CATALOG_CONTENTS);
    });

    it('tells the rooms what had to go', () => {
      for (let peer = 0; peer < 20; peer++) catalog.applySnapshot('big', `p${peer}`, releases(peer * 500, 500));
      changes.length = 0;

      catalog.applySnapshot('small', 'guest', [release('guest')]);

      assert.deepEqual(changes.find(({ room }) => room === 'small')?.added, [idOf('guest')]);
      assert.equal(changes.find(({ room }) => room === 'big')?.removed.length, 1);
    });

    it('searches 10,000 adapters in less than 100 ms', () => {
      for (let peer = 0; peer < 20; peer++) catalog.applySnapshot('room', `p${peer}`, releases(peer * 500, 500));
      const times: number[] = [];

      for (const text of ['', 'adapter', 'adapter-99', 'ad', 'llama 5', 'nowhere at all']) {
        const since = started();
        catalog.search({ text, room: 'room', limit: 200 });
        times.push(costSince(since));
      }

      assert.ok(Math.max(...times) < 100, times.map((time) => time.toFixed(1)).join(' '));
    });
  });
});
