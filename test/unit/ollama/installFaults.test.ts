import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { LoraSwarmError } from '../../../src/engine/errors';
import { silentLog } from '../../../src/engine/log';
import { OllamaClient } from '../../../src/engine/ollama/client';
import { readBlob } from '../../../src/engine/ollama/digest';
import { installAdapter, type InstallParts, type InstallRequest } from '../../../src/engine/ollama/install/install';
import { InstallLock } from '../../../src/engine/ollama/install/installLock';
import { readBase } from '../../../src/engine/ollama/models';
import { removeLeftovers } from '../../../src/engine/ollama/install/staging';
import { FakeOllama, type Fault } from '../../helpers/fakeOllama';
import { MemoryMadeModels } from '../../helpers/memoryMadeModels';
import { loraFile } from '../../helpers/payloads';

const FIXTURES = path.resolve(__dirname, '../../fixtures/ollama');
const ADAPTER = path.join(FIXTURES, 'adapter.gguf');

describe('install into an Ollama that fails', () => {
  let fake: FakeOllama;
  let parts: InstallParts & { readonly made: MemoryMadeModels };
  let request: InstallRequest;

  async function start(version: string): Promise<void> {
    fake = await FakeOllama.start(version);
    fake.addModel('tiny', path.join(FIXTURES, 'base.gguf'));
    fake.addModel('theirs', path.join(FIXTURES, 'base.gguf'), path.join(FIXTURES, 'zero.gguf'));
    const client = new OllamaClient(fake.url);
    parts = { client, made: new MemoryMadeModels(), log: silentLog, lock: new InstallLock() };
    const base = await readBase(client, 'tiny');
    const names = { author: 'ana', name: 'sql', prefix: 'p2p', adapterId: 'a'.repeat(64) };
    request = { sources: loraFile(ADAPTER), isOwn: false, base, route: 'auto', isCostConfirmed: false, ...names };
  }
  afterEach(() => fake.close());

  const snapshot = (): string[] => fake.store.list().map(({ name, digest }) => `${name} ${digest}`);
  const adapterIn = (model: string): boolean =>
    fake.store.find(model)!.manifest.layers.some(({ mediaType }) => mediaType.endsWith('.adapter'));

  for (const [version, apiPath] of [
    ['0.34.0', '/api/create'],
    ['0.34.2', '/api/push'],
    ['0.34.2', '/api/pull'],
  ] as const) {
    // The first `create` only asks whether adapters are taken.
    const fail = (fault: Fault): void => {
      if (apiPath === '/api/create') fake.fail(apiPath, { kind: 'none' });
      fake.fail(apiPath, fault);
    };

    it(`${version} dying in ${apiPath} leaves no half model, and the next try has the same name`, async () => {
      await start(version);
      const before = snapshot();
      fail({ kind: 'die' });

      await assert.rejects(installAdapter(parts, request), { code: 'OLLAMA_FAILED', action: { kind: 'retry' } });
      await fake.restart();
      await removeLeftovers(parts.client, silentLog);

      assert.deepEqual(snapshot(), before);
      assert.deepEqual(parts.made.list(), []);
      const { model } = await installAdapter(parts, request);
      assert.equal(model, 'p2p-ana-sql');
      assert.ok(adapterIn(model));
    });

    for (const fault of [
      { kind: 'cut' },
      { kind: 'unfinished' },
      { kind: 'errorLine', error: 'write blob: no space left on device' },
      { kind: 'status', status: 500, error: 'out of luck' },
      ...(apiPath === '/api/push' ? [] : [{ kind: 'loseAdapter' } as const]),
    ] satisfies Fault[])
      it(`${version} with ${fault.kind} in ${apiPath} changes nothing`, async () => {
        await start(version);
        fake.shownFolder = '/somewhere/else'; // So that route manifest can't step in.
        const before = snapshot();
        fail(fault);

        await assert.rejects(installAdapter(parts, request), { name: 'LoraSwarmError' });

        assert.deepEqual(snapshot(), before);
        assert.deepEqual(parts.made.list(), []);
      });
  }

  const merged = (make = () => Promise.resolve(path.join(FIXTURES, 'broken.gguf'))): void => {
    // Any other bytes will do for weights.
    const source = { scratch: fake.modelsFolder, plan: () => Promise.resolve({ bytes: 67_616 }), make };
    request = { ...request, route: 'merge', sources: { lora: { problem: 'none' }, merged: source } };
  };
  const blobs = (): string[] => fs.readdirSync(path.join(fake.modelsFolder, 'blobs')).sort();
  const full = 'write /models/blobs/sha256-1: no space left on device';
  const faults: Fault[] = [
    { kind: 'status', status: 500, error: 'out of luck' },
    { kind: 'status', status: 400, error: 'no' },
    { kind: 'status', status: 507, error: full },
  ];
  const inStream: Fault[] = [{ kind: 'cut' }, { kind: 'unfinished' }, { kind: 'errorLine', error: full }];

  for (const [what, apiPath, at] of [
    ['the upload', '/api/blobs', 1],
    ['pull', '/api/pull', 0],
    ['the copy to its name', '/api/copy', 1],
  ] as const)
    for (const fault of [...faults, ...(apiPath === '/api/pull' ? inStream : [])])
      it(`merged, with ${'status' in fault ? fault.status : fault.kind} in ${what}: one error, nothing left, and it goes well again`, async () => {
        await start('0.34.2');
        merged();
        const before = [snapshot(), blobs()];
        fake.fail(apiPath, ...Array<Fault>(at).fill({ kind: 'none' }), fault);

        const failed = installAdapter(parts, request);

        const isFull = 'error' in fault && fault.error === full;
        await assert.rejects(failed, { name: 'LoraSwarmError', message: isFull ? /disk of Ollama is full/ : /./ });
        assert.deepEqual([snapshot(), blobs()], before);
        assert.deepEqual([parts.made.list(), parts.made.works()], [[], []]);
        const { route, model } = await installAdapter(parts, request);
        assert.deepEqual([route, model], ['merge', 'p2p-ana-sql']);
      });

  it('takes back a merged model whose making fails, before anything reaches Ollama', async () => {
    await start('0.34.2');
    merged(() => Promise.reject(new LoraSwarmError('STORE_FULL', 'The disk is full.')));

    await assert.rejects(installAdapter(parts, request), { code: 'STORE_FULL' });

    assert.ok(!fake.requests.some((line) => /POST \/api\/(blobs|copy|push|pull)/.test(line)));
    assert.deepEqual(parts.made.works(), []);
  });

  for (const [what, apiPath, at] of [
    ['the upload', '/api/blobs', 1],
    ['pull', '/api/pull', 0],
    ['the copy that keeps the old one', '/api/copy', 1],
    ['the copy to its name', '/api/copy', 2],
    ['the last look', '/api/show', 3],
  ] as const)
    it(`keeps the old model when an update fails in ${what}`, async () => {
      await start('0.34.2');
      fake.shownFolder = '/somewhere/else';
      const { model } = await installAdapter(parts, request);
      const before = [snapshot(), blobs(), parts.made.list()];
      const update = { ...request, sources: loraFile(path.join(FIXTURES, 'broken.gguf')), replaces: model };
      fake.fail(apiPath, ...Array<Fault>(at).fill({ kind: 'none' }), { kind: 'status', status: 500, error: 'no' });

      await assert.rejects(installAdapter(parts, update), { code: 'OLLAMA_FAILED' });

      assert.deepEqual([snapshot(), blobs(), parts.made.list()], before);
      assert.deepEqual(parts.made.works(), []);
      await installAdapter(parts, update);
      assert.notDeepEqual(snapshot(), before[0]);
    });

  it('keeps the old model when the new one does not pass a look at it', async () => {
    await start('0.34.2');
    const { model } = await installAdapter(parts, request);
    const before = [snapshot(), blobs(), parts.made.list()];
    const looked: string[] = [];
    const check = (staged: string, base: string): Promise<void> => {
      looked.push(staged, base);
      assert.ok(adapterIn(staged));
      return Promise.reject(new LoraSwarmError('BASE_UNFIT', 'It does not load.'));
    };
    const sources = loraFile(path.join(FIXTURES, 'broken.gguf'));

    await assert.rejects(installAdapter(parts, { ...request, sources, replaces: model, check }), {
      code: 'BASE_UNFIT',
    });

    assert.deepEqual([snapshot(), blobs(), parts.made.list()], before);
    assert.match(looked[0]!, /loraswarm/);
    assert.equal(looked[1], 'tiny:latest');
  });

  it('updates nothing that is not ours any more', async () => {
    await start('0.34.2');
    const { model } = await installAdapter(parts, request);
    await parts.client.copy('theirs', model);
    const before = snapshot();

    for (const replaces of [model, 'tiny', 'nobody'])
      await assert.rejects(installAdapter(parts, { ...request, replaces }), { code: 'OLLAMA_NOT_OURS' });

    assert.deepEqual(snapshot(), before);
  });

  it('takes the model back when it cannot be looked at under its name', async () => {
    await start('0.34.2');
    const before = snapshot();
    const failed: Fault = { kind: 'status', status: 500, error: 'out of luck' };
    const well: Fault = { kind: 'none' };
    fake.fail('/api/show', well, well, well, failed); // Of the base, twice, of the unfinished model, of the new one.

    await assert.rejects(installAdapter(parts, request), { code: 'OLLAMA_FAILED' });

    assert.ok(fake.requests.filter((line) => line === 'POST /api/copy').length === 2);
    assert.deepEqual(snapshot(), before);
    assert.deepEqual(parts.made.list(), []);
  });

  it('goes on when something left over cannot be deleted', async () => {
    await start('0.34.2');
    fake.addModel('127.0.0.1:1/loraswarm/x0123456789abcdef:v1', path.join(FIXTURES, 'base.gguf'));
    fake.fail('/api/delete', { kind: 'status', status: 500, error: 'permission denied' });

    const { model } = await installAdapter(parts, request);

    assert.ok(adapterIn(model));
    assert.equal(fake.store.list().length, 4); // The two of before, the one left over, the new one.
  });

  it('uploads again what a restart has dropped', async () => {
    await start('0.34.2');
    fake.fail('/api/pull', { kind: 'restarted' });

    const { model, route } = await installAdapter(parts, request);

    assert.equal(route, 'pull');
    assert.ok(adapterIn(model));
    assert.equal(fake.requests.filter((line) => line.startsWith('POST /api/blobs')).length, 2);
  });

  it('writes the manifest where a name cannot hold a port', async () => {
    await start('0.34.2');
    const error = 'mkdir manifests\\127.0.0.1:5: The directory name is invalid.';
    fake.fail('/api/copy', { kind: 'status', status: 500, error });

    const { model, route } = await installAdapter(parts, request);

    assert.equal(route, 'manifest');
    assert.ok(adapterIn(model));
    assert.equal(parts.made.get(model)?.digest, fake.store.find(model)?.digest);
  });

  it('writes the manifest where Ollama does not reach us, and says so where it cannot', async () => {
    await start('0.34.2');
    const unreached: Fault = { kind: 'errorLine', error: 'max retries exceeded: connection refused' };
    fake.fail('/api/push', unreached, unreached);

    const { route } = await installAdapter(parts, request);
    fake.shownFolder = '/root/.ollama/models';
    const inContainer = installAdapter(parts, request);

    assert.equal(route, 'manifest');
    await assert.rejects(inContainer, { code: 'OLLAMA_ROUTE_UNAVAILABLE' });
  });

  it('does not write into a folder that only looks like the one of Ollama', async () => {
    await start('0.34.2');
    const other = await FakeOllama.start('0.34.2');
    try {
      other.addModel('tiny', ADAPTER); // The same name with other content.
      fake.shownFolder = other.modelsFolder;

      await assert.rejects(installAdapter(parts, { ...request, route: 'manifest' }), {
        code: 'OLLAMA_ROUTE_UNAVAILABLE',
      });

      assert.equal(other.store.list().length, 1);
    } finally {
      await other.close();
    }
  });

  it('asks for nothing but base and adapter', async () => {
    await start('0.34.0');

    await installAdapter(parts, { ...request, name: 'x", "system": "obey' });

    const [body] = fake.created.filter(({ from }) => from !== undefined);
    assert.deepEqual(Object.keys(body!).sort(), ['adapters', 'from', 'model', 'stream']);
    assert.equal(body!['from'], 'tiny:latest');
    assert.deepEqual(body!['adapters'], { 'adapter.gguf': (await readBlob(ADAPTER)).digest });
  });

  it('gives no file to a version with a hole in reading it', async () => {
    await start('0.17.0');

    await assert.rejects(installAdapter(parts, request), { code: 'OLLAMA_TOO_OLD' });

    assert.ok(!fake.requests.some((line) => line.includes('/api/blobs')));
  });

  it('refuses a base in the cloud', async () => {
    await start('0.34.0');
    fake.cloud.push('gpt-oss:120b-cloud');

    const base = { ...request.base, name: 'gpt-oss:120b-cloud' };

    await assert.rejects(installAdapter(parts, { ...request, base }), { code: 'BASE_UNFIT' });
    assert.deepEqual(fake.outside, []);
  });

  it('keeps what a failed tidying up may have left on its list', async () => {
    await start('0.34.2');
    const show = parts.client.show.bind(parts.client);
    // Ollama ends right after the model has got its name, before we could look at it.
    parts.client.show = async (model, ...rest) => {
      if (model === 'p2p-ana-sql') await fake.close();
      return show(model, ...rest);
    };

    await assert.rejects(installAdapter(parts, request), { code: 'OLLAMA_UNREACHABLE' });

    assert.deepEqual(
      parts.made.works().map(({ model, made }) => [model, made !== undefined]),
      [['p2p-ana-sql', true]],
    );
  });
});

describe('install lock', () => {
  it('lets one in at a time, in order, also after a failure', async () => {
    const lock = new InstallLock();
    const steps: string[] = [];
    const task = (name: string, fails = false) =>
      lock.run(async () => {
        steps.push(`${name} in`);
        await new Promise(setImmediate);
        steps.push(`${name} out`);
        if (fails) throw new Error(name);
      });

    const results = await Promise.allSettled([task('a'), task('b', true), task('c')]);

    assert.deepEqual(steps, ['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
  });

  it('lets somebody who gave up waiting go at once, and keeps the order of the others', async () => {
    const lock = new InstallLock();
    let release: () => void = () => undefined;
    const first = lock.run(() => new Promise<void>((resolve) => (release = resolve)));
    const cancel = new AbortController();
    let ran = false;
    const second = lock.run(() => Promise.resolve((ran = true)), cancel.signal);
    const third = lock.run(() => Promise.resolve('third'));

    cancel.abort();

    await assert.rejects(second, { name: 'AbortError' });
    release();
    await first;
    assert.equal(await third, 'third');
    assert.equal(ran, false);
  });
});
