import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  formatRoomCode,
  inviteLink,
  makeRoomSecret,
  parseRoomCode,
  roomSecretOf,
} from '../../../src/engine/net/roomCode';
import { generalKeys, isSameProof, privateKeys, roomProof } from '../../../src/engine/net/roomKeys';

describe('room code', () => {
  it('comes back from what a person typed', () => {
    for (let i = 0; i < 500; i++) {
      const secret = randomBytes(16);
      const code = formatRoomCode(secret);
      const typed = code.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l');

      assert.match(code, /^([0-9A-HJKMNP-TV-Z]{4}-){6}[0-9A-HJKMNP-TV-Z]{4}$/);
      assert.deepEqual(parseRoomCode(code), secret);
      assert.deepEqual(parseRoomCode(`  ${typed} `), secret);
    }
  });

  it('names a mistyped character, almost always', () => {
    const letters = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
    let accepted = 0;
    let tried = 0;
    for (let i = 0; i < 40; i++) {
      const code = formatRoomCode(randomBytes(16)).replaceAll('-', '');
      for (let at = 0; at < code.length; at++) {
        const other = letters[(letters.indexOf(code[at]!) + 1 + (i % 30)) % 32]!;
        tried++;
        try {
          parseRoomCode(code.slice(0, at) + other + code.slice(at + 1));
          accepted++;
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'ROOM_CODE_INVALID');
        }
      }
    }
    assert.ok(accepted < tried / 100, `${accepted} of ${tried}`);
  });

  it('refuses everything else', () => {
    const code = formatRoomCode(Buffer.alloc(16));
    for (const text of [
      '',
      'general',
      code.slice(1),
      `${code}0`,
      code.replace('0', 'U'),
      'é'.repeat(28),
      'x'.repeat(10_000),
      `${code}\u202e`,
    ])
      assert.throws(() => parseRoomCode(text), { code: 'ROOM_CODE_INVALID' }, text.slice(0, 40));
  });

  it('is evenly drawn and never twice the same', () => {
    const counts = new Array<number>(256).fill(0);
    const seen = new Set<string>();
    const key = randomBytes(32);
    for (let i = 0; i < 20_000; i++) {
      const { secret } = makeRoomSecret(key);
      seen.add(secret.toString('hex'));
      for (const byte of secret) counts[byte]!++;
    }
    const expected = (20_000 * 16) / 256;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);

    assert.equal(seen.size, 20_000);
    assert.ok(chiSquare < 400, `chi-square ${chiSquare} with 255 degrees of freedom`); // p < 1e-8 that chance exceeds it.
  });

  it('commits to its owner', () => {
    const [owner, other] = [randomBytes(32), randomBytes(32)];
    const { secret, nonce } = makeRoomSecret(owner);

    assert.deepEqual(roomSecretOf(owner, nonce), secret);
    assert.notDeepEqual(roomSecretOf(other, nonce), secret);
    assert.equal(inviteLink('vscode', 'ABCD'), 'vscode://lora-swarm.lora-swarm/join?code=ABCD');
  });
});

describe('room proof', () => {
  it('holds for one room, role, connection and direction only', () => {
    const [a, b, hash] = [randomBytes(32), randomBytes(32), randomBytes(64)];
    const keys = privateKeys(randomBytes(16));
    const proof = roomProof(keys, 'ask', hash, a, b);

    assert.ok(isSameProof(proof, roomProof(keys, 'ask', hash, a, b)));
    const others = [
      roomProof(privateKeys(randomBytes(16)), 'ask', hash, a, b),
      roomProof(generalKeys(), 'ask', hash, a, b),
      roomProof(keys, 'answer', hash, a, b), // reflected with the other role
      roomProof(keys, 'ask', randomBytes(64), a, b), // replayed on another connection
      roomProof(keys, 'ask', hash, b, a), // sent back
      roomProof(keys, 'ask', hash, a, randomBytes(32)), // relayed to somebody else
      Buffer.alloc(0),
    ];
    assert.deepEqual(
      others.filter((other) => isSameProof(proof, other)),
      [],
    );
  });

  it('comes from a key that the topic does not give away', () => {
    const { topic, auth, data, id } = privateKeys(randomBytes(16));

    assert.equal(new Set([topic, auth, data].map((key) => key.toString('hex'))).size, 3);
    assert.match(id, /^[0-9a-f]{16}$/);
  });
});
