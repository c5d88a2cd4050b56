import assert from 'node:assert/strict';
import { Emitter } from '../../../src/engine/events';
import { Offers, type Growing } from '../../../src/engine/flows/offers';
import { Catalog } from '../../../src/engine/registry/catalog';
import type { SharedAdapter } from '../../../src/engine/registry/registry';
import { makeRelease } from '../../helpers/packages';
import { VirtualClock } from '../../helpers/virtualClock';

const MIB = 1024 ** 2;
const ID = 'a'.repeat(64);
const RELEASE = makeRelease(ID);
const ANA = '1'.repeat(64);
/** Until a download is worth a line in the catalogs of others. */
const WORTH_MS = 2_000;

describe('Offers', () => {
  it('offers a download from the first mebibyte and the first seconds on, until it ends', async () => {
    const { offers, catalog, changes, clock } = make();
    catalog.applySnapshot('lab', ANA, [RELEASE]);
    const download = new GrowingDownload();
    const growing = offers.grow(RELEASE, [], download);

    download.grow(MIB);
    await clock.advance(WORTH_MS - 1);
    const early = offers.inRoom('lab');
    await clock.advance(1);
    const later = offers.inRoom('lab');
    growing.dispose();

    assert.deepEqual([early, later, offers.inRoom('lab')], [[], [RELEASE], []]);
    assert.deepEqual(changes, [ID, ID]);
    assert.deepEqual(offers.roomsOf(ID), []);
  });

  it('offers a slow one when it has its first mebibyte', async () => {
    const { offers, catalog, clock } = make();
    catalog.applySnapshot('lab', ANA, [RELEASE]);
    const download = new GrowingDownload(MIB - 1);
    offers.grow(RELEASE, [], download);
    await clock.advance(WORTH_MS);
    const early = offers.inRoom('lab');

    download.grow(MIB);

    assert.deepEqual([early, offers.inRoom('lab')], [[], [RELEASE]]);
  });

  it('says nothing of one that is over before', async () => {
    const { offers, catalog, changes, clock } = make();
    catalog.applySnapshot('lab', ANA, [RELEASE]);

    offers.grow(RELEASE, [], new GrowingDownload(MIB)).dispose();
    await clock.advance(WORTH_MS);

    assert.deepEqual([changes, offers.inRoom('lab')], [[], []]);
  });

  it('offers it in no room where nobody offered it, and in none that it is not fetched from', async () => {
    const { offers, catalog, clock } = make();
    catalog.applySnapshot('lab', ANA, [RELEASE]);
    catalog.applySnapshot('general', ANA, [RELEASE]);

    offers.grow(RELEASE, ['lab', 'home'], new GrowingDownload(MIB));
    await clock.advance(WORTH_MS);

    assert.deepEqual(offers.roomsOf(ID), ['lab']);
    for (const room of ['general', 'home']) assert.deepEqual(offers.inRoom(room), [], room);
  });

  it('offers it in a room where it appears later, and still when the first who had it is gone', async () => {
    const { offers, catalog, clock } = make();
    catalog.applySnapshot('lab', ANA, [RELEASE]);
    offers.grow(RELEASE, [], new GrowingDownload(MIB));
    await clock.advance(WORTH_MS);

    catalog.applySnapshot('home', ANA, [RELEASE]);
    catalog.dropPeer('lab', ANA);

    assert.deepEqual(offers.roomsOf(ID).sort(), ['home', 'lab']);
  });

  it('forgets a room that was left', async () => {
    const { offers, catalog, changes, clock } = make();
    catalog.applySnapshot('lab', ANA, [RELEASE]);
    offers.grow(RELEASE, [], new GrowingDownload(MIB));
    await clock.advance(WORTH_MS);

    offers.dropRoom('lab');

    assert.deepEqual(offers.roomsOf(ID), []);
    assert.equal(changes.length, 2);
  });

  it('names what the user shares once, and goes on with it when the download ends', async () => {
    const shared = { id: ID, release: RELEASE, rooms: ['lab'], phase: 'serving' } as unknown as SharedAdapter;
    const { offers, catalog, clock } = make([shared]);
    catalog.applySnapshot('lab', ANA, [RELEASE]);
    const growing = offers.grow(RELEASE, [], new GrowingDownload(MIB));
    await clock.advance(WORTH_MS);
    const both = offers.inRoom('lab');

    growing.dispose();

    assert.deepEqual([both, offers.inRoom('lab'), offers.roomsOf(ID)], [[RELEASE], [RELEASE], ['lab']]);
  });
});

function make(shared: readonly SharedAdapter[] = []) {
  const catalog = new Catalog();
  const registry = { list: () => [...shared], get: (id: string) => shared.find((item) => item.id === id) };
  const clock = new VirtualClock();
  const offers = new Offers({ registry, catalog, clock });
  const changes: string[] = [];
  offers.onDidChange(({ id }) => changes.push(id));
  return { offers, catalog, changes, clock };
}

class GrowingDownload implements Growing {
  readonly #held = new Emitter<unknown>();
  readonly onDidHold = this.#held.event;

  constructor(public bytesDone = 0) {}

  grow(bytesDone: number): void {
    this.bytesDone = bytesDone;
    this.#held.fire(undefined);
  }
}
