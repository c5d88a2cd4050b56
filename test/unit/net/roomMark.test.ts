import assert from 'node:assert/strict';
import { keyPair } from 'hypercore-crypto';
import { makeGeneral, makeLocal, makeOwn } from '../../../src/engine/net/roomBook';
import { makeRoomSecret } from '../../../src/engine/net/roomCode';
import { roomMark } from '../../../src/engine/net/roomMark';
import { seededBytes } from '../../helpers/packages';

const [one, two] = ['ab'.repeat(32), 'cd'.repeat(32)];

describe('roomMark', () => {
  it('differs by room and by content, and is the same for every member', () => {
    const creator = keyPair(seededBytes(32, 'creator')).publicKey;
    const own = [makeRoomSecret(creator), makeRoomSecret(creator)].map(({ nonce, secret }) =>
      makeOwn({ creator, nonce }, secret),
    );
    const rooms = [makeGeneral(), makeLocal(), ...own];

    const marks = rooms.flatMap((room) => [roomMark(room, one), roomMark(room, two)]);

    assert.equal(new Set(marks).size, 8);
    for (const mark of marks) assert.match(mark ?? '', /^[0-9a-f]{32}$/);
    const origin = own[0]!.circle.log!.origin;
    // After a removal the room has another secret.
    assert.equal(roomMark(makeOwn(origin, seededBytes(16, 'next epoch')), one), marks[4]);
    assert.equal(roomMark(makeGeneral(), one), marks[0]);
  });
});
