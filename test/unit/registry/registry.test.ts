import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Library } from '../../../src/engine/registry/library';
import { Registry, type AddRequest, type SharedAdapter } from '../../../src/engine/registry/registry';
import type { Store } from '../../../src/engine/store/store';
import { makePackage, makeRelease, withTempFolder, type TestPackage } from '../../helpers/packages';
import { download, reopen, withStore } from '../../helpers/stores';

describe('Registry', () => {
  let source: TestPackage;
  let other: TestPackage;
  before(async () => {
    source = await makePackage();
    other = await makePackage({ seed: 2, card: 0 });
  });

  function requestFor(folder: string, pack: TestPackage, fields: Partial<AddRequest> = {}): AddRequest {
    const weightsPath = join(folder, `${pack.manifest.id.slice(0, 8)}.safetensors`);
    writeFileSync(weightsPath, pack.contents[0]!);
    return {
      ...pack,
      release: makeRelease(pack.manifest.id),
      weightsPath,
      smallFiles: pack.manifest.files.slice(1).map(({ role }, i) => ({ role, bytes: pack.contents[i + 1]! })),
      rooms: ['general'],
      ...fields,
    };
  }

  it('shares in place without touching or copying the weights', () =>
    withStore(async (store, home) => {
      const registry = new Registry(store);
      const request = requestFor(home, source);
      const before = statSync(request.weightsPath);

      const shared = await registry.add(request);

      const after = statSync(request.weightsPath);
      assert.deepEqual([after.mtimeMs, after.ino, after.mode], [before.mtimeMs, before.ino, before.mode]);
      assert.deepEqual(readFileSync(request.weightsPath), source.contents[0]);
      const folder = join(home, 'shared', source.manifest.id);
      const names = ['README.md', 'adapter_config.json', 'chunks.bin', 'manifest.bin', 'release.bin'];
      assert.deepEqual(readdirSync(folder).sort(), names);
      for (const name of names) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
      assert.equal(shared.name, 'ana/summaries');
      assert.equal(shared.phase, 'serving');
      assert.equal(shared.weightsPath, request.weightsPath);
      assert.deepEqual(readdirSync(join(home, 'tmp')), []);
    }));

  it('keeps a copy when it is asked to', () =>
    withStore(async (store, home) => {
      const registry = new Registry(store);
      const request = requestFor(home, source, { copy: true });

      const shared = await registry.add(request);
      rmSync(request.weightsPath);
      await registry.checkSources();

      assert.ok(shared.isCopy);
      assert.deepEqual(readFileSync(shared.weightsPath), source.contents[0]);
      assert.equal(registry.get(shared.id)?.phase, 'serving');
    }));

  it('shares a copy again from the copy itself', () =>
    withStore(async (store, home) => {
      const registry = new Registry(store);
      const first = await registry.add(requestFor(home, source, { copy: true }));

      const second = await registry.add({ ...requestFor(home, source), weightsPath: first.weightsPath });

      assert.ok(second.isCopy);
      assert.deepEqual(readFileSync(second.weightsPath), source.contents[0]);
    }));

  it('remembers where a link of the user led', () =>
    withStore(async (store, home) => {
      const request = requestFor(home, source);
      symlinkSync(request.weightsPath, join(home, 'link.safetensors'));

      const shared = await new Registry(store).add({ ...request, weightsPath: join(home, 'link.safetensors') });

      assert.equal(shared.weightsPath, request.weightsPath);
    }));

  it('refuses weights that are not what was hashed, and leaves nothing', () =>
    withStore(async (store, home) => {
      const registry = new Registry(store);
      const request = requestFor(home, source);
      writeFileSync(request.weightsPath, Buffer.alloc(300_000));

      await assert.rejects(registry.add({ ...request, copy: true }), { code: 'SOURCE_CHANGED' });
      writeFileSync(request.weightsPath, 'short');
      await assert.rejects(registry.add(request), { code: 'SOURCE_CHANGED' });
      rmSync(request.weightsPath);
      await assert.rejects(registry.add(request), { code: 'SOURCE_MISSING' });
      mkdirSync(request.weightsPath);
      await assert.rejects(registry.add(request), { code: 'SOURCE_CHANGED' });

      assert.deepEqual(registry.list(), []);
      assert.deepEqual(readdirSync(join(home, 'shared')), []);
      assert.deepEqual(readdirSync(join(home, 'tmp')), []);
    }));

  it('refuses parts that do not belong together', () =>
    withStore(async (store, home) => {
      const registry = new Registry(store);
      const request = requestFor(home, source);

      await assert.rejects(registry.add({ ...request, release: makeRelease(other.manifest.id) }), TypeError);
      await assert.rejects(registry.add({ ...request, chunkHashes: other.chunkHashes }), TypeError);
      await assert.rejects(registry.add({ ...request, smallFiles: [] }), TypeError);

      assert.deepEqual(registry.list(), []);
    }));

  it('is the same after a restart', () =>
    withStore(async (store, home) => {
      const registry = new Registry(store);
      await registry.add(requestFor(home, source));
      await registry.add(requestFor(home, other, { rooms: [] }));
      registry.setRooms(source.manifest.id, ['general', 'local']);
      registry.setOn(other.manifest.id, false);
      const before = registry.list();

      const later = await reopen(store);

      const plain = (list: SharedAdapter[]): unknown => JSON.parse(JSON.stringify(list));
      assert.deepEqual(plain(new Registry(later).list()), plain(before));
      assert.deepEqual(before[0]!.rooms, ['general', 'local']);
      assert.equal(before[1]!.phase, 'off');
      await later.close();
    }));

  it('takes new words and rooms for what is shared already', () =>
    withStore(async (store, home) => {
      const registry = new Registry(store);
      const first = await registry.add(requestFor(home, source));

      await registry.add(
        requestFor(home, source, { rooms: ['local'], release: makeRelease(source.manifest.id, { name: 'better' }) }),
      );

      assert.equal(registry.list().length, 1);
      assert.equal(registry.list()[0]!.name, 'ana/better');
      assert.deepEqual(registry.list()[0]!.rooms, ['local']);
      assert.equal(registry.list()[0]!.addedAt, first.addedAt);
    }));

  it('stops sharing without touching the files of the user', () =>
    withStore(async (store, home) => {
      const registry = new Registry(store);
      const request = requestFor(home, source);
      await registry.add(request);

      const removed = await registry.remove(source.manifest.id);

      assert.equal(removed?.name, 'ana/summaries');
      assert.deepEqual(readFileSync(request.weightsPath), source.contents[0]);
      assert.deepEqual(readdirSync(join(home, 'shared')), []);
      assert.equal(await registry.remove(source.manifest.id), undefined);
    }));

  it('finds out by looking that a source is gone, changed, or back, and says each once', () =>
    withStore(async (store, home) => {
      const registry = new Registry(store);
      const request = requestFor(home, source);
      const { id } = await registry.add(request);
      await registry.add(requestFor(home, other));
      const phases: string[] = [];
      registry.onDidChange((event) => phases.push(`${event.id === id} ${registry.get(event.id)?.phase}`));

      rmSync(request.weightsPath);
      await registry.checkSources();
      await registry.checkSources();
      writeFileSync(request.weightsPath, Buffer.alloc(300_000, 1));
      await registry.checkSources();
      await registry.checkSources();
      writeFileSync(request.weightsPath, source.contents[0]!);
      utimesSync(request.weightsPath, 5_000, 5_000);
      await registry.checkSources();
      await registry.checkSources();

      assert.deepEqual(phases, ['true missing', 'true changed', 'true serving']);
    }));

  it('finds by id, start of the id, full name and name', () =>
    withStore(async (store, home) => {
      const registry = new Registry(store);
      const { id } = await registry.add(requestFor(home, source));
      await registry.add(requestFor(home, other, { release: makeRelease(other.manifest.id, { author: 'bo' }) }));

      for (const target of [id, id.slice(0, 8), id.toUpperCase(), 'ana/summaries', ' Ana/Summaries '])
        assert.equal(registry.find(target).id, id, target);
      assert.throws(() => registry.find('summaries'), { code: 'ID_AMBIGUOUS', message: new RegExp(id.slice(0, 12)) });
      for (const target of [id.slice(0, 7), 'ana', 'summarie', '', '%', 'f'.repeat(64)])
        assert.throws(() => registry.find(target), { code: 'ID_UNKNOWN' }, target);
    }));

  it('goes on after a crash between folder and row', () =>
    withStore(async (store, home) => {
      const registry = new Registry(store);
      await registry.add(requestFor(home, source));
      await registry.add(requestFor(home, other));
      const folder = (pack: TestPackage): string => join(home, 'shared', pack.manifest.id);
      store.db.run('DELETE FROM shared WHERE id = ?', source.manifest.id); // Killed after the row was gone.
      writeFileSync(join(folder(other), 'manifest.bin'), 'damaged');
      mkdirSync(join(home, 'tmp', 'half'));

      const later = await reopen(store);

      assert.deepEqual(new Registry(later).list(), []);
      assert.ok(!existsSync(folder(source)));
      assert.ok(existsSync(folder(other)), 'what has a row is not removed');
      assert.deepEqual(readdirSync(join(home, 'tmp')), []);
      await later.close();
    }));
});

