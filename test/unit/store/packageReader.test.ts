import assert from 'node:assert/strict';
import {
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { CHUNK_BYTES } from '../../../src/engine/limits';
import { Registry } from '../../../src/engine/registry/registry';
import { PackageReader } from '../../../src/engine/store/packageReader';
import { PartialPackage } from '../../../src/engine/store/partialPackage';
import type { Store } from '../../../src/engine/store/store';
import type { PackageReader as TransferReader } from '../../../src/engine/transfer/parts';
import { makePackage, makeRelease, type TestPackage } from '../../helpers/packages';
import { addAllHashes, bytesOf, download, fill, reopen, withStore } from '../../helpers/stores';

describe('PackageReader', () => {
  let source: TestPackage;
  before(async () => {
    source = await makePackage({ weights: 5_000_000 });
  });

  /** Shares the package from a file of the user. */
  async function share(store: Store, home: string, { copy = false } = {}): Promise<string> {
    const weightsPath = join(home, 'adapter_model.safetensors');
    writeFileSync(weightsPath, source.contents[0]!);
    utimesSync(weightsPath, 1_000, 1_000);
    await new Registry(store).add({
      ...source,
      release: makeRelease(source.manifest.id),
      weightsPath,
      smallFiles: [
        { role: 16, bytes: source.contents[1]! },
        { role: 17, bytes: source.contents[2]! },
      ],
      rooms: ['general'],
      copy,
    });
    return weightsPath;
  }

  async function readAll(reader: PackageReader): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let i = 0; i < reader.map.chunks; i += 16)
      parts.push(await reader.read(i, Math.min(16, reader.map.chunks - i)));
    return Buffer.concat(parts);
  }

  it('fits what the transfer asks of it', () =>
    withStore(async (store, home) => {
      await share(store, home);

      const reader: TransferReader = await PackageReader.open(store, source.manifest.id);

      assert.ok(reader.held.isFull);
    }));

  it('gives every chunk and every hash from the library, in place, from a copy and from a running download', () =>
    withStore(async (store, home) => {
      const id = source.manifest.id;
      const openers: Record<string, () => Promise<unknown>> = {
        'a running download': () => download(store, source),
        'the library': async () => (store.partials.get(id) as PartialPackage).finish(),
        'in place': async () => {
          await store.library.remove(id);
          await share(store, home);
        },
        'a copy': async () => {
          rmSync(await share(store, home, { copy: true }));
        },
      };
      for (const [what, prepare] of Object.entries(openers)) {
        await prepare();

        const reader = await PackageReader.open(store, id);

        assert.ok(reader.held.isFull, what);
        assert.deepEqual(await readAll(reader), Buffer.concat(source.contents), what);
        for (let group = 0; group < reader.map.groups; group++) {
          const { firstChunk, chunks } = reader.map.group(group);
          const hashes = await reader.hashes(group);
          assert.deepEqual(
            Buffer.from(hashes!),
            Buffer.from(source.chunkHashes.subarray(firstChunk * 32, (firstChunk + chunks) * 32)),
          );
        }
        await reader.close();
        await assert.rejects(reader.read(0, 1), { code: 'ENGINE_CLOSED' });
      }
    }));

  it('refuses chunks that the package has not', () =>
    withStore(async (store, home) => {
      await share(store, home);
      const reader = await PackageReader.open(store, source.manifest.id);

      for (const [first, count] of [
        [-1, 1],
        [79, 1],
        [0, 80],
        [0, 0],
        [0, -1],
        [0.5, 1],
        [0, NaN],
        [NaN, 1],
        [0, 1e9],
      ] as const)
        await assert.rejects(reader.read(first, count), RangeError, `${first} ${count}`);
    }));

  it('knows nothing that is not here, and makes no path of what is no id', () =>
    withStore(async (store, home) => {
      await share(store, home);

      for (const id of [
        '0'.repeat(64),
        '../engine.db',
        `${source.manifest.id}/..`,
        source.manifest.id.toUpperCase(),
        '',
      ])
        await assert.rejects(PackageReader.open(store, id), { code: 'ID_UNKNOWN' }, id);
    }));

  it('does not serve what the user paused or stopped sharing', () =>
    withStore(async (store, home) => {
      await share(store, home);
      const registry = new Registry(store);
      const { id } = source.manifest;

      registry.setOn(id, false);
      await assert.rejects(PackageReader.open(store, id), { code: 'ID_UNKNOWN' });

      registry.setOn(id, true);
      const reader = await PackageReader.open(store, id);
      await registry.remove(id);
      await assert.rejects(reader.read(0, 1), { code: 'ID_UNKNOWN' });
    }));

  describe('of a file that the user changes', () => {
    it('lets no changed byte out, though size and time are as before', () =>
      withStore(async (store, home) => {
        const path = await share(store, home);
        const reader = await PackageReader.open(store, source.manifest.id);
        await reader.read(40, 1);
        const bytes = Buffer.from(source.contents[0]!);
        bytes[40 * CHUNK_BYTES + 5]! ^= 1;
        writeFileSync(path, bytes);
        utimesSync(path, 1_000, 1_000);

        await assert.rejects(reader.read(40, 1), { code: 'SOURCE_CHANGED' });

        assert.equal(new Registry(store).get(source.manifest.id)?.phase, 'changed');
        await assert.rejects(reader.read(0, 1), { code: 'SOURCE_CHANGED' }, 'not even a chunk that is still right');
        await assert.rejects(PackageReader.open(store, source.manifest.id), { code: 'SOURCE_CHANGED' });
      }));

    const changes: [string, string, (path: string) => void][] = [
      ['cut short', 'SOURCE_CHANGED', (path) => truncateSync(path, 1_000_000)],
      ['grown', 'SOURCE_CHANGED', (path) => writeFileSync(path, Buffer.alloc(100), { flag: 'a' })],
      ['written anew', 'SOURCE_CHANGED', (path) => writeFileSync(path, Buffer.alloc(5_000_000))],
      ['deleted', 'SOURCE_MISSING', (path) => rmSync(path)],
      [
        'replaced by a link',
        'SOURCE_CHANGED',
        (path) => {
          renameSync(path, `${path}.away`);
          symlinkSync(`${path}.away`, path);
        },
      ],
    ];
    for (const [what, code, change] of changes) {
      it(`notices when it is ${what}, and when it is right again`, () =>
        withStore(async (store, home) => {
          const path = await share(store, home);
          const { id } = source.manifest;
          const registry = new Registry(store);
          const reader = await PackageReader.open(store, id);
          await reader.read(0, 4);
          const phases: (string | undefined)[] = [];
          registry.onDidChange(() => phases.push(registry.get(id)?.phase));

          change(path);
          await assert.rejects(reader.read(0, 4), { code });
          await assert.rejects(reader.read(4, 4), { code });
          rmSync(path, { force: true });
          writeFileSync(path, source.contents[0]!);

          assert.deepEqual(await reader.read(0, 4), bytesOf(source, 0, 4));
          assert.deepEqual(phases, [code === 'SOURCE_MISSING' ? 'missing' : 'changed', 'serving']);
        }));
    }

    it('goes on when it was only touched, hashes it once and remembers that', () =>
      withStore(async (store, home) => {
        const path = await share(store, home);
        const { id } = source.manifest;
        const reader = await PackageReader.open(store, id);
        let fired = 0;
        store.shared.onDidChange(() => fired++);
        utimesSync(path, 2_000, 2_000);

        const [first, second] = await Promise.all([reader.read(0, 1), reader.read(1, 1)]);

        assert.deepEqual(Buffer.concat([first, second]), bytesOf(source, 0, 2));
        assert.equal(store.shared.get(id)?.seenMtimeMs, 2_000_000);
        assert.equal(fired, 0);
        const later = await reopen(store);
        assert.equal(later.shared.get(id)?.seenMtimeMs, 2_000_000);
        await later.close();
      }));

    it('does not trust a file that was wrong, vanished and came back with the same size and time', () =>
      withStore(async (store, home) => {
        const path = await share(store, home);
        const { id } = source.manifest;
        const wrong = Buffer.alloc(5_000_000, 7);
        writeFileSync(path, wrong);
        utimesSync(path, 3_000, 3_000);
        const registry = new Registry(store);
        await registry.checkSources();
        rmSync(path);
        await registry.checkSources();
        assert.equal(registry.get(id)?.phase, 'missing');
        writeFileSync(path, wrong);
        utimesSync(path, 3_000, 3_000);

        await registry.checkSources();

        assert.equal(registry.get(id)?.phase, 'changed');
      }));

    it('never sends a wrong byte while it is rewritten again and again', () =>
      withStore(async (store, home) => {
        const path = await share(store, home);
        const reader = await PackageReader.open(store, source.manifest.id);
        const all = Buffer.concat(source.contents);
        let right = 0;
        let refused = 0;
        for (let round = 0; round < 20; round++) {
          const bytes = Buffer.from(source.contents[0]!);
          if (round % 2 === 0) bytes[(round * 104_729) % bytes.byteLength]! ^= 0x55;
          const reading = Promise.allSettled(
            Array.from({ length: 6 }, (_, i) => {
              const first = (i * 13 + round) % 70;
              return reader.read(first, 6).then((got) => ({ first, got }));
            }),
          );
          writeFileSync(path, bytes);

          for (const result of await reading) {
            if (result.status === 'rejected') {
              assert.match(String((result.reason as { code?: string }).code), /^SOURCE_/);
              refused++;
              continue;
            }
            const { first, got } = result.value;
            const at = first * CHUNK_BYTES;
            assert.ok(got.equals(all.subarray(at, at + got.byteLength)), `round ${round}, chunk ${first}`);
            right++;
          }
        }
        assert.ok(right > 0 && refused > 0, `${right} right, ${refused} refused`);
      }));
  });

  it('serves a running download as far as it is, and goes on when it is finished', () =>
    withStore(async (store) => {
      const partial = await PartialPackage.open(store, source.manifest);
      addAllHashes(partial, source);
      fill(partial, source, { count: 10 });
      const reader = await PackageReader.open(store, partial.id);
      const seen: unknown[] = [];
      reader.onDidHold((run) => seen.push(run));

      assert.equal(reader.held.count, 10);
      await assert.rejects(reader.read(10, 1), RangeError);
      fill(partial, source, { first: 10, count: 1 });
      assert.deepEqual(await reader.read(10, 1), bytesOf(source, 10, 1));
      fill(partial, source, { first: 11 });
      await partial.finish();

      assert.deepEqual(await readAll(reader), Buffer.concat(source.contents));
      assert.ok(reader.held.isFull);
      assert.deepEqual(seen[0], { first: 10, count: 1 });
    }));

  it('waits for a download that is on its way into the library', () =>
    withStore(async (store) => {
      const partial = await download(store, source);
      const reader = await PackageReader.open(store, partial.id);
      const { library } = store;
      const adopt = library.adopt.bind(library);
      const isMoving = Promise.withResolvers<undefined>();
      const mayMove = Promise.withResolvers<undefined>();
      library.adopt = async (...args) => {
        isMoving.resolve(undefined); // Its files are closed, and not yet where they go.
        await mayMove.promise;
        return await adopt(...args);
      };
      const finishing = partial.finish();
      await isMoving.promise;

      const reading = reader.read(3, 4);
      const opening = PackageReader.open(store, partial.id);
      mayMove.resolve(undefined);

      assert.deepEqual(await reading, bytesOf(source, 3, 4));
      assert.ok((await opening).held.isFull);
      await finishing;
    }));

  it('reads into the memory that it is given', () =>
    withStore(async (store, home) => {
      await share(store, home);
      const reader = await PackageReader.open(store, source.manifest.id);
      const memory = Buffer.alloc(16 * CHUNK_BYTES);

      const bytes = await reader.read(70, 8, memory);

      assert.equal(bytes.buffer, memory.buffer);
      assert.deepEqual(bytes, bytesOf(source, 70, 8));
      assert.deepEqual(
        await reader.read(0, 17, memory),
        bytesOf(source, 0, 17),
        'or in other memory, where it is short',
      );
    }));

  it('looks at a path four times a second, not at every reading', () =>
    withStore(async (store, home) => {
      await share(store, home);
      const reader = await PackageReader.open(store, source.manifest.id);
      let checks = 0;
      const check = store.shared.check.bind(store.shared);
      store.shared.check = (id) => {
        checks++;
        return check(id);
      };
      const startedAt = performance.now();

      for (let i = 0; i < 70; i++) await reader.read(i, 1);

      const most = Math.ceil((performance.now() - startedAt) / 250) + 1;
      assert.ok(checks >= 1 && checks <= most, `${checks} checks, at most ${most} expected`);
    }));

  it('ends with a download that is discarded', () =>
    withStore(async (store) => {
      const partial = await download(store, source);
      const reader = await PackageReader.open(store, partial.id);

      await partial.discard();

      await assert.rejects(reader.read(0, 1), { code: 'SOURCE_MISSING' });
    }));

  it('takes a chunk back that the disk damaged in a running download', () =>
    withStore(async (store) => {
      const partial = await download(store, source);
      const weights = join(store.paths.package('partial', partial.id), 'adapter_model.safetensors');
      const bytes = readFileSync(weights);
      bytes[9 * CHUNK_BYTES]! ^= 1;
      writeFileSync(weights, bytes);
      const reader = await PackageReader.open(store, partial.id);

      await assert.rejects(reader.read(8, 4), { code: 'STORE_FAILED' });

      assert.equal(partial.nextMissing(), 9);
    }));

  it('makes a damaged list of hashes anew from the files', () =>
    withStore(async (store) => {
      const item = await (await download(store, source)).finish();
      const path = join(item.folder, 'chunks.bin');
      for (const damage of [
        () => truncateSync(path, 100),
        () => writeFileSync(path, Buffer.alloc(99_999)),
        () => rmSync(path),
      ]) {
        damage();

        const reader = await PackageReader.open(store, item.id);

        assert.deepEqual(
          Buffer.from((await reader.hashes(1))!),
          Buffer.from(source.chunkHashes.subarray(64 * 32, 77 * 32)),
        );
        assert.deepEqual(await readAll(reader), Buffer.concat(source.contents));
      }
    }));

  it('keeps few files open, however many adapters are read', () =>
    withStore(async (store) => {
      const ids: string[] = [];
      for (let seed = 0; seed < 40; seed++) {
        const one = await makePackage({ weights: 1_000, config: 0, card: 0, seed });
        ids.push((await (await download(store, one)).finish()).id);
      }
      const readers = await Promise.all(ids.map((id) => PackageReader.open(store, id)));

      const before = process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0;
      await Promise.all(readers.map((reader) => reader.read(0, 1)));
      await Promise.all(readers.map((reader) => reader.read(0, 1)));

      assert.equal(store.handles.size, 32);
      await store.handles.close();
      if (process.platform === 'linux') assert.ok(readdirSync('/proc/self/fd').length <= before);
    })).timeout(10_000);
});
