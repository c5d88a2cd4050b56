import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { SecurityGround, untilJoined } from '../helpers/securityGround';
import { opening } from '../helpers/strangers';

const ROOM = 'lora-swarm/room/1';
/** 127.0.0.2 and its like are addresses of this machine on Linux and Windows without being set up. */
const OTHER = process.platform === 'darwin' ? '127.0.0.1' : '127.0.0.2';

describe('T37: guessing proofs of a room', function () {
  this.timeout(10_000);

  let ground: SecurityGround;
  beforeEach(async () => {
    ground = await SecurityGround.open();
  });
  afterEach(() => ground.close());

  it('has no more than thirty tries a minute, of a thousand, under any number of keys', async () => {
    const ana = await ground.rooms('ana');
    const { room, code } = ana.rooms.create('lab');
    await untilJoined(ana);
    const strangers = ground.strangers(OTHER);
    let tried = 0;
    let refused = 0;
    let compared = 0;

    for (let connection = 0; connection < 20; connection++) {
      const stranger = await strangers.dial(ana.keys.publicKey);
      for (let i = 0; i < 50; i++, tried++) {
        stranger.say(opening(i + 1, ROOM, randomBytes(32), Buffer.from([0])));
        await stranger.next(i);
      }
      compared += stranger.heard.length;
      if (stranger.heard.length === 0) refused++;
    }

    assert.equal(tried, 1_000);
    assert.ok(compared > 0 && compared <= 30, `${compared} were compared`);
    assert.ok(refused >= 18, 'the others were not even let in');
    if (OTHER === '127.0.0.1') return; // There the flood has the address of everybody.
    const ben = await ground.rooms('ben');
    ben.rooms.joinCode(code);
    await ana.until(() => ana.rooms.peers.count(room) === 1);
  });
});
