import assert from 'node:assert/strict';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { once } from 'node:events';
import { silentLog } from '../../src/engine/log';
import { OllamaClient } from '../../src/engine/ollama/client';
import { readBlob } from '../../src/engine/ollama/digest';
import { ollamaChecks } from '../../src/engine/ollama/doctor';
import { checkEffect } from '../../src/engine/ollama/effect/effect';
import { installAdapter, type InstallParts, type InstallRequest } from '../../src/engine/ollama/install/install';
import { InstallLock } from '../../src/engine/ollama/install/installLock';
import { listAdapters, listModels, readBase, readBases } from '../../src/engine/ollama/models';
import { importBase } from '../../src/engine/ollama/modelsFolder';
import { isStagedName, removeLeftovers } from '../../src/engine/ollama/install/staging';
import { isOlder } from '../../src/engine/ollama/version';
import { uninstallModel } from '../../src/engine/ollama/install/uninstall';
import type { InstallRoute } from '../../src/engine/deployWishes';
import { OLDEST_OLLAMA } from '../../src/engine/limits';
import { loraFile } from '../helpers/payloads';
import { MemoryMadeModels } from '../helpers/memoryMadeModels';

const FIXTURES = path.resolve(__dirname, '../fixtures/ollama');
const BASE = path.join(FIXTURES, 'base.gguf');
const ADAPTER = path.join(FIXTURES, 'adapter.gguf');
const ADAPTER_ID = 'a'.repeat(64);
const TEMPLATE = 'Q: {{ .Prompt }} A:';

/** An Ollama to test against, real or not, with an empty store of its own. */
export interface TestServer {
  readonly url: string;
  readonly modelsFolder: string;
  /** What it wanted from the internet. */
  readonly outside: readonly string[];
  close(): Promise<void>;
}

