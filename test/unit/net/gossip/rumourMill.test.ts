import assert from 'node:assert/strict';
import { Town, entries } from '../../../helpers/rumourTown';

describe('a rumour mill', () => {
  let town: Town;
  beforeEach(() => (town = new Town()));
  afterEach(() => town.close());

  it('tells everybody what everybody offers, though each knows two neighbours only', () => {
    const peers = Array.from({ length: 12 }, () => town.add());
    peers.forEach((peer, i) => town.connect(peer, peers[(i + 1) % peers.length]!));
    peers.forEach((peer, i) => peer.mill.setOwn(entries(1, i)));

    town.clock.advance(15_000);

    for (const peer of peers) assert.equal(peer.lists.size, peers.length - 1);
  });

  it('tells who comes later at once, in parts when a list is long', () => {
    const [ana, ben] = [town.add(), town.add()];
    ana.mill.setOwn(entries(120, 1));
    town.clock.advance(1_000);

    town.connect(ana, ben);
    town.clock.advance(1_000);

    assert.equal(ben.lists.get(ana.key)?.length, 120);
  });

  it('takes a later list in the place of an earlier one, and shows the earlier one until it is whole', () => {
    const [ana, ben] = [town.add(), town.add()];
    town.connect(ana, ben);
    ana.mill.setOwn(entries(30, 1));
    town.clock.advance(5_000);
    ana.mill.setOwn(entries(3, 2));

    town.clock.advance(20_000);
    const early = ben.lists.get(ana.key)?.length; // Changes are told every half minute.
    town.clock.advance(20_000);

    assert.deepEqual([early, ben.lists.get(ana.key)?.length], [30, 3]);
    assert.ok(!ben.sizes.includes(0), 'never shown empty');
  });

  it('forgets who is told of no more, and nobody who is', () => {
    const [ana, ben, cleo] = [town.add(), town.add(), town.add()];
    town.connect(ana, ben);
    town.connect(ben, cleo);
    for (const [i, peer] of [ana, ben, cleo].entries()) peer.mill.setOwn(entries(2, i));
    town.clock.advance(60_000);
    assert.equal(cleo.lists.size, 2);

    town.remove(ana);
    town.clock.advance(45 * 60_000);

    assert.deepEqual([...cleo.lists.keys()], [ben.key]);
  });

  it('asks somebody else for what one does not tell', () => {
    const [ana, silent, ben] = [town.add(), town.add({ isSilent: true }), town.add()];
    town.connect(ana, silent);
    ana.mill.setOwn(entries(2, 1));
    town.clock.advance(2_000);
    town.connect(silent, ben);
    town.clock.advance(1_000);

    town.connect(ana, ben);
    town.clock.advance(10_000);

    assert.equal(ben.lists.get(ana.key)?.length, 2);
  });

  it('strikes who changes what another said, and believes none of it', () => {
    const [ana, liar, ben] = [town.add(), town.add({ isLiar: true }), town.add()];
    town.connect(ana, liar);
    town.connect(liar, ben);
    ana.mill.setOwn(entries(2, 1));

    town.clock.advance(5_000);

    assert.deepEqual([...ben.struck], [liar.key]);
    assert.equal(ben.lists.has(ana.key), false);
  });

  it('is not pushed out by one who tells of thousands', () => {
    const [ana, ben, flooder] = [town.add(), town.add(), town.add()];
    town.connect(ana, ben);
    ana.mill.setOwn(entries(100, 1));
    town.clock.advance(5_000);
    const crowd = Array.from({ length: 30 }, () => town.add());
    crowd.forEach((peer, i) => {
      town.connect(peer, flooder);
      peer.mill.setOwn(entries(500, 10 + i));
    });
    town.clock.advance(20_000);

    town.connect(flooder, ben);
    town.clock.advance(10 * 60_000);

    assert.ok(ben.mill.store.entries <= 10_000, `${ben.mill.store.entries} entries`);
    assert.equal(ben.lists.get(ana.key)?.length, 100);
  });
});
