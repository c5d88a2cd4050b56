import assert from 'node:assert/strict';
import { seededRandom } from '../helpers/packages';
import { Town, entries } from '../helpers/rumourTown';

describe('a room of a thousand, each connected to a few', () => {
  it('is heard of by a newcomer within seconds, and costs no peer much', function () {
    this.timeout(400_000); // Nobody waits in it: 20 s of a processor, which others may use, too.
    const town = new Town();
    const random = seededRandom(7);
    const peers = Array.from({ length: 1_000 }, () => town.add());
    for (const peer of peers)
      for (let i = 0; i < 4; i++) town.connect(peer, peers[Math.floor(random() * peers.length)]!);
    peers.forEach((peer, i) => peer.mill.setOwn(entries(1 + (i % 3), i)));

    town.clock.advance(60_000);
    const known = peers.map(({ lists }) => lists.size).sort((a, b) => a - b);
    const rates = peers.map((peer) => Math.round(peer.bytes / 60)).sort((a, b) => a - b);
    const newcomer = town.add();
    for (let i = 0; i < 4; i++) town.connect(newcomer, peers[i * 100]!);
    town.clock.advance(1_000);
    const first = newcomer.lists.size;
    town.clock.advance(4_000);

    assert.ok(known[0]! >= 990, `the one who heard least heard of ${known[0]}`);
    assert.ok(first >= 100, `${first} lists in the first second`);
    assert.ok(newcomer.lists.size >= 990, `${newcomer.lists.size} lists after five seconds`);
    // All came at once: this minute carries what otherwise takes ten.
    assert.ok(rates[500]! < 32_768, `${rates[500]} bytes a second`);
    assert.ok(rates.at(-1)! < 131_072, `${rates.at(-1)} bytes a second of the one with most neighbours`);
    town.close();
  });
});
