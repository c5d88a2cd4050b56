import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { MAX_MANIFEST_BYTES } from '../../../src/engine/limits';
import {
  FILE_ROLES,
  buildManifest,
  formatOf,
  parseManifest,
  weightsOf,
  type FileRole,
  type Manifest,
} from '../../../src/engine/release/manifest';
import { makePackage, seededBytes, seededRandom } from '../../helpers/packages';

const HEADER = 9; // Magic and file count.

describe('manifest', () => {
  let small: Manifest;
  let large: Manifest;
  before(async () => {
    small = (await makePackage({ weights: 1, config: 0, card: 0 })).manifest;
    large = (await makePackage({ weights: 9_000_000, config: 3_000, card: 65_536 })).manifest;
  });

  it('is the same after writing and reading, and its id is the hash of its bytes', () => {
    for (const manifest of [small, large]) {
      const read = parseManifest(manifest.bytes);

      assert.deepEqual(read, manifest);
      assert.equal(read.id, createHash('sha256').update(manifest.bytes).digest('hex'));
      assert.deepEqual(buildManifest([...read.files].reverse()).bytes, manifest.bytes);
    }
    assert.equal(large.size, 9_000_000 + 3_000 + 65_536);
    assert.equal(large.files[0]!.groups.length, 3);
  });

  it('tells the format by the role of the weights', () => {
    const formats = ([1, 2, 3] as const).map((role) => formatOf(buildManifest([{ ...small.files[0]!, role }])));

    assert.deepEqual(formats, ['peft', 'mlx', 'gguf']);
    assert.equal(weightsOf(large).role, 1);
  });

  it('keeps its own copy of the bytes', () => {
    const bytes = Buffer.from(large.bytes);
    const read = parseManifest(bytes);

    bytes.fill(0);

    assert.deepEqual(read, large);
  });

  it('describes 4 GiB within its limit', () => {
    const size = 4 * 1024 ** 3;
    const sum = Buffer.alloc(32, 1);

    const manifest = buildManifest([{ role: 3, size, sha256: sum, groups: Array.from({ length: 1024 }, () => sum) }]);

    assert.ok(manifest.bytes.byteLength < MAX_MANIFEST_BYTES);
    assert.equal(manifest.size, size);
  });

  it('refuses every manifest of another shape', () => {
    const [weights] = small.files;
    const text = (role: FileRole): Manifest['files'][number] => ({ ...weights!, role });
    const refused: Record<string, () => unknown> = {
      nothing: () => parseManifest(Buffer.alloc(0)),
      'the magic alone': () => parseManifest(small.bytes.subarray(0, 8)),
      'no file': () => buildManifest([]),
      'four files': () => buildManifest([text(1), text(16), text(17), text(16)]),
      'config alone': () => buildManifest([text(16)]),
      'two files of weights': () => buildManifest([text(1), text(3)]),
      'one role twice': () => buildManifest([text(1), text(16), text(16)]),
      'an unknown role': () => buildManifest([text(1), text(18 as FileRole)]),
      'an empty file': () => buildManifest([{ ...weights!, size: 0, groups: [] }]),
      'groups that do not fit the size': () => buildManifest([{ ...weights!, size: 4_194_305 }]),
      'one group too many': () => buildManifest([{ ...weights!, groups: [...weights!.groups, ...weights!.groups] }]),
      'a config over its limit': () =>
        buildManifest([weights!, { ...text(16), size: 65_537, groups: [Buffer.alloc(32)] }]),
      'a size of 2^63': () => parseManifest(withSize(small, 2n ** 63n)),
      'a size of 2^64 - 1': () => parseManifest(withSize(small, 2n ** 64n - 1n)),
      'a size of 4 GiB + 1': () => parseManifest(withSize(small, 4n * 1024n ** 3n + 1n)),
      'another version': () => parseManifest(flipped(small.bytes, 7, 3)),
      'a byte behind it': () => parseManifest(Buffer.concat([small.bytes, Buffer.from([0])])),
      'too many bytes': () => parseManifest(Buffer.concat([small.bytes, Buffer.alloc(MAX_MANIFEST_BYTES)])),
    };
    for (const [what, work] of Object.entries(refused)) assert.throws(work, { code: 'MANIFEST_INVALID' }, what);
  });

  it('refuses a role that names a property every object has', () => {
    for (let role = 0; role < 256; role++) {
      const bytes = Buffer.from(small.bytes);
      bytes[HEADER] = role;
      const isWeights = role in FILE_ROLES && FILE_ROLES[role as FileRole].format !== undefined;

      if (isWeights) assert.equal(weightsOf(parseManifest(bytes)).role, role);
      else assert.throws(() => parseManifest(bytes), { code: 'MANIFEST_INVALID' });
    }
  });

  it('allocates nothing for sizes that are only declared', () => {
    const bytes = withSize(small, 4n * 1024n ** 3n);
    const before = process.memoryUsage().arrayBuffers;

    for (let i = 0; i < 1_000; i++) assert.throws(() => parseManifest(bytes), { code: 'MANIFEST_INVALID' });

    assert.ok(process.memoryUsage().arrayBuffers - before < 1024 ** 2);
  });

  it('accepts of 20,000 mutations only what it would have written byte for byte', () => {
    const random = seededRandom(7);
    let accepted = 0;
    for (let i = 0; i < 20_000; i++) {
      const bytes = mutate(Buffer.from(i % 2 === 0 ? large.bytes : small.bytes), random);
      let manifest: Manifest;
      try {
        manifest = parseManifest(bytes);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'MANIFEST_INVALID', `seed 7, mutation ${i}`);
        continue;
      }
      accepted++;
      assert.ok(Buffer.from(manifest.bytes).equals(bytes), `mutation ${i}`);
      assert.ok(Buffer.from(buildManifest(manifest.files).bytes).equals(bytes), `mutation ${i}`);
      const isSame = bytes.equals(Buffer.from(large.bytes)) || bytes.equals(Buffer.from(small.bytes));
      assert.equal(manifest.id === large.id || manifest.id === small.id, isSame, `mutation ${i}`);
    }
    assert.ok(accepted > 1_000, 'changed hashes still make a manifest, of another id');
  });
});