/** What must hold on every Ollama. */
export function ollamaSuite(name: string, start: () => Promise<TestServer>): void {
  describe(name, function () {
    this.timeout(60_000); // A real one loads models from a cold disk.
    let server: TestServer;
    let client: OllamaClient;
    let parts: InstallParts & { readonly made: MemoryMadeModels };
    let version: string;
    let takesAdapters: boolean;
    let tellsProbabilities: boolean;

    before(async () => {
      server = await start();
      client = new OllamaClient(server.url);
      await addModelsOfUser(server);
      version = await client.version();
      takesAdapters = isOlder(version, '0.34.1');
      tellsProbabilities = !isOlder(version, '0.12.0');
    });
    beforeEach(() => {
      client = new OllamaClient(server.url);
      parts = { client, made: new MemoryMadeModels(), log: silentLog, lock: new InstallLock() };
    });
    afterEach(async () => {
      for (const tag of await client.tags()) if (!OF_USER.includes(tag.name)) await client.delete(tag.name);
    });
    after(() => server.close());

    const install = async (change: Partial<InstallRequest> = {}, signal?: AbortSignal) =>
      installAdapter(parts, { ...(await installRequest(client)), ...change }, signal);

    it('lists the models on this machine and what an adapter needs to know of them', async () => {
      const models = await listModels(client);
      const base = await readBase(client, 'tiny');
      const bases = await readBases(client);

      assert.deepEqual(models.map((model) => model.name).sort(), [...OF_USER].sort());
      assert.deepEqual(
        [base.architecture, base.blockCount, base.embeddingLength, base.headCount, base.headCountKv, base.headDim],
        ['llama', 2, 64, 4, 2, 16],
      );
      assert.equal(base.name, 'tiny:latest');
      assert.equal(base.digest, (await readBlob(BASE)).digest);
      assert.equal(base.vocabSize, 320);
      assert.equal(base.tensors.size, 21);
      assert.deepEqual(base.tensors.get('blk.0.attn_k.weight'), [64, 32]);
      assert.deepEqual(bases.map((one) => one.name).sort(), [...OF_USER].sort());
    });

    it('installs by the first route that works, with template and parameters of the base', async () => {
      const before = await client.tags();
      const adapter = await readBlob(ADAPTER);

      const installed = await install();

      const { layers } = await client.show(installed.model);
      assert.deepEqual(installed, {
        model: 'p2p-ana-sql-coder',
        route: takesAdapters ? 'create' : 'pull',
        base: 'tiny:latest',
        bytesOnDisk: adapter.bytes,
      });
      assert.equal(layers.weights?.digest, (await readBlob(BASE)).digest);
      assert.deepEqual(layers.adapters, [adapter.digest]);
      assert.match(await modelfile(server, installed.model), /Q: \{\{ \.Prompt \}\} A:/);
      await assertOnlyAdded(client, before, [installed.model]);
      assert.deepEqual(server.outside, []);
    });

    for (const route of ['pull', 'manifest'] as const)
      it(`installs by route ${route}, whatever the version`, async () => {
        const before = await client.tags();

        const installed = await install({ route });

        assert.equal(installed.route, route);
        assert.deepEqual((await client.show(installed.model)).layers.adapters, [(await readBlob(ADAPTER)).digest]);
        assert.match(await modelfile(server, installed.model), /Q: \{\{ \.Prompt \}\} A:/);
        await assertOnlyAdded(client, before, [installed.model]);
      });

    it('gives a version with a hole nothing that a peer made', async () => {
      const before = await client.tags();

      const result = install({ isOwn: false });

      if (!isOlder(version, OLDEST_OLLAMA)) assert.equal((await result).base, 'tiny:latest');
      else {
        await assert.rejects(result, { code: 'OLLAMA_TOO_OLD' });
        await assertOnlyAdded(client, before, []);
      }
    });

    it('says that route create is gone where it is gone', async () => {
      const before = await client.tags();

      const result = install({ route: 'create' });

      if (takesAdapters) assert.equal((await result).route, 'create');
      else {
        await assert.rejects(result, { code: 'OLLAMA_ROUTE_UNAVAILABLE' });
        await assertOnlyAdded(client, before, []);
      }
    });

    for (const route of ['auto', 'pull'] as const)
      it(`gives ten installs at once by route ${route} their adapter each`, async () => {
        const before = await client.tags();

        const installed = await Promise.all(Array.from({ length: 10 }, () => install({ route })));

        const names = installed.map(({ model }) => model);
        assert.equal(new Set(names).size, 10);
        const { digest } = await readBlob(ADAPTER);
        for (const model of names) assert.deepEqual((await client.show(model)).layers.adapters, [digest]);
        await assertOnlyAdded(client, before, names);
        assert.equal(parts.made.list().length, 10);
      });

    it('takes a fresh name beside a taken one, and refuses a chosen one that is taken', async () => {
      await client.copy('tiny', 'P2P-Ana-SQL-Coder');
      const before = await client.tags();

      const installed = await install();

      assert.equal(installed.model, 'p2p-ana-sql-coder-2');
      await assert.rejects(install({ as: 'tiny' }), { code: 'OLLAMA_MODEL_EXISTS' });
      await assert.rejects(install({ as: 'TINY:Latest' }), { code: 'OLLAMA_MODEL_EXISTS' });
      assert.equal((await install({ as: 'sql:v2' })).model, 'sql:v2');
      await assertOnlyAdded(client, before, ['p2p-ana-sql-coder-2', 'sql:v2']);
    });

    it('never lets Ollama pull a base, however it is called', async () => {
      const base = await readBase(client, 'tiny');
      const names = ['evil.example/x/y', 'gpt-oss:120b-cloud', 'library/llama3.2', 'tin', '127.0.0.1:9/a/b', '../tiny'];

      for (const route of ['auto', 'create', 'pull', 'manifest'] satisfies InstallRoute[])
        for (const named of names)
          await assert.rejects(install({ route, base: { ...base, name: named } }), { code: 'BASE_MISSING' });
      const installed = await install({ base: { ...base, name: 'TINY' } });

      assert.equal(installed.base, 'tiny:latest'); // As Ollama has it: asked for TINY it would pull.
      assert.deepEqual(server.outside, []);
    });

    it('refuses a base that changed since the verdict', async () => {
      const base = await readBase(client, 'tiny');

      const changed = install({ base: { ...base, digest: `sha256:${'0'.repeat(64)}` } });

      await assert.rejects(changed, { code: 'BASE_UNFIT', message: /has changed/ });
    });

    for (const route of ['auto', 'pull', 'manifest'] as const)
      it(`puts an adapter on a model that carries one, by route ${route}, and lets the first one go alone`, async () => {
        const first = await install({ sources: loraFile(path.join(FIXTURES, 'zero.gguf')) });
        const before = await client.tags();

        const second = await install({ route, base: await readBase(client, first.model) });

        const both = [path.join(FIXTURES, 'zero.gguf'), ADAPTER];
        const expected = (await Promise.all(both.map((file) => readBlob(file)))).map(({ digest }) => digest);
        assert.equal(second.base, `${first.model}:latest`);
        assert.deepEqual((await client.show(second.model)).layers.adapters, expected);
        await assertOnlyAdded(client, before, [second.model]);
        await uninstallModel(parts, first.model);
        assert.deepEqual((await client.show(second.model)).layers.adapters, expected);
      });

    it('shows which models carry adapters, from which base, and which are ours', async () => {
      const { model } = await install();
      await client.copy(model, 'copied-by-user');
      const { digest } = await readBlob(ADAPTER);

      const models = await listModels(client, parts.made);
      const adapters = await listAdapters(client);

      const found = models.find(({ name: at }) => at === `${model}:latest`);
      assert.equal(found?.adapterOf, 'tiny:latest');
      assert.deepEqual(
        models.filter(({ isOurs }) => isOurs).map((ours) => ours.name),
        [`${model}:latest`],
      );
      assert.deepEqual(adapters.map((adapter) => adapter.model).sort(), ['copied-by-user:latest', `${model}:latest`]);
      assert.ok(adapters.every((adapter) => adapter.digest === digest && adapter.base === 'tiny:latest'));
      assert.ok(!JSON.stringify([models, adapters]).includes(path.basename(server.modelsFolder)));
    });

    it('removes only what it made, and only as long as nobody changed it', async () => {
      const first = await install();
      const second = await install();
      const before = await client.tags();
      await client.copy('tiny', second.model);

      await assert.rejects(uninstallModel(parts, 'tiny'), { code: 'OLLAMA_NOT_OURS' });
      await assert.rejects(uninstallModel(parts, second.model), { code: 'OLLAMA_NOT_OURS' });
      const removed = await uninstallModel(parts, `${first.model}:latest`);

      assert.equal(removed.model, first.model);
      const names = (await client.tags()).map((tag) => tag.name);
      assert.deepEqual(
        names.sort(),
        before
          .map((tag) => tag.name)
          .filter((at) => at !== `${first.model}:latest`)
          .sort(),
      );
      await assert.rejects(uninstallModel(parts, first.model), { code: 'OLLAMA_NOT_OURS' });
    });

    it('deletes what an install that died left, and nothing of one that runs', async () => {
      const running = net.createServer().listen(0, '127.0.0.1');
      await once(running, 'listening');
      const live = `127.0.0.1:${(running.address() as AddressInfo).port}/loraswarm/x0123456789abcdef:v1`;
      const dead = `127.0.0.1:${await closedPort()}/loraswarm/x0123456789abcdef:v1`;
      const young = 'loraswarm/x0123456789abcdef:v1';
      const alike = ['127.0.0.1:1/someone/x0123456789abcdef:v1', 'loraswarm/mine:v1'];
      for (const at of [live, dead, young, ...alike]) await client.copy('tiny', at);

      const removed = await removeLeftovers(client, silentLog);

      running.close();
      assert.deepEqual(removed, [dead]);
      const names = (await client.tags()).map((tag) => tag.name);
      assert.deepEqual(names.sort(), [...OF_USER, live, young, ...alike].sort());
    });

    it('leaves nothing behind when it is cancelled', async () => {
      const before = await client.tags();
      const cancel = new AbortController();

      const result = installAdapter(parts, await installRequest(client), cancel.signal, () => cancel.abort());

      await assert.rejects(result, { name: 'AbortError' });
      await assertOnlyAdded(client, before, []);
      assert.deepEqual(parts.made.list(), []);
    });

    it('tells an adapter that works from one without effect and one that does not load', async function () {
      const works = await install();
      const zero = await install({ sources: loraFile(path.join(FIXTURES, 'zero.gguf')) });
      const broken = await install({ sources: loraFile(path.join(FIXTURES, 'broken.gguf')) });

      const effect = await checkEffect(client, works.base, works.model);

      if (!effect.checked) {
        console.log(`      left out: ${name} cannot run models (${effect.reason.slice(0, 120)})`);
        return this.skip();
      }
      assert.equal(effect.changed, true);
      const none = await checkEffect(client, zero.base, zero.model);
      assert.deepEqual([none.checked, none.changed], [true, false]);
      assert.match(none.reason, tellsProbabilities ? /NO EFFECT.*same probabilities/ : /NO EFFECT.*does not tell prob/);
      assert.match(none.reason, /All its B matrices are zero/);
      const failed = await checkEffect(client, broken.base, broken.model);
      assert.equal(failed.outcome, 'failed');
      assert.match(failed.reason, /only one half of its pair/);
      await uninstallModel(parts, broken.model);
      await assert.rejects(client.show(broken.model), { code: 'OLLAMA_MODEL_UNKNOWN' });
      return undefined;
    });

    it('would have been seen asking the internet', async () => {
      const body = JSON.stringify({ model: 'evil.example/x/y', stream: false });

      await (await fetch(`${server.url}/api/pull`, { method: 'POST', body })).text();

      assert.equal(server.outside.length, 1);
      assert.match(server.outside[0]!, /^evil\.example/);
    });

    it('has a clean bill of health', async () => {
      const checks = await ollamaChecks(server.url);

      assert.deepEqual(
        checks.map(({ id, ok }) => [id, ok]),
        [
          ['ollama', true],
          ['ollama-version', !isOlder(version, OLDEST_OLLAMA)],
          ['ollama-route', true],
          ['ollama-models', true],
        ],
      );
      assert.match(checks[2]!.detail, takesAdapters ? /"create"/ : /"pull"/);
    });
  });
}

