// Writes statements.json, backup.json and numberedRelease.json from the code: node --import tsx test/unit/protocol/makeStatementVectors.ts
// Run it for a new kind only. A vector that is there already may not change: peers and files that are out there rely on it.
import { createHash } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import c from 'compact-encoding';
import { sealBackup } from '../../../src/engine/identity/backupFile';
import { formatCertificate } from '../../../src/engine/identity/certificate';
import { makeRevocation, makeRotation } from '../../../src/engine/identity/statements';
import { statements } from '../../../src/engine/net/statementMessages';
import { identityKeys, releaseId, signRelease } from '../../../src/engine/release/release';
import { VECTORS, readVectors, vectorText } from './vectorFile';

const bytes = (size: number, label: string): Buffer =>
  createHash('shake256', { outputLength: size }).update(label).digest();
const write = (name: string, value: unknown): void =>
  writeFileSync(path.join(VECTORS, `${name}.json`), vectorText(value));

const [oldSeed, nextSeed] = [bytes(32, 'old key'), bytes(32, 'next key')];
const [old, next] = [identityKeys(oldSeed), identityKeys(nextSeed)];
const rotation = makeRotation(old, next, 1_700_000_000_123);
const revocation = makeRevocation(old);

write('statements', {
  rotation: { oldSeed, nextSeed, lastSequence: 1_700_000_000_123, bytes: rotation.bytes, id: rotation.id },
  revocation: {
    seed: oldSeed,
    bytes: revocation.bytes,
    id: revocation.id,
    certificate: formatCertificate(revocation),
  },
  message: {
    type: 5,
    list: [rotation.bytes, revocation.bytes],
    encoded: c.encode(statements, [rotation.bytes, revocation.bytes]),
  },
});

const { release } = readVectors<{ readonly release: Parameters<typeof signRelease>[0] }>('release');
const seed = bytes(32, 'author');
const numbered = { ...release, sequence: 1_700_000_000_123 };
const signed = signRelease(numbered, identityKeys(seed));
const { authorKey, payload, signature } = signed;
write('numberedRelease', {
  seed,
  authorKey,
  release: numbered,
  payload,
  signature,
  releaseId: releaseId(signed),
});

// Salt and nonce are random, so this one is only ever made once.
if (!existsSync(path.join(VECTORS, 'backup.json'))) {
  const contents = JSON.stringify({
    version: 1,
    seed: oldSeed.toString('hex'),
    displayName: 'Zoë',
    sequence: 1_700_000_000_123,
    createdAt: 1_700_000_000_000,
    rooms: [
      {
        id: 'general',
        kind: 'general',
        label: 'General',
        isJoined: true,
        data: null,
        downloadLimit: 5_000_000,
        uploadLimit: 0,
      },
    ],
    shared: [{ id: 'ab'.repeat(32), name: 'zoe/summaries', rooms: ['general'] }],
    statements: [Buffer.from(rotation.bytes).toString('base64')],
  });
  const passphrase = 'correct horse battery staple à';
  void sealBackup(Buffer.from(contents), passphrase, { passes: 1, memoryKiB: 8 * 1024 }).then((file) =>
    write('backup', { passphrase, contents, file }),
  );
}
