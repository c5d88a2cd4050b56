import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { Engine } from '../../src/engine/engine';
import { OllamaClient } from '../../src/engine/ollama/client';
import { importBase } from '../../src/engine/ollama/modelsFolder';
import { addAdapted } from '../helpers/addAdapted';
import { FakeOllama } from '../helpers/fakeOllama';
import { hideFolder } from '../helpers/hiddenFolder';
import { LOCAL_NAME, tensorData, withLocalName } from '../helpers/localName';
import { RealOllama } from '../helpers/realOllama';
import { TestEngines } from '../helpers/testEngines';
import { findOllamas } from '../run/machine';

const FIXTURES = path.resolve(import.meta.dirname, '../fixtures/ollama');
const BASE = path.join(FIXTURES, 'base.gguf');
const ADAPTER = path.join(FIXTURES, 'adapter.gguf');

interface Server {
  readonly url: string;
  readonly modelsFolder: string;
  readonly outside: readonly string[];
  close(): Promise<void>;
}

adaptersInside('a fake Ollama', () => FakeOllama.start());
for (const program of findOllamas()) adaptersInside(`a real Ollama: ${program}`, () => RealOllama.start(program));

function adaptersInside(name: string, start: () => Promise<Server>): void {
  describe(`adapters inside models of ${name}`, function () {
    this.timeout(60_000);
    let engines: TestEngines;
    let server: Server;
    let hidden: Awaited<ReturnType<typeof hideFolder>>;
    /** Reads Ollama's folder, finds it closed, and has no Ollama. */
    let [ana, eve, ben]: Engine[] = [];
    let digests: string[];

    before(async () => {
      engines = new TestEngines();
      server = await start();
      await importBase(server.modelsFolder, { model: 'tiny', gguf: BASE, family: 'llama' });
      const named = path.join(engines.folder, 'named.gguf');
      await withLocalName(ADAPTER, named);
      digests = await addAdapted(server.modelsFolder, 'tiny', 'ana-sql', [named, path.join(FIXTURES, 'zero.gguf')]);
      hidden = await hideFolder(server.url, server.modelsFolder);
      ({ engine: ana } = await engines.open('ana', { ollama: server.url }));
      ({ engine: eve } = await engines.open('eve', { ollama: hidden.url }));
      ({ engine: ben } = await engines.open('ben'));
      await engines.room(ana, eve, ben);
    });
    after(async () => {
      await engines.dispose();
      await hidden.close();
      await server.close();
    });

    it('are listed, each with its base', async () => {
      const { adapters } = await ana!.wish('ollamaAdapters', {});
      const { adapters: none } = await ben!.wish('ollamaAdapters', {});

      const known = { model: 'ana-sql:latest', base: 'tiny:latest', isOurs: false };
      assert.deepEqual(adapters, [
        { ...known, target: 'ollama:ana-sql:latest', digest: digests[0] },
        { ...known, target: 'ollama:ana-sql:latest#2', digest: digests[1] },
      ]);
      assert.deepEqual(none, []);
    });

    for (const [how, engine] of [
      ['in place', () => ana!],
      ['through the server when the folder is closed to us', () => eve!],
    ] as const)
      it(`are read ${how}: inspected, judged, converted`, async () => {
        const out = path.join(engines.folder, `${how}.gguf`);

        const inspected = await engine().wish('inspect', { path: 'ollama:ana-sql' });
        const judged = await engine().wish('verdict', { target: 'ollama:ana-sql' });
        await engine().wish('convert', { path: 'ollama:ana-sql#2', out, base: 'tiny' });

        assert.equal(inspected.path.startsWith(server.modelsFolder), engine() === ana);
        assert.deepEqual([inspected.format, inspected.rank], ['gguf', 8]);
        assert.deepEqual(inspected.privateValues, ['general.name']);
        assert.deepEqual([judged.verdict, judged.base], ['exact', 'tiny:latest']);
        assert.deepEqual(fs.readFileSync(out), fs.readFileSync(path.join(FIXTURES, 'zero.gguf')));
      });

    it('are shared without what names places here, the same for everybody, with the identity of their base', async () => {
      const own = await ana!.wish('share', { path: 'ollama:ana-sql', rooms: ['lab'] });
      const closed = await eve!.wish('share', { path: 'ollama:ana-sql:latest', rooms: ['lab'] });
      const got = await ben!.wish('get', { target: own.id });

      const details = await ben!.wish('adapter', { id: own.id });
      const bytes = fs.readFileSync(path.join(got.path, 'adapter.gguf'));
      assert.equal(closed.id, own.id);
      assert.deepEqual([own.name, own.privateValues], ['ana/ana-sql', ['general.name']]);
      assert.ok(!bytes.includes(LOCAL_NAME));
      assert.equal(details.baseModel, 'tiny:latest');
      assert.deepEqual(await tensorData(path.join(got.path, 'adapter.gguf')), await tensorData(ADAPTER));
      // By the digest of the base in the release: the name alone would leave a doubt.
      const { adapters } = await ana!.wish('list', { mine: true });
      const { verdict } = adapters.find(({ id }) => id === own.id)!;
      assert.deepEqual([verdict?.verdict, verdict?.base], ['exact', 'tiny:latest']);
    });

    it('stay shared when the model goes', async () => {
      const { id } = await ana!.wish('share', { path: 'ollama:ana-sql#2', rooms: ['lab'], name: 'second' });
      await new OllamaClient(server.url).delete('ana-sql');

      const got = await ben!.wish('get', { target: id });

      assert.deepEqual(
        fs.readFileSync(path.join(got.path, 'adapter.gguf')),
        fs.readFileSync(path.join(FIXTURES, 'zero.gguf')),
      );
      await addAdapted(server.modelsFolder, 'tiny', 'ana-sql', [ADAPTER]);
    });

    it('are refused by name when there is none', async () => {
      await assert.rejects(ana!.wish('inspect', { path: 'ollama:tiny' }), {
        code: 'ADAPTER_NOT_FOUND',
        message: /carries no adapter/,
      });
      await assert.rejects(ana!.wish('verdict', { target: 'ollama:ana-sql#7' }), { code: 'ADAPTER_NOT_FOUND' });
      await assert.rejects(ana!.wish('inspect', { path: 'ollama:nothing' }), { code: 'OLLAMA_MODEL_UNKNOWN' });
      await assert.rejects(ben!.wish('inspect', { path: 'ollama:tiny' }), { code: 'OLLAMA_UNREACHABLE' });
    });

    it('leave Ollama as it was, and ask nobody else', async () => {
      const names = (await new OllamaClient(server.url).tags()).map((tag) => tag.name);

      assert.deepEqual(names.sort(), ['ana-sql:latest', 'tiny:latest']);
      assert.deepEqual(server.outside, []);
    });
  });
}
