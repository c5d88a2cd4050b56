import assert from 'node:assert/strict';
import { keyPair } from 'hypercore-crypto';
import { CatalogFeed, CatalogReader } from '../../../src/engine/net/catalogFeed';
import type { CatalogDelta } from '../../../src/engine/net/messages';
import { signRelease, type SignedRelease } from '../../../src/engine/release/release';
import { makeRelease } from '../../helpers/testRooms';

const keys = keyPair(Buffer.alloc(32, 7));
const offer = (name: string, tags: string[] = []): SignedRelease => signRelease({ ...makeRelease(name), tags }, keys);
const many = (count: number): SignedRelease[] => Array.from({ length: count }, (_, i) => offer(`adapter-${i}`));

describe('catalog feed', () => {
  it('tells differences only', () => {
    const feed = new CatalogFeed();
    const told: CatalogDelta[] = [];
    const [one, two] = [offer('one'), offer('two')];
    feed.onDidChange((delta) => told.push(delta));

    feed.set([one]);
    feed.set([one]);
    feed.set([two, one]);
    feed.set([two]);

    assert.deepEqual(
      told.map(({ seq, add, remove }) => [seq, add.length, remove.length]),
      [
        [1, 1, 0],
        [2, 1, 0],
        [3, 0, 1],
      ],
    );
  });

  it('tells other words about the same files', () => {
    const feed = new CatalogFeed();
    feed.set([offer('one')]);
    const told: CatalogDelta[] = [];
    feed.onDidChange((delta) => told.push(delta));

    feed.set([offer('one', ['better'])]);

    assert.equal(told[0]?.add.length, 1);
  });

  it('gives what a peer missed, or nothing when that is not known', () => {
    const feed = new CatalogFeed();
    feed.set([offer('one')]);
    feed.set([offer('one'), offer('two')]);

    assert.deepEqual(
      feed.since(feed.epoch, 1)?.map(({ seq }) => seq),
      [2],
    );
    assert.deepEqual(feed.since(feed.epoch, 2), []);
    assert.equal(feed.since(feed.epoch, 3), undefined);
    assert.equal(feed.since(feed.epoch + 1, 1), undefined);
  });

  it('splits a long list into pages that a reader puts together', () => {
    const feed = new CatalogFeed();
    const offers = many(450);
    feed.set(offers);
    const reader = new CatalogReader();

    const pages = feed.snapshot();
    const whole = pages.map((page) => reader.page(page));

    assert.ok(pages.length > 1 && pages.every(({ add }) => add.length <= 100));
    assert.equal(whole.at(-1)?.length, 450);
    assert.deepEqual(
      whole.slice(0, -1).filter((list) => list !== undefined),
      [],
    );
    assert.deepEqual([reader.epoch, reader.seq], [feed.epoch, feed.seq]);
  });

  it('tells an empty list as well', () => {
    const [page] = new CatalogFeed().snapshot();

    assert.deepEqual(new CatalogReader().page(page!), []);
  });
});

describe('catalog reader', () => {
  it('takes the next change, and no other', () => {
    const feed = new CatalogFeed();
    const reader = new CatalogReader();
    for (const page of feed.snapshot()) reader.page(page);
    const delta = (epoch: number, seq: number): CatalogDelta => ({ epoch, seq, add: [], remove: [] });

    assert.equal(reader.accepts(delta(feed.epoch, 2)), false); // one was missed
    assert.equal(reader.accepts(delta(feed.epoch + 1, 1)), false); // another start of the peer
    assert.equal(reader.accepts(delta(feed.epoch, 1)), true);
    assert.equal(reader.accepts(delta(feed.epoch, 1)), false); // replayed
  });

  it('refuses a list that never ends', () => {
    const reader = new CatalogReader();
    const add = many(100);
    const page = { epoch: 1, seq: 1, isLast: false, add };

    assert.throws(() => {
      for (let i = 0; i < 10; i++) reader.page({ ...page, isFirst: i === 0 });
    }, RangeError);
  });
});
