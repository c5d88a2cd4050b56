import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFileSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashFile, hashPackage } from '../../../src/engine/release/hashPackage';
import { parseManifest } from '../../../src/engine/release/manifest';
import { seededBytes, withTempFolder } from '../../helpers/packages';

const sha256 = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

describe('hashFile', () => {
  for (const size of [1, 65_535, 65_536, 65_537, 4_194_304, 4_194_305, 5_000_000]) {
    it(`hashes whole file, chunks and groups of ${size} bytes`, () =>
      withTempFolder(async (folder) => {
        const bytes = seededBytes(size, size);
        const path = join(folder, 'weights');
        writeFileSync(path, bytes);

        const { file, chunkHashes } = await hashFile(path, 1);

        const chunks: Buffer[] = [];
        for (let at = 0; at < size; at += 65_536) chunks.push(sha256(bytes.subarray(at, at + 65_536)));
        const groups: Buffer[] = [];
        for (let at = 0; at < chunks.length; at += 64)
          groups.push(sha256(Buffer.from([1]), ...chunks.slice(at, at + 64)));
        assert.equal(file.size, size);
        assert.deepEqual(Buffer.from(file.sha256), sha256(bytes));
        assert.deepEqual(Buffer.from(chunkHashes), Buffer.concat(chunks));
        assert.deepEqual(file.groups, groups);
      }));
  }

  it('gives the same for a path and for bytes', () =>
    withTempFolder(async (folder) => {
      const bytes = seededBytes(2_000_000, 'both');
      const path = join(folder, 'weights');
      writeFileSync(path, bytes);

      assert.deepEqual(await hashFile(path, 3), await hashFile(bytes, 3));
    }));

  it('reads through a link of the user, as model caches have them', () =>
    withTempFolder(async (folder) => {
      const bytes = seededBytes(70_000, 'link');
      writeFileSync(join(folder, 'blob'), bytes);
      symlinkSync(join(folder, 'blob'), join(folder, 'weights'));

      const { file } = await hashFile(join(folder, 'weights'), 1);

      assert.deepEqual(Buffer.from(file.sha256), sha256(bytes));
    }));

  it('tells how far it is and ends at the size', async () => {
    const seen: [number, number][] = [];

    await hashFile(seededBytes(2_500_000, 1), 1, { onProgress: (done, total) => seen.push([done, total]) });

    assert.deepEqual(seen, [
      [1_048_576, 2_500_000],
      [2_097_152, 2_500_000],
      [2_500_000, 2_500_000],
    ]);
  });

  it('stops when it is cancelled', async () => {
    const stop = new AbortController();

    const hashing = hashFile(seededBytes(5_000_000, 1), 1, { signal: stop.signal, onProgress: () => stop.abort() });

    await assert.rejects(hashing, { name: 'AbortError' });
  });

  it('notices a file that grows, shrinks or is rewritten while it is read', () =>
    withTempFolder(async (folder) => {
      const path = join(folder, 'weights');
      const changes = [
        () => appendFileSync(path, 'x'),
        () => truncateSync(path, 1_500_000),
        () => writeFileSync(path, seededBytes(3_000_000, 'other')),
      ];
      for (const change of changes) {
        writeFileSync(path, seededBytes(3_000_000, 'first'));
        utimesSync(path, 1, 1); // File times move in steps of milliseconds; the change must not fall into the same one.
        let isChanged = false;
        const onProgress = (): void => {
          if (!isChanged) change();
          isChanged = true;
        };

        await assert.rejects(hashFile(path, 1, { onProgress }), { code: 'SOURCE_CHANGED' });
      }
    }));

  it('says what is wrong with a file that can not be shared', () =>
    withTempFolder(async (folder) => {
      const empty = join(folder, 'empty');
      const sparse = join(folder, 'sparse');
      writeFileSync(empty, '');
      writeFileSync(sparse, '');
      truncateSync(sparse, 4 * 1024 ** 3 + 1);

      await assert.rejects(hashFile(join(folder, 'none'), 1), { code: 'ADAPTER_NOT_FOUND' });
      await assert.rejects(hashFile(folder, 1), { code: 'ADAPTER_UNREADABLE' });
      await assert.rejects(hashFile(empty, 1), { code: 'ADAPTER_UNREADABLE' });
      await assert.rejects(hashFile(sparse, 1), { code: 'ADAPTER_TOO_LARGE' });
      await assert.rejects(hashFile(Buffer.alloc(65_537), 16), { code: 'ADAPTER_TOO_LARGE' });
    }));
});

describe('hashPackage', () => {
  it('gives one manifest whatever the order of the files', async () => {
    const weights = { role: 1, source: seededBytes(200_000, 'w') } as const;
    const config = { role: 16, source: Buffer.from('{}') } as const;
    const seen: [number, number][] = [];

    const first = await hashPackage([weights, config]);
    const second = await hashPackage([config, weights], { onProgress: (done, total) => seen.push([done, total]) });

    assert.equal(first.manifest.id, second.manifest.id);
    assert.deepEqual(first.chunkHashes, second.chunkHashes);
    assert.equal(first.chunkHashes.byteLength, 5 * 32);
    assert.equal(parseManifest(first.manifest.bytes).size, 200_002);
    assert.deepEqual(seen.at(-1), [200_002, 200_002]);
  });
});
