import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { readContents, writeContents, type BackupContents } from '../../../src/engine/identity/backupContents';
import { BACKUP_COST, MAX_BACKUP_BYTES, openBackup, sealBackup } from '../../../src/engine/identity/backupFile';
import { makeRevocation } from '../../../src/engine/identity/statements';
import { identityKeys } from '../../../src/engine/release/release';
import { seededBytes, seededRandom } from '../../helpers/packages';
import { costSince, started } from '../../helpers/processorTime';

/** As little as is read again, so that the tests are quick. */
const CHEAP = { passes: 1, memoryKiB: 8 * 1024 };
const WORDS = 'correct horse battery staple';
const CONTENTS = Buffer.from('the contents: secret-of-a-room');

const seal = (passphrase = WORDS): Promise<Buffer> => sealBackup(CONTENTS, passphrase, CHEAP);

/** A file with another header or body, whose sum is right: not damaged, but made so. */
function forge(file: Buffer, change: (bytes: Buffer) => void): Buffer {
  const body = Buffer.from(file.subarray(0, -32));
  change(body);
  return Buffer.concat([body, createHash('sha256').update(body).digest()]);
}

describe('backup file', () => {
  let file: Buffer;
  before(async () => (file = await seal()));

  it('gives back what was put in, to who knows the passphrase', async () => {
    assert.deepEqual(await openBackup(file, WORDS), CONTENTS);
  });

  it('takes a passphrase as it reads, however a keyboard writes it', async () => {
    const composed = await sealBackup(CONTENTS, 'pão de açúcar', CHEAP);

    assert.deepEqual(await openBackup(composed, 'pão de açúcar'.normalize('NFD')), CONTENTS);
  });

  it('shows nothing of its contents and is another one each time', async () => {
    const again = await seal();

    assert.ok(!file.includes('secret-of-a-room'));
    assert.notDeepEqual(again.subarray(16, 56), file.subarray(16, 56));
    assert.notDeepEqual(again.subarray(56), file.subarray(56));
  });

  it('costs 256 MiB and three passes a guess unless a test says otherwise', () => {
    assert.deepEqual(BACKUP_COST, { passes: 3, memoryKiB: 256 * 1024 });
    assert.deepEqual([file.readUInt32LE(8), file.readUInt32LE(12)], [1, 8 * 1024]);
  });

  it('tells a wrong passphrase from a damaged file', async () => {
    for (const wrong of ['correct horse battery stapl', 'Correct horse battery staple', '', 'x'.repeat(1_024)])
      await assert.rejects(openBackup(file, wrong), { code: 'BACKUP_PASSPHRASE' });
  });

  it('says of a damaged one, and of one cut off anywhere, that it is damaged', async () => {
    const random = seededRandom(1);
    for (let i = 0; i < 60; i++) {
      const damaged = Buffer.from(file);
      damaged[8 + Math.floor(random() * (file.length - 8))]! ^= 1 << Math.floor(random() * 8);
      await assert.rejects(openBackup(damaged, WORDS), { code: 'BACKUP_INVALID', message: /damaged/ });
    }
    for (const length of [8, 40, 56, 57, 72, file.length - 32, file.length - 1])
      await assert.rejects(openBackup(file.subarray(0, length), WORDS), { code: 'BACKUP_INVALID', message: /damaged/ });
  });

  it('says of another file that it is no backup, and of a later version to update', async () => {
    for (const foreign of [Buffer.alloc(0), Buffer.from('LSWM'), Buffer.from('%PDF-1.7 …'), seededBytes(500, 'noise')])
      await assert.rejects(openBackup(foreign, WORDS), { code: 'BACKUP_INVALID', message: /no backup of LoRA Swarm/ });
    const later = forge(file, (bytes) => bytes.write('2', 7));
    await assert.rejects(openBackup(later, WORDS), { code: 'BACKUP_INVALID', message: /newer version/ });
  });

  it('does no work that a forged header asks for', async () => {
    const forged: [passes: number, memoryKiB: number][] = [
      [0, 8_192],
      [11, 8_192],
      [0xffff_ffff, 8_192],
      [1, 1],
      [1, 1024 * 1024 + 1],
      [1, 0xffff_ffff],
    ];
    for (const [passes, memoryKiB] of forged) {
      const wrong = forge(file, (bytes) => {
        bytes.writeUInt32LE(passes, 8);
        bytes.writeUInt32LE(memoryKiB, 12);
      });
      const since = started();
      await assert.rejects(openBackup(wrong, WORDS), { code: 'BACKUP_INVALID', message: /more work or memory/ });
      assert.ok(costSince(since) < 50);
    }
    const long = Buffer.concat([file, Buffer.alloc(MAX_BACKUP_BYTES)]);
    await assert.rejects(openBackup(long, WORDS), { code: 'BACKUP_INVALID', message: /longer/ });
  });

  it('opens with no other cost, salt or nonce than those it was made with', async () => {
    for (const at of [8, 13, 20, 40])
      await assert.rejects(
        openBackup(
          forge(file, (bytes) => (bytes[at]! ^= 2)),
          WORDS,
        ),
        { code: 'BACKUP_PASSPHRASE' },
      );
  });

  it('is not made with a passphrase that is guessed at once', async () => {
    for (const short of ['', '1234567', '🦙🦙🦙🦙']) await assert.rejects(seal(short), { code: 'USAGE' });
    await assert.rejects(seal('x'.repeat(1_025)), { code: 'USAGE' });
  });
});