describe('Library', () => {
  let source: TestPackage;
  before(async () => {
    source = await makePackage();
  });

  async function filled(store: Store): Promise<Library> {
    await (await download(store, source)).finish();
    return new Library(store);
  }

  it('lists downloads, also after a restart', () =>
    withStore(async (store) => {
      const before = (await filled(store)).list();

      const later = await reopen(store);

      assert.deepEqual(new Library(later).list(), before);
      assert.equal(before.length, 1);
      assert.equal(new Library(later).bytes, 300_300);
      assert.equal(new Library(later).find(source.manifest.id.slice(0, 10)).id, source.manifest.id);
      await later.close();
    }));

  it('removes the files and says how much came free', () =>
    withStore(async (store, home) => {
      const library = await filled(store);
      const seen: string[] = [];
      library.onDidChange(({ id }) => seen.push(id));

      assert.equal(await library.remove(source.manifest.id), 300_300);

      assert.deepEqual(readdirSync(join(home, 'library')), []);
      assert.deepEqual(readdirSync(join(home, 'tmp')), []);
      assert.deepEqual(seen, [source.manifest.id]);
      assert.equal(await library.remove(source.manifest.id), 0);
    }));

  it('finds every package again when the database is lost', () =>
    withStore(async (store, home) => {
      await filled(store);
      await store.close();
      for (const name of ['engine.db', 'engine.db-wal', 'engine.db-shm']) rmSync(join(home, name), { force: true });

      const later = await reopen(store);

      const { weightsPath } = new Library(later).list()[0]!;
      assert.deepEqual(
        createHash('sha256').update(readFileSync(weightsPath)).digest(),
        Buffer.from(source.manifest.files[0]!.sha256),
      );
      await later.close();
    }));

  it('leaves out what is not whole, and touches nothing it does not know', () =>
    withStore(async (store, home) => {
      const library = await filled(store);
      rmSync(join(library.list()[0]!.folder, 'adapter_config.json'));
      mkdirSync(join(home, 'library', 'notes'));

      const later = await reopen(store);

      assert.deepEqual(new Library(later).list(), []);
      assert.ok(existsSync(join(home, 'library', 'notes')));
      assert.ok(existsSync(join(home, 'library', source.manifest.id)));
      await later.close();
    }));

  it('refuses a storage folder whose parts are links', () =>
    withTempFolder(async (folder) => {
      const { Store: TheStore } = await import('../../../src/engine/store/store');
      mkdirSync(join(folder, 'elsewhere'));
      for (const part of ['library', 'partial', 'shared', 'tmp']) {
        const home = join(folder, `home-${part}`);
        mkdirSync(home);
        symlinkSync(join(folder, 'elsewhere'), join(home, part));

        if (part === 'tmp') await (await TheStore.open(home)).close();
        else await assert.rejects(TheStore.open(home), { code: 'STORE_FAILED' }, part);

        assert.deepEqual(readdirSync(join(folder, 'elsewhere')), []);
      }
      assert.ok(statSync(join(folder, 'home-tmp', 'tmp')).isDirectory(), 'the link is replaced by a folder');
    }));
});