function withSize(manifest: Manifest, size: bigint): Buffer {
  const bytes = Buffer.from(manifest.bytes);
  bytes.writeBigUInt64LE(size, HEADER + 1);
  return bytes;
}

function flipped(bytes: Uint8Array, at: number, mask: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at]! ^= mask;
  return copy;
}

/** One to three changes of the kinds that peers and disks make: flipped, cut, doubled, moved, noise, large numbers. */
function mutate(bytes: Buffer, random: () => number): Buffer {
  const at = (): number => Math.floor(random() * bytes.byteLength);
  for (let changes = 1 + Math.floor(random() * 3); changes > 0 && bytes.byteLength > 0; changes--) {
    switch (Math.floor(random() * 7)) {
      case 0:
        bytes[at()]! ^= 1 << Math.floor(random() * 8);
        break;
      case 1:
        bytes = bytes.subarray(0, at());
        break;
      case 2:
        bytes = Buffer.concat([bytes, seededBytes(1 + Math.floor(random() * 64), random())]);
        break;
      case 3: {
        const [from, to] = [at(), at()].sort((a, b) => a - b);
        bytes = Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
        break;
      }
      case 4: {
        const [from, to] = [at(), at()].sort((a, b) => a - b);
        bytes = Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
        break;
      }
      case 5:
        bytes[Math.floor(random() * Math.min(60, bytes.byteLength))] = Math.floor(random() * 256);
        break;
      default:
        bytes.fill([0, 0xff, 0x7f][Math.floor(random() * 3)]!, at(), bytes.byteLength);
    }
  }
  return bytes;
}
