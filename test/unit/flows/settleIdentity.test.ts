import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyPair } from 'hypercore-crypto';
import { settleIdentity, certificatePath } from '../../../src/engine/flows/settleIdentity';
import type { BackupContents } from '../../../src/engine/identity/backupContents';
import { parseCertificate } from '../../../src/engine/identity/certificate';
import { makeRotation } from '../../../src/engine/identity/statements';
import { silentLog } from '../../../src/engine/log';
import { writeIdentityChange } from '../../../src/engine/store/identityChange';
import type { Store } from '../../../src/engine/store/store';
import { seededBytes } from '../../helpers/packages';
import { withStore } from '../../helpers/stores';

const OLD = seededBytes(32, 'old');
const NEXT = seededBytes(32, 'next');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const CHANGE: BackupContents = {
  seed: NEXT,
  displayName: 'Ana',
  sequence: 5_000,
  createdAt: 1,
  rooms: [
    { id: 'general', kind: 'general', label: 'General', isJoined: true, data: null, downloadLimit: 7, uploadLimit: 8 },
  ],
  shared: [],
  statements: [makeRotation(keyPair(OLD), keyPair(NEXT), 5_000).bytes, Buffer.from('of a later version')],
};

function checkDone(store: Store, home: string): void {
  assert.equal(store.settings.get('identity.displayName'), 'Ana');
  assert.equal(store.releaseNumbers.last, 5_000);
  assert.deepEqual(store.rooms.limits('general'), { download: 7, upload: 8 });
  assert.deepEqual(
    store.statements.list().map(({ isMine, statement }) => [isMine, statement.kind]),
    [[true, 'rotation']],
  );
  assert.ok(!existsSync(join(home, 'identity.next')));
}

describe('settleIdentity', () => {
  it('keeps a certificate that ends the key, for its owner only, and makes it once', () =>
    withStore(async (store, home) => {
      const keys = await settleIdentity(store, undefined, silentLog);
      const path = certificatePath(home, keys.publicKey);
      const text = readFileSync(path, 'utf8');

      await settleIdentity(store, undefined, silentLog);

      assert.equal(parseCertificate(text).key, hex(keys.publicKey));
      assert.equal(readFileSync(path, 'utf8'), text);
      if (process.platform !== 'win32') assert.equal(statSync(path).mode & 0o777, 0o600);
    }));

  it('writes the certificate anew when the start that wrote it was killed, and leaves one with a note alone', () =>
    withStore(async (store, home) => {
      const keys = await settleIdentity(store, undefined, silentLog);
      const path = certificatePath(home, keys.publicKey);
      const text = readFileSync(path, 'utf8');
      const after: string[] = [];
      for (const there of ['', text.slice(0, 100), text.slice(0, -1), `My laptop\n${text}`, `${text}My laptop`]) {
        writeFileSync(path, there);

        await settleIdentity(store, undefined, silentLog);

        after.push(readFileSync(path, 'utf8'));
      }

      assert.deepEqual(after, [text, text, text, `My laptop\n${text}`, `${text}My laptop`]);
    }));

  it('carries out a change where the seed is in a file, and again after a crash at any step', () =>
    withStore(async (store, home) => {
      writeFileSync(join(home, 'identity.key'), hex(OLD), { mode: 0o600 });
      writeFileSync(join(home, `identity.next.${'a'.repeat(16)}`), 'a part of it');
      for (let crash = 0; crash < 2; crash++) {
        await writeIdentityChange(home, { kind: 'restored', contents: CHANGE }); // The last step before was lost.

        const keys = await settleIdentity(store, undefined, silentLog);

        assert.deepEqual(keys, keyPair(NEXT));
        checkDone(store, home);
        assert.equal(readFileSync(join(home, 'identity.key'), 'utf8'), `${hex(NEXT)}\n`);
      }
      assert.equal(
        readdirSync(home)
          .filter((name) => name.startsWith('identity'))
          .join(),
        'identity.key',
      );
    }));

  it('carries it out without a file once a secret storage hands over the new seed, and not before', () =>
    withStore(async (store, home) => {
      await writeIdentityChange(home, { kind: 'moved', contents: CHANGE });

      const before = await settleIdentity(store, hex(OLD), silentLog);
      assert.deepEqual(before, keyPair(OLD));
      assert.ok(existsSync(join(home, 'identity.next')));
      assert.equal(store.statements.list().length, 0);
      const after = await settleIdentity(store, hex(NEXT), silentLog);

      assert.deepEqual(after, keyPair(NEXT));
      checkDone(store, home);
      assert.ok(!existsSync(join(home, 'identity.key')));
    }));

  it('changes nothing and keeps the file when it is damaged', () =>
    withStore(async (store, home) => {
      writeFileSync(join(home, 'identity.key'), hex(OLD), { mode: 0o600 });
      for (const text of ['', 'moved\n', `moved\n${hex(OLD)}\n${JSON.stringify({ version: 1 })}`]) {
        writeFileSync(join(home, 'identity.next'), text);

        await assert.rejects(settleIdentity(store, undefined, silentLog), { code: 'STORE_CORRUPT' });

        assert.equal(readFileSync(join(home, 'identity.next'), 'utf8'), text);
        assert.equal(readFileSync(join(home, 'identity.key'), 'utf8'), hex(OLD));
      }
    }));
});
