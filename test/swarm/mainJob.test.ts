import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { Engine } from '../../src/engine/engine';
import { OLDEST_OLLAMA } from '../../src/engine/limits';
import { OllamaClient } from '../../src/engine/ollama/client';
import { importBase } from '../../src/engine/ollama/modelsFolder';
import { isOlder } from '../../src/engine/ollama/version';
import { FakeOllama } from '../helpers/fakeOllama';
import { RealOllama } from '../helpers/realOllama';
import { TestEngines, untilState } from '../helpers/testEngines';
import { findOllamas } from '../run/machine';

const LLAMA = path.resolve(import.meta.dirname, '../fixtures/llama');
const BASE = path.join(LLAMA, 'base.f16.gguf');
const ADAPTER = path.join(LLAMA, 'adapters', 'trained-r16');
/** Another model of the user, whose shape is another. */
const OTHER = path.resolve(LLAMA, '../gemma3/base.f32.gguf');

/** An Ollama with an empty store of its own. */
interface Server {
  readonly url: string;
  readonly modelsFolder: string;
  /** What it wanted from the internet. */
  readonly outside: readonly string[];
  close(): Promise<void>;
}

mainJob('fake Ollama that creates models with adapters', () => FakeOllama.start('0.34.0'), true);
mainJob('fake Ollama that no longer does', () => FakeOllama.start('0.34.2'), true);

const programs = findOllamas();
if (programs.length === 0) console.log('left out: a real Ollama. Name one in OLLAMA_BIN, or put ollama on the PATH.');
for (const program of programs) mainJob(`real Ollama: ${program}`, () => RealOllama.start(program), hasRunner(program));

function mainJob(name: string, start: () => Promise<Server>, canRun: boolean): void {
  describe(`an adapter shared on one machine and wanted on another, with a ${name}`, function () {
    this.timeout(60_000); // A real one loads models from a cold disk.
    let engines: TestEngines;
    let server: Server;
    let [ana, ben]: Engine[] = [];

    before(async function () {
      engines = new TestEngines();
      server = await start();
      // Nothing of a peer goes there, which `deploy.test.ts` shows.
      if (isOlder(await new OllamaClient(server.url).version(), OLDEST_OLLAMA)) this.skip();
      await importBase(server.modelsFolder, { model: 'tiny', gguf: BASE, family: 'llama' });
      await importBase(server.modelsFolder, { model: 'other', gguf: OTHER, family: 'gemma3' });
      ({ engine: ana } = await engines.open('ana'));
      ({ engine: ben } = await engines.open('ben', { ollama: server.url }));
      await engines.room(ana, ben);
    });
    after(async () => {
      await engines.dispose();
      await server.close();
    });

    it('is judged before a byte of it is fetched, becomes a model that answers otherwise, and goes again', async () => {
      const client = new OllamaClient(server.url);
      const before = await modelsOf(client);
      const { id } = await ana!.wish('share', { path: ADAPTER, rooms: ['lab'], name: 'ana/trained' });
      await untilState(ben!, (state) => state.peers.some(({ adapters }) => adapters === 1));

      const verdict = await ben!.wish('verdict', { target: 'ana/trained' });
      const unfit = await ben!.wish('verdict', { target: 'ana/trained', base: 'other' });
      const fetchedByThen = ben!.state.library.length + ben!.state.transfers.length;
      const got = await ben!.wish('get', { target: id, install: true, base: 'tiny' });

      assert.deepEqual([verdict.verdict, verdict.base], ['same-shape', 'tiny:latest']);
      assert.equal(unfit.verdict, 'unfit');
      assert.equal(fetchedByThen, 0);
      assert.equal(got.model, 'p2p-ana-trained');
      const { effect } = got.install!;
      if (canRun) assert.deepEqual([effect.checked, effect.changed], [true, true], effect.reason);
      else assert.equal(effect.checked, false, effect.reason);
      const during = await modelsOf(client);
      assert.deepEqual(
        during.map((model) => model.split(' ')[0]),
        [...before.map((model) => model.split(' ')[0]!), 'p2p-ana-trained:latest'].sort(),
      );
      const { models } = await ben!.wish('models', {});
      assert.deepEqual(
        models.filter(({ isOurs }) => isOurs).map((model) => model.name),
        ['p2p-ana-trained:latest'],
      );
      assert.deepEqual(ben!.state.library[0]?.models, ['p2p-ana-trained']);

      await ben!.wish('uninstall', { model: got.model });
      assert.deepEqual(await modelsOf(client), before);
      assert.deepEqual(
        fs.readFileSync(path.join(got.path, 'adapter_model.safetensors')),
        fs.readFileSync(path.join(ADAPTER, 'adapter_model.safetensors')),
      );
      assert.deepEqual(server.outside, []);
    });

    it('is installed again from the library, and takes the base that has its shape when none is named', async () => {
      const { adapters } = await ben!.wish('library', {});
      const { model, base } = await ben!.wish('install', { target: adapters[0]!.id });

      assert.deepEqual([model, base], ['p2p-ana-trained', 'tiny:latest']);
      await ben!.wish('uninstall', { model });
    });
  });
}

async function modelsOf(client: OllamaClient): Promise<string[]> {
  return (await client.tags()).map(({ name, digest }) => `${name} ${digest}`).sort();
}

/** A build without llama-server can do everything but answer. */
function hasRunner(program: string): boolean {
  const folder = path.resolve(path.dirname(fs.realpathSync(program)), '..');
  return fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .some((file) => /^llama-server(\.exe)?$/.test(path.basename(file)));
}
