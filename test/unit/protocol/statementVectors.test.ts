import assert from 'node:assert/strict';
import c from 'compact-encoding';
import { readContents, writeContents } from '../../../src/engine/identity/backupContents';
import { openBackup } from '../../../src/engine/identity/backupFile';
import { formatCertificate, parseCertificate } from '../../../src/engine/identity/certificate';
import { makeRevocation, makeRotation, openStatement } from '../../../src/engine/identity/statements';
import { statements } from '../../../src/engine/net/statementMessages';
import { identityKeys } from '../../../src/engine/release/release';
import { readVectors } from './vectorFile';

interface StatementVectors {
  readonly rotation: {
    readonly oldSeed: Buffer;
    readonly nextSeed: Buffer;
    readonly lastSequence: number;
    readonly bytes: Buffer;
    readonly id: string;
  };
  readonly revocation: {
    readonly seed: Buffer;
    readonly bytes: Buffer;
    readonly id: string;
    readonly certificate: string;
  };
  readonly message: { readonly list: readonly Buffer[]; readonly encoded: Buffer };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('protocol vectors of statements', () => {
  const { rotation, revocation, message } = readVectors<StatementVectors>('statements');

  it('move an author to another key', () => {
    const [old, next] = [identityKeys(rotation.oldSeed), identityKeys(rotation.nextSeed)];

    const made = makeRotation(old, next, rotation.lastSequence);

    assert.equal(hex(made.bytes), hex(rotation.bytes));
    assert.deepEqual(openStatement(rotation.bytes), {
      kind: 'rotation',
      key: hex(old.publicKey),
      next: hex(next.publicKey),
      lastSequence: rotation.lastSequence,
      id: rotation.id,
      bytes: rotation.bytes,
    });
  });

  it('revoke a key, as bytes and as the text that people keep', () => {
    const made = makeRevocation(identityKeys(revocation.seed));

    assert.equal(hex(made.bytes), hex(revocation.bytes));
    assert.equal(made.id, revocation.id);
    assert.equal(formatCertificate(made), revocation.certificate);
    assert.deepEqual(parseCertificate(revocation.certificate), made);
  });

  it('travel in message 5', () => {
    assert.equal(hex(c.encode(statements, message.list)), hex(message.encoded));
    assert.deepEqual(c.decode(statements, message.encoded).map(hex), message.list.map(hex));
  });
});

describe('vector of a backup', () => {
  it('opens with its passphrase and holds what it says', async () => {
    const { passphrase, contents, file } = readVectors<{ passphrase: string; contents: string; file: Buffer }>(
      'backup',
    );

    const opened = await openBackup(file, passphrase);

    assert.equal(opened.toString('utf8'), contents);
    assert.deepEqual(JSON.parse(writeContents(readContents(opened)).toString('utf8')), JSON.parse(contents));
  });
});
