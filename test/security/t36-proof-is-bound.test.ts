import assert from 'node:assert/strict';
import { parseRoomCode } from '../../src/engine/net/roomCode';
import { privateKeys, type RoomKeys } from '../../src/engine/net/roomKeys';
import { SecurityGround, untilJoined } from '../helpers/securityGround';
import { opening, rejection, type Stranger, type Strangers } from '../helpers/strangers';
import type { TestRooms } from '../helpers/testRooms';

const ROOM = 'lora-swarm/room/1';

describe('T36: somebody who knows the topic, and not the code', function () {
  this.timeout(10_000);

  let ground: SecurityGround;
  let ana: TestRooms;
  let room: string;
  let keys: RoomKeys;
  let strangers: Strangers;
  /** A member that took the stranger for one, dialled it and proved the room to it. */
  let fooled: Stranger;
  /** The proof of that member. */
  let proof: Buffer;
  before(async () => {
    ground = await SecurityGround.open();
    ana = await ground.rooms('ana');
    const { code, room: id } = ana.rooms.create('lab');
    room = id;
    keys = privateKeys(parseRoomCode(code));
    ana.offer(room, 'hidden-adapter');
    await untilJoined(ana);
    strangers = ground.strangers();
    // Whoever keeps records of the DHT knows topics, and may stand there.
    const dialled = strangers.listen(keys.topic);
    const ben = await ground.rooms('ben');
    ben.rooms.joinCode(code);
    fooled = await dialled;
    await fooled.next(0);
    const question = fooled.heard[0]!;
    proof = question.subarray(-33, -1);
    assert.deepEqual(question, opening(1, ROOM, proof, Buffer.from([0])));
  });
  after(() => ground.close());

  it('gets nowhere with the proof of a member on another connection', async () => {
    const stranger = await strangers.dial(ana.keys.publicKey);

    stranger.say(opening(1, ROOM, proof, Buffer.from([0])));
    await stranger.next(0);

    assert.deepEqual(stranger.heard, [rejection(1)]);
    assert.equal(ana.rooms.peers.get(stranger.stream.publicKey.toString('hex'))?.links.size ?? 0, 0);
  });

  it('gets nowhere when it is passed on under the key of the stranger that heard it', async () => {
    let stranger: Stranger;
    do {
      stranger = await strangers.dial(ana.keys.publicKey, fooledKeys());
      stranger.say(opening(1, ROOM, proof, Buffer.from([0])));
      await stranger.next(0);
    } while (stranger.isClosed); // One connection of a key stays, and a member may be dialling it at the same moment.

    assert.deepEqual(stranger.heard, [rejection(1)]);
  });

  it('gets nowhere by asking a member with its own proof, and is sent away for answering with it', async () => {
    const heard = fooled.heard.length;

    fooled.say(opening(1, ROOM, proof, Buffer.concat([Buffer.from([32]), proof])));
    await fooled.closed;

    assert.equal(fooled.heard.length, heard, 'no hello, no name, no list');
    assert.ok(!Buffer.concat(fooled.heard).includes('ben'));
  });

  it('would be let in with the right proof', async () => {
    const member = await strangers.dial(ana.keys.publicKey);

    member.say(opening(1, ROOM, member.proof(keys), Buffer.from([0])));
    await member.next(0);

    assert.ok(Buffer.concat(member.heard).includes('ana'));
  });

  function fooledKeys(): { publicKey: Buffer; secretKey: Buffer } {
    return strangers.listening!;
  }
});
