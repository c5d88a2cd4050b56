import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync, symlinkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mock } from 'node:test';
import type { Event } from '../../../src/engine/events';
import { CHUNK_BYTES, JOURNAL_BYTES, MAX_UNSYNCED_BYTES } from '../../../src/engine/limits';
import { buildManifest } from '../../../src/engine/release/manifest';
import { PartialPackage } from '../../../src/engine/store/partialPackage';
import type { PartialPackage as TransferPartial } from '../../../src/engine/transfer/parts';
import { makePackage, makeRelease, withTempFolder, type TestPackage } from '../../helpers/packages';
import { addAllHashes, bytesOf, download, fill, reopen, withStore } from '../../helpers/stores';

describe('PartialPackage', () => {
  let source: TestPackage;
  before(async () => {
    source = await makePackage({ weights: 5_000_000 });
  });

  it('fits what the transfer asks of it', () =>
    withStore(async (store) => {
      const partial: TransferPartial = await PartialPackage.open(store, source.manifest);

      assert.equal(partial.resumedBytes, 0);
    }));

  it('turns verified chunks into a package of the library, in any order', () =>
    withStore(async (store) => {
      const release = makeRelease(source.manifest.id);
      const partial = await PartialPackage.open(store, source.manifest, { release });
      addAllHashes(partial, source);

      for (let i = partial.map.chunks - 1; i >= 0; i--) partial.write(i, bytesOf(source, i, 1));
      const item = await partial.finish();

      assert.deepEqual(readFileSync(item.weightsPath), source.contents[0]);
      assert.deepEqual(readFileSync(join(item.folder, 'adapter_config.json')), source.contents[1]);
      assert.deepEqual(readFileSync(join(item.folder, 'README.md')), source.contents[2]);
      assert.equal(item.release?.release.name, 'summaries');
      assert.equal(store.library.get(source.manifest.id)?.folder, item.folder);
    }));

  it('leaves nothing of a download behind when it is finished', () =>
    withStore(async (store, home) => {
      await (await download(store, source)).finish();

      assert.deepEqual(readdirSync(join(home, 'partial')), []);
      assert.deepEqual(readdirSync(join(home, 'tmp')), []);
      assert.deepEqual(store.journal.list(), []);
    }));

  it('leaves nothing of a download behind when it is discarded', () =>
    withStore(async (store, home) => {
      const partial = await PartialPackage.open(store, source.manifest);
      addAllHashes(partial, source);
      fill(partial, source, { count: 20 });

      await partial.discard();

      assert.deepEqual(readdirSync(join(home, 'partial')), []);
      assert.deepEqual(readdirSync(join(home, 'tmp')), []);
      assert.deepEqual(readdirSync(join(home, 'library')), []);
      assert.deepEqual(store.journal.list(), []);
    }));

  it('keeps files and folders for their owner', () =>
    withStore(async (store, home) => {
      const item = await (await download(store, source)).finish();

      for (const folder of [join(home, 'library'), item.folder, join(home, 'partial'), join(home, 'tmp')])
        assert.equal(statSync(folder).mode & 0o777, 0o700, folder);
      for (const name of readdirSync(item.folder))
        assert.equal(statSync(join(item.folder, name)).mode & 0o777, 0o600, name);
      assert.equal(statSync(join(home, 'engine.db')).mode & 0o777, 0o600);
    }));

  it('has no end of room while the disk keeps up, and what is left of the limit while it does not', async () => {
    const large = await makePackage({ weights: 2 * JOURNAL_BYTES, card: 0 });
    const entry = JOURNAL_BYTES / CHUNK_BYTES;
    await withStore(async (store) => {
      const partial = await PartialPackage.open(store, large.manifest);
      addAllHashes(partial, large);
      const rooms: number[] = [];
      partial.onDidMakeRoom(() => rooms.push(partial.room));

      fill(partial, large, { count: entry - 1, frame: 1 });
      assert.equal(partial.room, Infinity);
      fill(partial, large, { first: entry - 1, count: 11, frame: 1 });
      assert.equal(partial.room, MAX_UNSYNCED_BYTES / CHUNK_BYTES - entry - 10);
      await partial.flush();

      assert.deepEqual([...new Set(rooms)], [Infinity]);
      assert.equal(partial.room, Infinity);
    });
  });

  it('holds nobody up while no more comes than there is room for, and syncs that without waiting for more', async () => {
    const large = await makePackage({ weights: MAX_UNSYNCED_BYTES + CHUNK_BYTES, card: 0 });
    const entry = JOURNAL_BYTES / CHUNK_BYTES;
    const all = MAX_UNSYNCED_BYTES / CHUNK_BYTES;
    await withStore(async (store) => {
      mock.timers.enable({ apis: ['setTimeout'] }); // What the clock would do in two seconds has to happen by itself.
      try {
        const partial = await PartialPackage.open(store, large.manifest);
        addAllHashes(partial, large);
        const entries = twice(partial.onDidMakeRoom);

        fill(partial, large, { count: entry, frame: 16 });
        await Promise.resolve(); // The entry of these is on its way.
        fill(partial, large, { first: entry, count: all - entry, frame: 16 });
        assert.equal(partial.room, 0); // It waits for the disk; a disk that was waited for has room.
        await entries;

        assert.equal(store.journal.held(partial.id, partial.map.chunks)?.count, all);
        fill(partial, large, { first: all, count: 1, frame: 1 });
        assert.equal(partial.room, Infinity);
      } finally {
        mock.timers.reset();
      }
    });
  });

  it('stops for the disk where more came than there was room for', async () => {
    const large = await makePackage({ weights: MAX_UNSYNCED_BYTES + CHUNK_BYTES, card: 0 });
    const all = MAX_UNSYNCED_BYTES / CHUNK_BYTES;
    await withStore(async (store) => {
      const partial = await PartialPackage.open(store, large.manifest);
      addAllHashes(partial, large);

      fill(partial, large, { count: all + 1, frame: 1 });

      assert.equal(store.journal.held(partial.id, partial.map.chunks)?.count, all + 1);
    });
  });

  it('tells which chunks came to be held, once', () =>
    withStore(async (store) => {
      const partial = await PartialPackage.open(store, source.manifest);
      addAllHashes(partial, source);
      const seen: unknown[] = [];
      partial.onDidHold((run) => seen.push(run));

      partial.write(4, bytesOf(source, 4, 1));
      partial.write(2, bytesOf(source, 2, 6));
      partial.write(2, bytesOf(source, 2, 6));

      assert.deepEqual(seen, [
        { first: 4, count: 1 },
        { first: 2, count: 2 },
        { first: 5, count: 3 },
      ]);
      assert.equal(partial.bytesDone, 6 * CHUNK_BYTES);
      assert.equal(partial.nextMissing(2), 8);
    }));

  describe('given wrong bytes', () => {
    const wrong: [string, number, (source: TestPackage) => Buffer, number][] = [
      ['a flipped bit in the third of four chunks', 8, (s) => flip(bytesOf(s, 8, 4), 2 * CHUNK_BYTES + 17), 10],
      ['no byte', 8, () => Buffer.alloc(0), 8],
      ['one byte', 8, (s) => bytesOf(s, 8, 1).subarray(0, 1), 8],
      ['a byte too few', 8, (s) => bytesOf(s, 8, 1).subarray(0, -1), 8],
      ['a byte too many', 8, (s) => Buffer.concat([bytesOf(s, 8, 1), Buffer.from('x')]), 9],
      ['a byte behind the last chunk of a file', 76, (s) => Buffer.concat([bytesOf(s, 76, 1), Buffer.from('x')]), 76],
      ['chunks of two files', 76, (s) => bytesOf(s, 76, 2), 76],
      ['the chunk of another place', 8, (s) => bytesOf(s, 9, 1), 8],
      ['a chunk behind the package', 79, (s) => bytesOf(s, 8, 1), 79],
      ['a chunk before the package', -1, (s) => bytesOf(s, 8, 1), -1],
      ['a chunk with a broken number', 1.5, (s) => bytesOf(s, 8, 1), 1.5],
    ];
    it('names the first wrong chunk and writes nothing', () =>
      withStore(async (store) => {
        const partial = await PartialPackage.open(store, source.manifest);
        addAllHashes(partial, source);
        const weights = join(store.paths.package('partial', partial.id), 'adapter_model.safetensors');

        for (const [what, first, bytes, chunk] of wrong)
          assert.throws(() => partial.write(first, bytes(source)), { code: 'DOWNLOAD_CORRUPT', chunk }, what);

        assert.equal(partial.held.count, 0);
        assert.equal(statSync(weights).size, 0);
      }));

    it('refuses hashes that are not of the group, and keeps those it has', () =>
      withStore(async (store) => {
        const partial = await PartialPackage.open(store, source.manifest);
        const right = source.chunkHashes.subarray(0, 64 * 32);
        const other = source.chunkHashes.subarray(64 * 32, 128 * 32);

        for (const bytes of [other, right.subarray(32), flip(right, 5), Buffer.alloc(0)])
          assert.throws(() => partial.addHashes(0, bytes), { code: 'DOWNLOAD_CORRUPT' });

        assert.equal(partial.hashesOf(0), undefined);
        partial.addHashes(0, right);
        assert.deepEqual(Buffer.from(partial.hashesOf(0)!), Buffer.from(right));
      }));
  });

  describe('opened again', () => {
    it('has every chunk it had', () =>
      withStore(async (store) => {
        const first = await PartialPackage.open(store, source.manifest, { data: { isPaused: true } });
        addAllHashes(first, source);
        fill(first, source, { first: 3, count: 40 });
        await first.close();

        const second = await PartialPackage.open(store, source.manifest);

        assert.equal(second.held.count, 40);
        assert.equal(second.resumedBytes, 40 * CHUNK_BYTES);
        assert.equal(second.damagedBytes, 0);
        assert.deepEqual(Buffer.from(second.hashesOf(0)!), source.chunkHashes.subarray(0, 64 * 32));
        assert.deepEqual(store.journal.get(second.id)?.data, { isPaused: true });
        fill(second, source);
        assert.deepEqual(readFileSync((await second.finish()).weightsPath), source.contents[0]);
      }));

    it('is found in the list of downloads after a restart, with its progress', () =>
      withTempFolder(async (home) => {
        const { Store } = await import('../../../src/engine/store/store');
        const first = await Store.open(home);
        const partial = await PartialPackage.open(first, source.manifest, {
          release: makeRelease(source.manifest.id),
          data: { rate: 5 },
        });
        addAllHashes(partial, source);
        fill(partial, source, { count: 32 });
        const second = await reopen(first); // Closes the download as well.

        const list = second.journal.list();

        assert.equal(list.length, 1);
        assert.equal(list[0]!.id, source.manifest.id);
        assert.equal(list[0]!.bytesDone, 32 * CHUNK_BYTES);
        assert.deepEqual(list[0]!.data, { rate: 5 });
        assert.equal(list[0]!.release?.release.author, 'ana');
        await second.close();
      }));

    it('can be begun anew while an older one is being discarded, and is not torn away with it', () =>
      withStore(async (store) => {
        const first = await download(store, source);
        const discarding = first.discard();

        await assert.rejects(PartialPackage.open(store, source.manifest), TypeError);
        await discarding;
        const second = await download(store, source);
        await assert.rejects(first.discard(), TypeError);

        assert.equal(store.journal.has(second.id), true);
        assert.deepEqual(readFileSync((await second.finish()).weightsPath), source.contents[0]);
      }));

    it('closes in the middle of the last check, and has lost nothing', () =>
      withStore(async (store) => {
        const partial = await download(store, source);
        const finishing = partial.finish();

        await Promise.all([partial.close(), assert.rejects(finishing, { name: 'AbortError' })]);

        const again = await PartialPackage.open(store, source.manifest);
        assert.ok(again.held.isFull);
        assert.ok(await again.finish());
      }));

    it('does not come back when the process died while it was discarded', () =>
      withStore(async (store, home) => {
        const partial = await download(store, source);
        await partial.close();
        store.journal.discard(partial.id); // As far as it came.

        const later = await reopen(store);

        assert.deepEqual(later.journal.list(), []);
        assert.deepEqual(readdirSync(join(home, 'partial')), []);
        await later.close();
      }));

    it('is refused while it is open', () =>
      withStore(async (store) => {
        await PartialPackage.open(store, source.manifest);

        await assert.rejects(PartialPackage.open(store, source.manifest), TypeError);
      }));
  });

  describe('finishing', () => {
    it('fetches again what the disk damaged after it was verified', () =>
      withStore(async (store) => {
        const partial = await download(store, source);
        await partial.flush();
        const weights = join(store.paths.package('partial', partial.id), 'adapter_model.safetensors');
        writeFileSync(weights, flip(readFileSync(weights), 3 * CHUNK_BYTES));

        await assert.rejects(partial.finish(), { code: 'DOWNLOAD_CORRUPT' });

        assert.equal(partial.nextMissing(), 3);
        assert.equal(store.library.get(partial.id), undefined);
        partial.write(3, bytesOf(source, 3, 1));
        assert.deepEqual(readFileSync((await partial.finish()).weightsPath), source.contents[0]);
      }));

    it('blames the author when all chunks are right and the whole is not', () =>
      withStore(async (store, home) => {
        const files = source.manifest.files.map((file, i) =>
          i === 0 ? { ...file, sha256: createHash('sha256').update('other').digest() } : file,
        );
        const lying = { ...source, manifest: buildManifest(files) };
        const partial = await download(store, lying);

        await assert.rejects(partial.finish(), { code: 'MANIFEST_INVALID' });

        assert.deepEqual(readdirSync(join(home, 'library')), []);
        await partial.discard();
      }));

    it('is fine when the package came into the library meanwhile', () =>
      withStore(async (store, home) => {
        const item = await (await download(store, source)).finish();
        const partial = await download(store, source);

        const again = await partial.finish();

        assert.deepEqual(again, item);
        assert.deepEqual(readdirSync(join(home, 'partial')), []);
      }));

    it('replaces a package of the library that lost a file', () =>
      withStore(async (store) => {
        const item = await (await download(store, source)).finish();
        writeFileSync(item.weightsPath, 'short');

        const again = await (await download(store, source)).finish();

        assert.deepEqual(readFileSync(again.weightsPath), source.contents[0]);
      }));

    it('takes nothing into the library that is not of the package', () =>
      withStore(async (store) => {
        const partial = await download(store, source);
        const folder = store.paths.package('partial', partial.id);
        writeFileSync(join(folder, 'setup.py'), 'evil');
        mkdirSync(join(folder, 'more'));

        const item = await partial.finish();

        const names = ['README.md', 'adapter_config.json', 'adapter_model.safetensors', 'chunks.bin', 'manifest.bin'];
        assert.deepEqual(readdirSync(item.folder).sort(), names);
      }));

    it('stops when it is cancelled and can be asked again', () =>
      withStore(async (store) => {
        const partial = await download(store, source);

        await assert.rejects(partial.finish(AbortSignal.abort()), { name: 'AbortError' });

        assert.ok((await partial.finish()).weightsPath);
      }));
  });

  describe('with a link planted in its place', () => {
    it('refuses a file that is a link and leaves its target alone', () =>
      withStore(async (store, home) => {
        const folder = store.paths.package('partial', source.manifest.id);
        const target = join(home, 'precious');
        writeFileSync(target, 'mine');
        mkdirSync(folder);
        symlinkSync(target, join(folder, 'adapter_model.safetensors'));

        await assert.rejects(PartialPackage.open(store, source.manifest), { code: 'STORE_FAILED' });

        assert.equal(readFileSync(target, 'utf8'), 'mine');
      }));

    it('refuses a folder that is a link', () =>
      withStore(async (store, home) => {
        const target = join(home, 'elsewhere');
        mkdirSync(target);
        symlinkSync(target, store.paths.package('partial', source.manifest.id));

        await assert.rejects(PartialPackage.open(store, source.manifest), { code: 'STORE_FAILED' });

        assert.deepEqual(readdirSync(target), []);
      }));

    it('refuses a final folder that is a link, and keeps the download', () =>
      withStore(async (store, home) => {
        const target = join(home, 'elsewhere');
        mkdirSync(target);
        const partial = await download(store, source);
        symlinkSync(target, store.paths.package('library', source.manifest.id));

        await assert.rejects(partial.finish(), { code: 'STORE_FAILED' });

        assert.deepEqual(readdirSync(target), []);
        assert.ok(existsSync(store.paths.package('partial', source.manifest.id)));
      }));
  });
});

function flip(bytes: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 1;
  return copy;
}

/** Resolves when it was fired a second time. */
function twice(event: Event<void>): Promise<void> {
  let left = 2;
  return new Promise((resolve) => event(() => --left || resolve()));
}
