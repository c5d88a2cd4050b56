import assert from 'node:assert/strict';
import { CHUNK_BYTES } from '../../../src/engine/limits';
import { ChunkMap } from '../../../src/engine/release/chunkMap';
import { makePackage } from '../../helpers/packages';

describe('ChunkMap', () => {
  for (const sizes of [
    { weights: 1, config: 0, card: 0 },
    { weights: CHUNK_BYTES, config: 1, card: CHUNK_BYTES },
    { weights: 64 * CHUNK_BYTES, config: 0, card: 5 },
    { weights: 129 * CHUNK_BYTES + 1, config: 300, card: 40 },
  ]) {
    it(`covers every byte of ${Object.values(sizes).join(', ')} once, in order`, async () => {
      const { manifest } = await makePackage(sizes);
      const map = new ChunkMap(manifest);

      const ends = manifest.files.map(() => 0);
      const inGroups = Array.from({ length: map.groups }, () => 0);
      for (let i = 0; i < map.chunks; i++) {
        const { file, offset, length, group } = map.chunk(i);
        assert.equal(offset, ends[file]);
        assert.ok(length > 0 && length <= CHUNK_BYTES);
        ends[file]! += length;
        inGroups[group]!++;
        const place = map.group(group);
        assert.ok(place.file === file && i >= place.firstChunk && i < place.firstChunk + place.chunks);
      }

      assert.deepEqual(
        ends,
        manifest.files.map(({ size }) => size),
      );
      assert.deepEqual(
        inGroups,
        inGroups.map((_, group) => map.group(group).chunks),
      );
      assert.equal(map.bytes(0, map.chunks), manifest.size);
      const hashes = manifest.files.flatMap(({ groups }) => groups);
      assert.deepEqual(
        inGroups.map((_, group) => map.group(group).hash),
        hashes,
      );
    });
  }

  it('refuses what the package has not', async () => {
    const map = new ChunkMap((await makePackage()).manifest);

    for (const index of [-1, 7, 0.5, NaN, Infinity, 2 ** 53]) {
      assert.throws(() => map.chunk(index), RangeError);
      assert.throws(() => map.group(index), RangeError);
    }
  });
});
