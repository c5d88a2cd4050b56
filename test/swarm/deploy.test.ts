import assert from 'node:assert/strict';
import path from 'node:path';
import type { Engine } from '../../src/engine/engine';
import { FakeOllama, type Fault } from '../helpers/fakeOllama';
import { TestEngines, untilState } from '../helpers/testEngines';
import { openInstaller } from '../ollama/installer';

const FIXTURES = path.resolve(__dirname, '../fixtures');
const ADAPTER = path.join(FIXTURES, 'llama', 'adapters', 'all-r8');
const BASE = path.join(FIXTURES, 'ollama', 'base.gguf');

describe('engines and an Ollama', function () {
  this.timeout(20_000);
  let engines: TestEngines;
  let ollama: FakeOllama;

  beforeEach(() => (engines = new TestEngines()));
  afterEach(async () => {
    await engines.dispose();
    await ollama.close();
  });

  async function start(version: string): Promise<void> {
    ollama = await FakeOllama.start(version);
    ollama.addModel('tiny', BASE);
  }
  const models = (): string[] => ollama.store.list().map(({ name }) => name);

  it('ends at the start what an install of before left, and nobody waits for it', async () => {
    await start('0.34.2');
    const home = path.join(engines.folder, 'ana');
    const dying = await openInstaller(home, ollama.url);
    ollama.fail('/api/pull', { kind: 'die' });
    await assert.rejects(dying.install({ target: ADAPTER, base: 'tiny' }), { name: 'LoraSwarmError' });
    await dying.close();
    await ollama.restart();
    const left = ollama.store.brokenNames();
    let goOn: () => void = () => undefined;
    const slow: Fault = { kind: 'wait', until: new Promise<void>((resolve) => (goOn = resolve)) };
    ollama.fail('/api/tags', slow);
    const swept = new Promise<void>((resolve) => (ollama.store.onDidDelete = () => resolve()));

    const { engine } = await engines.open('ana', { home, ollama: ollama.url });
    await untilState(engine, (state) => state.ollama?.isReachable === true);
    goOn();
    await swept;

    assert.equal(left.length, 1);
    assert.deepEqual(ollama.store.brokenNames(), []);
    assert.deepEqual(models(), ['tiny:latest']);
    const { model } = await engine.wish('install', { target: ADAPTER, base: 'tiny' });
    assert.ok(models().includes(`${model}:latest`));
  });

  it('plans an install before the download, by the words of the release', async () => {
    await start('0.34.2');
    const { ben, id } = await offered();

    const plan = await ben.wish('planInstall', { target: id, base: 'tiny' });

    assert.equal(plan.chosen, 'pull');
    assert.deepEqual([plan.base, plan.model], ['tiny:latest', 'p2p-ana-all-r8']);
    assert.ok(plan.routes.find(({ route }) => route === 'pull')!.bytesOnDisk > 10_000);
    assert.deepEqual(models(), ['tiny:latest']);
    await assert.rejects(ben.wish('install', { target: id, base: 'tiny' }), { code: 'ID_UNKNOWN' });
  });

  it('says for every route why nothing works, without an error', async () => {
    await start('0.34.2');
    const { engine } = await engines.open('ana', { ollama: ollama.url });

    const plan = await engine.wish('planInstall', { target: path.join(FIXTURES, 'gemma3', 'adapters', 'all-r4') });

    assert.equal(plan.chosen, undefined);
    assert.equal(plan.routes.length, 4);
    assert.ok(plan.routes.every(({ isPossible, reason }) => !isPossible && reason.length > 10));
  });

  it('with a known hole gets files of the user, and none that came from a peer, by whatever name', async () => {
    await start('0.17.0');
    const { ben, id } = await offered();
    const { path: folder } = await ben.wish('get', { target: id });

    const plan = await ben.wish('planInstall', { target: id, base: 'tiny' });

    assert.ok(plan.routes.every(({ isPossible, reason }) => !isPossible && /0\.17\.0 has a hole/.test(reason)));
    for (const target of [id, folder, path.join(folder, 'adapter_model.safetensors')])
      await assert.rejects(ben.wish('install', { target, base: 'tiny' }), { code: 'OLLAMA_TOO_OLD' });
    await assert.rejects(ben.wish('install', { target: ADAPTER, base: 'tiny', more: [{ target: id, weight: 1 }] }), {
      code: 'OLLAMA_TOO_OLD',
    });
    assert.ok(!ollama.requests.some((line) => line.startsWith('POST /api/blobs')));
    const { model } = await ben.wish('install', { target: ADAPTER, base: 'tiny' });
    assert.deepEqual(models().sort(), [`${model}:latest`, 'tiny:latest'].sort());
  });

  /** Ana offers the adapter, ben sees it. */
  async function offered(): Promise<{ ben: Engine; id: string }> {
    const ana = await engines.open('ana');
    const ben = await engines.open('ben', { ollama: ollama.url });
    await engines.room(ana.engine, ben.engine);
    const { id } = await ana.engine.wish('share', { path: ADAPTER, rooms: ['lab'] });
    await untilState(ben.engine, (state) => state.peers.some(({ adapters }) => adapters === 1));
    return { ben: ben.engine, id };
  }
});
