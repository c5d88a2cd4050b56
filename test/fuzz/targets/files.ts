import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCard } from '../../../src/engine/adapter/card';
import { MERGE_FILE, mergeFileText, readMergeFile } from '../../../src/engine/flows/mergeFile';
import { readContents, writeContents, type BackupContents } from '../../../src/engine/identity/backupContents';
import { formatCertificate, parseCertificate } from '../../../src/engine/identity/certificate';
import { makeRevocation, makeRotation, openStatement } from '../../../src/engine/identity/statements';
import { identityKeys } from '../../../src/engine/release/release';
import { loadIdentitySeed } from '../../../src/engine/store/identity';
import { encodeRelease, readPackageFacts } from '../../../src/engine/store/packageFiles';
import { makePackage, makeRelease } from '../../helpers/packages';
import { damaged } from '../bytes';
import type { Random } from '../random';
import { tried, triedLater, type Target, type Verdict } from '../target';
import { jsonBytes, mutatedText, mutatedValue } from '../values';

/** One kind of file, or of text that people keep in one. */
interface FileKind {
  readonly sound: Uint8Array;
  /** Damage that knows what is in it, beside that of bytes. */
  readonly other?: (random: Random) => Uint8Array;
  readonly read: (bytes: Uint8Array) => Verdict | Promise<Verdict>;
}

/** Small files that we wrote and others may have changed. The first byte of an input is the kind. */
export const files: Target = {
  name: 'files of ours',
  open: async (scratch) => {
    const kinds = [...(await packageKinds(scratch)), mergeKind(scratch), identityKind(scratch), ...statementKinds()];
    return {
      make: (random) => {
        const number = random.below(kinds.length);
        const { sound, other } = kinds[number]!;
        const bytes = other && !random.isOneIn(3) ? other(random) : damaged(Buffer.from(sound), random);
        return Buffer.concat([Uint8Array.of(number), random.isOneIn(20) ? sound : bytes]);
      },
      take: (input) => kinds[(input[0] ?? 0) % kinds.length]!.read(input.subarray(1)),
    };
  },
};

async function packageKinds(scratch: string): Promise<FileKind[]> {
  const { manifest } = await makePackage();
  const release = encodeRelease(makeRelease(manifest.id));
  const read = (manifestBytes: Uint8Array, releaseBytes: Uint8Array) => async (): Promise<Verdict> => {
    const folder = join(scratch, 'package');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'manifest.bin'), manifestBytes);
    writeFileSync(join(folder, 'release.bin'), releaseBytes);
    const facts = await readPackageFacts(folder, manifest.id);
    if (facts) assert.equal(facts.manifest.id, manifest.id);
    return facts?.release ? 'accepted' : 'refused';
  };
  return [
    { sound: manifest.bytes, read: (bytes) => read(bytes, release)() },
    { sound: release, read: (bytes) => read(manifest.bytes, bytes)() },
  ];
}

const ID = 'ab'.repeat(32);

function mergeKind(scratch: string): FileKind {
  const text = mergeFileText({
    weights: `sha256:${ID}`,
    lineage: { method: 'ties', parts: [{ id: ID, name: 'bo/x', weight: 0.5 }], rank: 4, density: 0.5, seed: 1 },
  });
  return {
    sound: Buffer.from(text),
    other: (random) => jsonBytes(mutatedValue(JSON.parse(text), random)),
    read: (bytes) => {
      writeFileSync(join(scratch, MERGE_FILE), bytes);
      return triedLater(['ADAPTER_CONFIG_INVALID'], () => readMergeFile(join(scratch, 'adapter_model.safetensors')));
    },
  };
}

function identityKind(scratch: string): FileKind {
  const home = join(scratch, 'identity');
  mkdirSync(home);
  return {
    sound: Buffer.from(`${ID}\n`),
    other: (random) => Buffer.from(mutatedText(`${ID}\n`, random)),
    read: (bytes) => {
      writeFileSync(join(home, 'identity.key'), bytes);
      return triedLater(['STORE_CORRUPT'], async () => assert.match(await loadIdentitySeed(home), /^[0-9a-f]{64}$/));
    },
  };
}

function statementKinds(): FileKind[] {
  const [keys, next] = [identityKeys(Buffer.alloc(32, 1)), identityKeys(Buffer.alloc(32, 2))];
  const revocation = makeRevocation(keys);
  const rotation = makeRotation(keys, next, 7);
  const certificate = formatCertificate(revocation);
  const contents: BackupContents = {
    ...{ seed: Buffer.alloc(32, 1), displayName: 'ana', sequence: 3, createdAt: 1, statements: [rotation.bytes] },
    rooms: [
      { id: 'general', kind: 'general', label: 'G', isJoined: true, data: null, downloadLimit: 0, uploadLimit: 0 },
    ],
    shared: [{ id: ID, name: 'n', rooms: ['general'] }],
  };
  const card = '---\nlicense: mit\ntags:\n- lora\n- "x"\nbase_model: [a, b]\n---\n# Card\n';
  const openBytes = (bytes: Uint8Array): Verdict =>
    tried(['STATEMENT_INVALID'], () => assert.deepEqual(openStatement(bytes).bytes, Buffer.from(bytes)));
  return [
    { sound: revocation.bytes, read: openBytes },
    { sound: rotation.bytes, read: openBytes },
    {
      sound: Buffer.from(certificate),
      other: (random) => Buffer.from(mutatedText(certificate, random)),
      read: (bytes) =>
        tried(['STATEMENT_INVALID'], () => {
          assert.equal(parseCertificate(Buffer.from(bytes).toString('utf8')).key, revocation.key);
        }),
    },
    {
      sound: writeContents(contents),
      other: (random) => jsonBytes(mutatedValue(JSON.parse(writeContents(contents).toString('utf8')), random)),
      read: (bytes) =>
        tried(['BACKUP_INVALID'], () => {
          const found = readContents(bytes);
          assert.deepEqual(readContents(writeContents(found)), found);
        }),
    },
    {
      sound: Buffer.from(card),
      other: (random) => Buffer.from(mutatedText(card, random)),
      read: (bytes) => {
        const { license = '', tags } = parseCard(Buffer.from(bytes).toString('utf8').slice(0, 65_536));
        assert.ok(tags.length <= 10 && tags.every((tag) => tag.length <= 32) && license.length <= 80);
        return tags.length > 0 ? 'accepted' : 'refused';
      },
    },
  ];
}