describe('contents of a backup', () => {
  const contents: BackupContents = {
    seed: seededBytes(32, 'seed'),
    displayName: 'Ana 🦙',
    sequence: 1_700_000_000_123,
    createdAt: 1_700_000_000_000,
    rooms: [
      {
        id: '0123456789abcdef',
        kind: 'private',
        label: 'lab',
        isJoined: true,
        data: { secret: '00'.repeat(16), members: [['aa', 'Bob']] },
        downloadLimit: 5_000_000,
        uploadLimit: 0,
      },
      {
        id: 'general',
        kind: 'general',
        label: 'General',
        isJoined: true,
        data: null,
        downloadLimit: 0,
        uploadLimit: 0,
      },
    ],
    shared: [{ id: 'ab'.repeat(32), name: 'ana/sql', rooms: ['general'] }],
    statements: [makeRevocation(identityKeys(seededBytes(32, 'old'))).bytes],
  };

  it('come back as they were written', () => {
    assert.deepEqual(readContents(writeContents(contents)), contents);
  });

  it('are refused when a field is of another kind, and nothing of them is quoted', () => {
    const plain = JSON.parse(writeContents(contents).toString()) as Record<string, unknown>;
    const wrongs: Record<string, unknown>[] = [
      { version: 2 },
      ...[1, 'xy', '0'.repeat(63), 'G'.repeat(64)].map((seed) => ({ seed })),
      ...[-1, 1.5, '1', null].map((sequence) => ({ sequence })),
      ...[{}, 'x', [null], [{ ...contents.rooms[0], kind: 'other' }], Array(257).fill(contents.rooms[0])].map(
        (rooms) => ({ rooms }),
      ),
      ...[[{ id: '../x', name: 'n', rooms: [] }], [{ id: 'ab'.repeat(32), name: 'n' }]].map((shared) => ({ shared })),
      ...[[1], Array(5_000).fill('')].map((statements) => ({ statements })),
    ];
    for (const wrong of wrongs)
      assert.throws(() => readContents(Buffer.from(JSON.stringify({ ...plain, ...wrong }))), {
        code: 'BACKUP_INVALID',
      });
    const cut = writeContents(contents).subarray(0, 120);
    assert.throws(
      () => readContents(cut),
      (error: Error) => {
        assert.ok(!inspect(error).includes(contents.seed.toString('hex').slice(0, 16)));
        return 'code' in error && error.code === 'BACKUP_INVALID';
      },
    );
  });
});
