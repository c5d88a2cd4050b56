import assert from 'node:assert/strict';
import { CHUNK_BYTES } from '../../../src/engine/limits';
import { QuickSums } from '../../../src/engine/release/quickSums';
import { QuickSumsCache } from '../../../src/engine/store/quickSumsCache';
import { ChunkMap } from '../../../src/engine/release/chunkMap';
import { makePackage, seededBytes } from '../../helpers/packages';

describe('quick sums', () => {
  const bytes = seededBytes(2 * CHUNK_BYTES + 5, 'quick');

  it('know nothing that was not remembered', () => {
    const sums = new QuickSums(4);
    sums.remember(1, bytes.subarray(0, CHUNK_BYTES));

    assert.equal(sums.areSame(0, bytes.subarray(0, CHUNK_BYTES)), false);
    assert.equal(sums.areSame(1, bytes), false, 'one of three is remembered');
  });

  it('tell the same chunks from others, whichever chunk differs', () => {
    const sums = new QuickSums(4);
    sums.remember(1, bytes);

    assert.equal(sums.areSame(1, Buffer.from(bytes)), true);
    for (const at of [0, CHUNK_BYTES, bytes.byteLength - 1]) {
      const other = Buffer.from(bytes);
      other[at]! ^= 1;
      assert.equal(sums.areSame(1, other), false, `byte ${at}`);
    }
  });

  it('of a package are those of its files, one after another', async () => {
    const { manifest, quickSums, contents } = await makePackage();
    const map = new ChunkMap(manifest);

    for (const [file, content] of contents.entries())
      assert.equal(quickSums.areSame(map.firstChunk(file), content), true, `file ${file}`);
    assert.equal(quickSums.areSame(map.firstChunk(1), contents[2]!), false);
  });

  it('are kept of the packages that were used last', async () => {
    const cache = new QuickSumsCache();
    const maps = await Promise.all([1, 2, 3].map(async (seed) => new ChunkMap((await makePackage({ seed })).manifest)));
    const [first, second, third] = maps as [ChunkMap, ChunkMap, ChunkMap];
    const kept = cache.of(first);
    cache.put(second.manifest.id, new QuickSums(500_000));
    assert.equal(cache.of(first), kept);

    cache.put(third.manifest.id, new QuickSums(600_000));

    assert.equal(cache.of(first), kept);
    assert.notEqual(cache.of(second).bytes, new QuickSums(500_000).bytes, 'it was forgotten, and begins anew');
  });
});
