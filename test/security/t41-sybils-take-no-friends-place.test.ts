import assert from 'node:assert/strict';
import { generalKeys } from '../../src/engine/net/roomKeys';
import { SecurityGround, untilJoined } from '../helpers/securityGround';
import { opening, type Stranger } from '../helpers/strangers';

const ROOM = 'lora-swarm/room/1';

describe('T41: one address with very many keys', function () {
  this.timeout(20_000);

  let ground: SecurityGround;
  before(function () {
    if (process.platform === 'darwin') this.skip(); // One loopback address only.
  });
  beforeEach(async () => {
    ground = await SecurityGround.open();
  });
  afterEach(() => ground.close());

  it('gets a bounded number of connections, and a known peer still gets in', async () => {
    const ana = await ground.rooms('ana');
    ana.rooms.joinGeneral();
    await untilJoined(ana);
    const ben = await ground.rooms('ben');
    ben.rooms.joinGeneral();
    await ana.until(() => ana.rooms.peers.count('general') === 1);
    await ben.close();
    await ana.until(() => ana.rooms.peers.count('general') === 0);

    // Each proves the room, as everybody can, and stays.
    const strangers = ground.strangers('127.0.0.2');
    const crowd: Stranger[] = [];
    for (let i = 0; i < 150; i++) {
      const one = await strangers.dial(ana.keys.publicKey);
      crowd.push(one);
      if (!one.isClosed) one.say(opening(1, ROOM, one.proof(generalKeys()), Buffer.from([0])));
    }
    await Promise.all(crowd.map((one) => one.next(0)));
    const inside = crowd.filter((one) => !one.isClosed);
    const again = await ground.rooms('ben', ben);
    await ana.until(() => ana.rooms.peers.get(again.key)?.isIn('general') === true);

    assert.equal(inside.length, 32);
  });
});
