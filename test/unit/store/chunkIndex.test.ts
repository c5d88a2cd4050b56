import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CHUNK_BYTES } from '../../../src/engine/limits';
import { ChunkMap } from '../../../src/engine/release/chunkMap';
import { hashPackage } from '../../../src/engine/release/hashPackage';
import type { Store } from '../../../src/engine/store/store';
import { makePackage, type TestPackage } from '../../helpers/packages';
import { download, withStore } from '../../helpers/stores';

const OTHER_ID = 'f'.repeat(64);

describe('ChunkIndex', () => {
  let content: TestPackage;
  before(async () => {
    content = await makePackage({ weights: 100 * CHUNK_BYTES });
  });

  it('finds chunks of packages in the library, in runs', () =>
    withStore(async (store) => {
      await (await download(store, content)).finish();
      await store.chunks.refresh();

      const [first, second] = [hashesOf(content, 0), hashesOf(content, 1)];
      const found = store.chunks.find(OTHER_ID, 64, changed(second, 10));

      const { id } = content.manifest;
      assert.deepEqual(store.chunks.find(OTHER_ID, 7, first), [{ first: 7, count: 64, from: id, fromFirst: 0 }]);
      assert.deepEqual(found, [
        { first: 64, count: 10, from: id, fromFirst: 64 },
        { first: 75, count: 25, from: id, fromFirst: 75 },
      ]);
    }));

  it('finds a package that has the same chunks at other places', () =>
    withStore(async (store) => {
      const [weights] = content.contents;
      const moved = Buffer.concat([weights!.subarray(50 * CHUNK_BYTES), weights!.subarray(0, 50 * CHUNK_BYTES)]);
      const sources = [{ role: 1, source: moved }] as const;
      const other: TestPackage = { ...(await hashPackage(sources)), contents: [moved] };
      await (await download(store, other)).finish();
      await store.chunks.refresh();

      const found = store.chunks.find(content.manifest.id, 0, hashesOf(content, 0));

      assert.deepEqual(
        found.map(({ first, count, fromFirst }) => [first, count, fromFirst]),
        [
          [0, 50, 50],
          [50, 14, 0],
        ],
      );
    }));

  it('knows nothing of what was removed, and again what came back', () =>
    withStore(async (store) => {
      const find = async (): Promise<number> => {
        await store.chunks.refresh();
        return store.chunks.find(OTHER_ID, 0, hashesOf(content, 0)).length;
      };
      await (await download(store, content)).finish();
      const there = await find();

      await store.library.remove(content.manifest.id);
      const gone = await find();
      await (await download(store, content)).finish();

      assert.deepEqual([there, gone, await find()], [1, 0, 1]);
      assert.equal(store.chunks.hasOther(content.manifest.id), false);
      assert.equal(store.chunks.hasOther(OTHER_ID), true);
    }));

  it('leaves out a list of hashes that the disk damaged', () =>
    withStore(async (store) => {
      const { folder } = await (await download(store, content)).finish();
      await writeFile(join(folder, 'chunks.bin'), changed(content.chunkHashes, 3));

      await store.chunks.refresh();

      assert.deepEqual(store.chunks.find(OTHER_ID, 0, hashesOf(content, 0)), []);
      assert.equal(store.chunks.find(OTHER_ID, 0, hashesOf(content, 1)).length, 1);
    }));

  it('ends while it is being made', () =>
    withStore(async (store: Store) => {
      await (await download(store, content)).finish();
      const making = store.chunks.refresh();

      await store.chunks.close();
      await making;

      assert.deepEqual(store.chunks.find(OTHER_ID, 0, hashesOf(content, 0)), []);
    }));
});

function hashesOf({ manifest, chunkHashes }: TestPackage, group: number): Buffer {
  const { firstChunk, chunks } = new ChunkMap(manifest).group(group);
  return Buffer.from(chunkHashes.subarray(firstChunk * 32, (firstChunk + chunks) * 32));
}

/** The same hashes but for that of one chunk. */
function changed(hashes: Uint8Array, chunk: number): Buffer {
  const copy = Buffer.from(hashes);
  copy[chunk * 32]! ^= 1;
  return copy;
}
