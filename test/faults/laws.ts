// What holds after every fault and restart. The numbers are those of the reliability plan.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { parseCertificate } from '../../src/engine/identity/certificate';
import { ChunkMap } from '../../src/engine/release/chunkMap';
import { FILE_ROLES, hashChunk, parseManifest, type Manifest } from '../../src/engine/release/manifest';
import { chunkRuns } from '../../src/engine/store/chunkRuns';
import { Store } from '../../src/engine/store/store';

/** Most that a power cut may cost of what was fetched: what the journal does not know yet. */
export const MAX_UNSAFE_BYTES = 16 * 1024 ** 2;
/** Of each chunk of a package its hash is kept. */
const HASH_BYTES_OF_BYTE = 32 / 65_536;
/** Bytes of a home beside its packages that may come and go: pages of the database. */
const SLACK_BYTES = 1024 ** 2;

/** What a home has to be like, apart from the adapter that is fetched. */
export interface Kept {
  readonly identity: string;
  readonly rooms: readonly string[];
  readonly settings: unknown;
  readonly shared: readonly { readonly id: string }[];
  /** Files of the user with their digests. */
  readonly sources: Readonly<Record<string, string>>;
  readonly bytes: number;
}

export function digestOf(file: string): string {
  const hash = createHash('sha256');
  const fd = fs.openSync(file, 'r');
  const buffer = Buffer.allocUnsafe(1024 ** 2);
  for (let n = fs.readSync(fd, buffer); n > 0; n = fs.readSync(fd, buffer)) hash.update(buffer.subarray(0, n));
  fs.closeSync(fd);
  return hash.digest('hex');
}

/** L1: whatever has a final name is what its manifest says, at any instant. */
export function checkLibrary(home: string): void {
  const library = path.join(home, 'library');
  for (const id of fs.existsSync(library) ? fs.readdirSync(library) : []) {
    const manifest = parseManifest(fs.readFileSync(path.join(library, id, 'manifest.bin')));
    assert.equal(manifest.id, id, 'L1: the manifest is of another package');
    for (const { role, sha256 } of manifest.files)
      assert.equal(digestOf(path.join(library, id, FILE_ROLES[role].name)), Buffer.from(sha256).toString('hex'), 'L1');
  }
}

/** Bytes of right chunks that an unfinished download has on disk, whatever its journal says. */
export function intactBytes(home: string, manifest: Manifest, chunkHashes: Uint8Array): number {
  const map = new ChunkMap(manifest);
  let intact = 0;
  manifest.files.forEach(({ role, size }, file) => {
    const name = path.join(home, 'partial', manifest.id, FILE_ROLES[role].name);
    if (!fs.existsSync(name)) return;
    const fd = fs.openSync(name, 'r');
    for (const run of chunkRuns(map, map.firstChunk(file), Math.ceil(size / 65_536), 1)) {
      const bytes = Buffer.alloc(run.length);
      if (fs.readSync(fd, bytes, 0, run.length, run.offset) < run.length) continue;
      if (hashChunk(bytes).equals(chunkHashes.subarray(run.first * 32, run.first * 32 + 32))) intact += run.length;
    }
    fs.closeSync(fd);
  });
  return intact;
}

/** What a home holds that must never change by a fault. */
export async function readKept(home: string): Promise<Kept> {
  const bytes = diskUse(home);
  const identity = fs.readFileSync(path.join(home, 'identity.key'), 'utf8');
  const store = await Store.open(home);
  try {
    const shared = store.shared.list();
    return {
      identity,
      rooms: store.rooms.list().map((room) => JSON.stringify(room, withoutMembers)),
      settings: store.settings.all(),
      shared: shared.map(({ id, weightsPath, rooms, isOn, phase }) => ({ id, weightsPath, rooms, isOn, phase })),
      sources: Object.fromEntries(shared.map(({ weightsPath }) => [weightsPath, digestOf(weightsPath)])),
      bytes,
    };
  } finally {
    await store.close();
  }
}

/** Made once, for the user to put away. */
const REVOCATION = /^revocation-[0-9a-f]{16}\.txt$/;

/** Who else is in a room, whose it is, and who was seen, is learned while an engine runs. Its secret is what the user gave it. */
const LEARNED = new Set(['members', 'owner', 'epochNonce', 'log', 'seen', 'trust']);

function withoutMembers(key: string, value: unknown): unknown {
  return LEARNED.has(key) ? undefined : value;
}

/** L5 and L6: what a home has, and nothing beside it. The certificate is whole. */
export function checkNames(home: string): void {
  const all = fs.readdirSync(home).sort();
  const certificates = all.filter((name) => REVOCATION.test(name));
  const names = ['engine.db', 'identity.key', 'library', 'partial', 'shared', 'tmp'];
  assert.deepEqual(all, [...names, ...certificates].sort(), 'L5: left in the home');
  assert.equal(certificates.length, 1, 'L6: a revocation certificate');
  parseCertificate(fs.readFileSync(path.join(home, certificates[0]!), 'utf8'));
}

/** L1, and L4 to L6, of a home whose engine has ended in peace with the adapter in its library. */
export async function checkHome(home: string, before: Kept, manifest: Manifest): Promise<void> {
  checkLibrary(home);
  for (const area of ['partial', 'tmp'])
    assert.deepEqual(fs.readdirSync(path.join(home, area)), [], `L5: left in ${area}`);
  checkNames(home);
  assert.deepEqual(
    fs.readdirSync(path.join(home, 'library', manifest.id)).sort(),
    ['chunks.bin', 'manifest.bin', 'release.bin', ...manifest.files.map(({ role }) => FILE_ROLES[role].name)].sort(),
    'L5: left in the package',
  );
  const { bytes, ...kept } = await readKept(home);
  const { bytes: bytesBefore, ...keptBefore } = before;
  assert.deepEqual(kept, keptBefore, 'L4 or L6');
  assert.ok(
    bytes - bytesBefore <= manifest.size * (1 + HASH_BYTES_OF_BYTE) + SLACK_BYTES,
    `L5: ${bytes - bytesBefore} bytes for ${manifest.size}`,
  );
}

/** Blocks, not lengths: a file with a hole takes what it takes. */
function diskUse(folder: string): number {
  let sum = 0;
  for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) sum += fs.statSync(path.join(entry.parentPath, entry.name)).blocks * 512;
  return sum;
}
