import assert from 'node:assert/strict';
import { keyPair } from 'hypercore-crypto';
import { comparableFingerprint } from '../../../../src/engine/net/members/fingerprint';
import {
  formatJoinCode,
  isJoinCode,
  joinKeys,
  makeJoinSecret,
  parseJoinCode,
} from '../../../../src/engine/net/members/joinCode';
import { RoomLog } from '../../../../src/engine/net/members/roomLog';
import { openSeal, seal } from '../../../../src/engine/net/members/sealed';
import { openStatement, signStatement, type Act } from '../../../../src/engine/net/members/statement';
import { formatRoomCode, parseRoomCode } from '../../../../src/engine/net/roomCode';
import { privateKeys } from '../../../../src/engine/net/roomKeys';
import { mutated, seeded } from '../../../helpers/hostile';

const author = keyPair(Buffer.alloc(32, 1));
const tag = Buffer.alloc(32, 2);
const [member, other] = ['aa'.repeat(32), 'bb'.repeat(32)];
const sealed = Buffer.alloc(80, 3);

const ACTS: readonly Act[] = [
  { kind: 'admit', member, epoch: 'cc'.repeat(32), isInvited: true, sealed, over: ['dd'.repeat(32)] },
  { kind: 'appoint', member, over: [] },
  { kind: 'dismiss', member },
  { kind: 'remove', member, floor: 300 },
  {
    kind: 'epoch',
    number: 7,
    commitment: Buffer.alloc(32, 4),
    recipients: [
      { key: member, sealed },
      { key: other, sealed },
    ],
  },
];

describe('a statement about a room', () => {
  for (const act of ACTS)
    it(`reads as it was signed: ${act.kind}`, () => {
      const signed = signStatement(tag, author, 12, act);

      const read = openStatement(tag, signed.bytes);

      assert.deepEqual(read, signed);
      assert.deepEqual(read.act, act);
      assert.equal(read.author, author.publicKey.toString('hex'));
    });

  it('counts in its own room only', () => {
    const { bytes } = signStatement(tag, author, 1, ACTS[1]!);

    assert.throws(() => openStatement(Buffer.alloc(32, 9), bytes), { code: 'MESSAGE_INVALID' });
  });

  it('is refused when a byte of it is not what was signed, whatever it then says', () => {
    const random = seeded(7);
    for (const act of ACTS) {
      const { bytes } = signStatement(tag, author, 12, act);
      for (let i = 0; i < 400; i++) {
        const damaged = Buffer.from(mutated(bytes, bytes.length, random));
        if (damaged.equals(bytes)) continue;
        assert.throws(() => openStatement(tag, damaged), { code: 'MESSAGE_INVALID' });
      }
    }
  });

  it('is refused with more recipients than a room may have, unsorted ones, or more bytes than it needs', () => {
    const epoch = ACTS[4] as Extract<Act, { kind: 'epoch' }>;
    const many = Array.from({ length: 501 }, (_, i) => ({ key: i.toString(16).padStart(64, '0'), sealed }));

    assert.throws(() => signStatement(tag, author, 1, { ...epoch, recipients: many }), { code: 'MESSAGE_INVALID' });
    assert.throws(() => signStatement(tag, author, 1, { ...epoch, recipients: [...epoch.recipients].reverse() }), {
      code: 'MESSAGE_INVALID',
    });
    assert.equal(
      openStatement(tag, signStatement(tag, author, 1, { ...epoch, recipients: many.slice(1) }).bytes).clock,
      1,
    );
  });

  it('of a kind that is not known yet is passed over', () => {
    const log = new RoomLog({ creator: author.publicKey, nonce: Buffer.alloc(32) });
    const bytes = Buffer.from(signStatement(log.tag, author, 1, ACTS[1]!).bytes);
    bytes[64] = 200;

    assert.deepEqual(log.add([bytes]), []);
  });
});

describe('a sealed secret', () => {
  it('is opened by the device that it is for, and by no other', () => {
    const [ben, eve] = [keyPair(), keyPair()];
    const box = seal(Buffer.from('nonce'), ben.publicKey)!;

    assert.equal(openSeal(box, ben)?.toString(), 'nonce');
    assert.equal(openSeal(box, eve), undefined);
    assert.equal(openSeal(box.subarray(1), ben), undefined);
  });

  it('is not made for bytes that are no key', () => {
    assert.equal(seal(Buffer.from('nonce'), Buffer.alloc(32)), undefined);
    assert.equal(seal(Buffer.from('nonce'), Buffer.alloc(32, 0xff)), undefined);
  });
});

describe('a one-time code', () => {
  it('is read as it is typed, and is no code of a room', () => {
    const secret = makeJoinSecret();
    const code = formatJoinCode(secret);

    assert.match(code, /^ONCE-([0-9A-Z]{4}-){6}[0-9A-Z]{4}$/);
    assert.deepEqual(parseJoinCode(` ${code.toLowerCase().replaceAll('-', ' ').replace('once', '0nce')}`), secret);
    assert.throws(() => parseRoomCode(code), { code: 'ROOM_CODE_INVALID' });
    assert.equal(isJoinCode(formatRoomCode(secret)), false);
  });

  it('has other check characters than the code of a room with the same bytes', () => {
    const secret = Buffer.alloc(16, 5);

    assert.throws(() => parseJoinCode(`ONCE-${formatRoomCode(secret)}`), { code: 'ROOM_CODE_INVALID' });
    assert.throws(() => parseRoomCode(formatJoinCode(secret).slice(5)), { code: 'ROOM_CODE_INVALID' });
    assert.notDeepEqual(joinKeys(secret).topic, privateKeys(secret).topic);
  });

  it('with a mistyped character is named as such', () => {
    const code = formatJoinCode(Buffer.alloc(16, 7));
    const mistyped = `${code.slice(0, 10)}${code[10] === '2' ? '3' : '2'}${code.slice(11)}`;

    assert.throws(() => parseJoinCode(mistyped), { code: 'ROOM_CODE_INVALID' });
  });
});

describe('the fingerprint of a device', () => {
  it('is five short groups that differ between keys and stay for one', () => {
    const prints = Array.from({ length: 50 }, (_, i) => comparableFingerprint(Buffer.alloc(32, i)));

    for (const print of prints) assert.match(print, /^([0-9A-HJKMNP-TV-Z]{4}-){4}[0-9A-HJKMNP-TV-Z]{4}$/);
    assert.equal(new Set(prints).size, prints.length);
    assert.equal(comparableFingerprint(Buffer.alloc(32, 3)), prints[3]);
  });
});