const OF_USER = ['plain:latest', 'tiny:latest', 'evil.example/x/z:latest'];

/** Two bases with the same weights, one with a template, and one whose name says that it came from elsewhere. */
export async function addModelsOfUser(server: TestServer): Promise<void> {
  await importBase(server.modelsFolder, { model: 'plain', gguf: BASE, family: 'llama' });
  await importBase(server.modelsFolder, { model: 'evil.example/x/z', gguf: BASE, family: 'llama' });
  const body = JSON.stringify({
    model: 'tiny',
    from: 'plain',
    template: TEMPLATE,
    parameters: { seed: 7, num_thread: 1 }, // Old versions spin on more, and starve on a busy machine.
    stream: false,
  });
  const answer = await fetch(`${server.url}/api/create`, { method: 'POST', body });
  assert.equal(answer.status, 200, await answer.text());
}

export async function installRequest(client: OllamaClient): Promise<InstallRequest> {
  const base = await readBase(client, 'tiny');
  return {
    sources: loraFile(ADAPTER),
    isOwn: true, // So that it goes to old versions, too.
    adapterId: ADAPTER_ID,
    base,
    author: 'ana',
    name: 'sql-coder',
    route: 'auto',
    isCostConfirmed: false,
    prefix: 'p2p',
  };
}

async function assertOnlyAdded(
  client: OllamaClient,
  before: readonly { name: string; digest: string }[],
  added: readonly string[],
): Promise<void> {
  const after = new Map((await client.tags()).map((tag) => [tag.name, tag.digest]));
  const expected = added.map((name) => (name.includes(':') ? name : `${name}:latest`));
  assert.deepEqual([...after.keys()].sort(), [...before.map(({ name }) => name), ...expected].sort());
  for (const { name, digest } of before) assert.equal(after.get(name), digest, name);
  assert.ok(![...after.keys()].some(isStagedName));
}

async function modelfile(server: TestServer, model: string): Promise<string> {
  const answer = await fetch(`${server.url}/api/show`, { method: 'POST', body: JSON.stringify({ model }) });
  return ((await answer.json()) as { modelfile: string }).modelfile;
}

async function closedPort(): Promise<number> {
  const taken = net.createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  taken.close();
  await once(taken, 'close');
  return port;
}
