import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import type { InstallRoute } from '../../src/engine/deployWishes';
import { OllamaClient } from '../../src/engine/ollama/client';
import { isStagedName } from '../../src/engine/ollama/install/staging';
import { uninstallModel } from '../../src/engine/ollama/install/uninstall';
import { FakeOllama } from '../helpers/fakeOllama';
import { KillingProxy, type KillPoint } from '../helpers/killingProxy';
import { RealOllama } from '../helpers/realOllama';
import { findNode, findOllamas, ROOT } from '../run/machine';
import { openInstaller, type Installer } from './installer';
import { addModelsOfUser, type TestServer } from './suite';

const adapter = (name: string): string => path.join(ROOT, 'test/fixtures/llama/adapters', name);
const OLD = adapter('qv-r4');

/** A server that can be killed and goes on with the same models. */
interface MortalServer extends TestServer {
  killAndRestart(): Promise<MortalServer>;
}

/** An install by a route, or a new release in the place of an old one. */
type Way = InstallRoute | 'update';
const MORE: readonly Way[] = ['merge', 'update'];

describe('an install in a process of its own', () => {
  let folder: string;
  let child: string;

  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lora-swarm-killed-'));
    child = path.join(folder, 'install.cjs');
    await build({
      entryPoints: [path.join(__dirname, 'killedInstall.ts')],
      outfile: child,
      ...{ bundle: true, platform: 'node', format: 'cjs', packages: 'external', logLevel: 'error' },
    });
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  killedOn('fake Ollama that creates models with adapters', () => mortalFake('0.34.0'), ['create']);
  killedOn('fake Ollama that no longer does', () => mortalFake('0.34.2'), ['pull', 'manifest', 'merge', 'update']);
  // Each of the real ones by what it takes first; the first of them by all that is more than that, to be done in a minute.
  for (const [index, program] of findOllamas().entries())
    killedOn(`real Ollama: ${program}`, () => mortalReal(program), ['auto', ...(index > 0 ? [] : MORE)]);

  function killedOn(name: string, start: () => Promise<MortalServer>, ways: readonly Way[]): void {
    describe(`into ${name}`, function () {
      this.timeout(120_000);
      let server: MortalServer;
      let proxy: KillingProxy;
      let home: string;

      before(async () => {
        server = await start();
        proxy = await KillingProxy.start(server.url);
        await addModelsOfUser(server);
        home = path.join(folder, `home-${path.basename(path.dirname(server.modelsFolder))}-${Date.now()}`);
      });
      after(async () => {
        await proxy.close();
        await server.close();
      });

      for (const way of ways) {
        for (const victim of ['we die', 'Ollama dies'] as const)
          it(`by ${way} has the old models or the new one whole, wherever ${victim}`, async () => {
            const initially = await prepare(way);
            const points = await strikingPoints(way, initially);
            assert.ok(points.length >= 5, JSON.stringify(points));
            for (const { at, request } of points)
              for (const point of victim === 'we die' ? (['after'] as const) : (['before', 'after'] as const)) {
                await (victim === 'we die' ? killUs(at, way) : killOllama(at, point, way));
                await checkAfterDeath(`${victim} ${point} ${request}`, way, initially);
              }
            await withInstaller((installer) => uninstallModel(installer.ollama.installParts, 'mine').catch(notThere));
          });
      }

      it('gives the installs of four processes at once their adapter each', async () => {
        const initially = await everything(server);
        const names = ['one', 'two', 'three', 'four'];
        proxy.arm();

        const ends = names.map(async (as) => {
          const order = JSON.stringify({
            home: `${home}-${as}`,
            url: proxy.url,
            request: { ...requestFor('auto'), as },
          });
          const [code] = (await once(startInstall(order), 'exit')) as [number | null];
          return code;
        });

        assert.deepEqual(await Promise.all(ends), [0, 0, 0, 0]);
        const client = new OllamaClient(server.url);
        for (const as of names) assert.equal((await client.show(as)).layers.adapters.length, 1);
        for (const as of names) await client.delete(as);
        assert.deepEqual(await everything(server), initially);
      });

      function startInstall(order: string) {
        const env = { ...process.env, NODE_PATH: path.join(ROOT, 'node_modules') };
        return spawn(findNode(), [child, order], { env, stdio: ['ignore', 'ignore', 'pipe'] });
      }

      async function prepare(way: Way): Promise<string[]> {
        if (way === 'update')
          await withInstaller((installer) => installer.install({ target: OLD, base: 'tiny', as: 'mine' }));
        return everything(server);
      }

      /** A run in which nobody dies. Only what changes Ollama makes a difference, and what is done between such requests. */
      async function strikingPoints(way: Way, initially: readonly string[]) {
        return withInstaller(async (installer) => {
          proxy.arm();
          await run(installer, way);
          const requests = [...proxy.requests];
          await undo(installer, way);
          assert.deepEqual(await everything(server), initially);
          const end = requests.indexOf('POST /api/generate');
          return requests
            .slice(0, end < 0 ? undefined : end)
            .map((request, index) => ({ at: index + 1, request }))
            .filter(({ request }, index) => changes(request) || (way === 'manifest' && index > requests.length / 2));
        });
      }

      async function killUs(at: number, way: Way): Promise<void> {
        const order = JSON.stringify({
          ...{ home, url: proxy.url, request: requestFor(way) },
          ...(way === 'update' ? { updates: 'mine' } : {}),
        });
        const dying = startInstall(order);
        const said: Buffer[] = [];
        dying.stderr.on('data', (part: Buffer) => said.push(part));
        const exited = once(dying, 'exit');
        proxy.arm(at, 'after', async () => {
          dying.kill('SIGKILL');
          await exited;
        });
        const [, signal] = (await exited) as [number | null, NodeJS.Signals | null];
        assert.equal(signal, 'SIGKILL', Buffer.concat(said).toString());
        await proxy.struck;
      }

      async function killOllama(at: number, point: KillPoint, way: Way): Promise<void> {
        await withInstaller(async (installer) => {
          proxy.arm(at, point, async () => {
            server = await server.killAndRestart();
            proxy.target = server.url;
          });
          // It may go well all the same: Ollama was back for the next request.
          await run(installer, way).catch((error: unknown) => {
            assert.equal((error as Error).name, 'LoraSwarmError', String(error));
          });
          assert.ok(proxy.struck);
          await proxy.struck;
        });
      }

      /** What must hold at the next start, and that the next install goes well. */
      async function checkAfterDeath(when: string, way: Way, initially: readonly string[]): Promise<void> {
        proxy.arm();
        await withInstaller(async (installer) => {
          const { store } = installer;
          await installer.tidy();
          await undo(installer, way);

          assert.deepEqual(await everything(server), initially, when);
          assert.deepEqual(store.madeModels.works(), [], when);
          assert.deepEqual(fs.readdirSync(store.paths.temporary), [], when);

          const { model } = await run(installer, way);

          assert.equal(model, 'mine', when);
          await undo(installer, way);
          assert.deepEqual(await everything(server), initially, `${when}, after the next install`);
        });
      }

      /** Back to what was before, if it is the new one that is there. Half a model fails here. */
      async function undo(installer: Installer, way: Way): Promise<void> {
        const record = installer.store.madeModels.get('mine');
        if (way === 'update') {
          assert.ok(record);
          await installer.update('mine', OLD, 'tiny');
        } else if (record) await uninstallModel(installer.ollama.installParts, 'mine');
      }

      async function withInstaller<T>(use: (installer: Installer) => Promise<T>): Promise<T> {
        const installer = await openInstaller(home, proxy.url);
        try {
          return await use(installer);
        } finally {
          await installer.close();
        }
      }
    });
  }
});

function requestFor(way: Way) {
  const target = adapter(way === 'merge' ? 'dora' : 'all-r8');
  return { target, base: 'tiny', as: 'mine', ...(way === 'update' ? {} : { route: way }) };
}

function run(installer: Installer, way: Way): Promise<{ readonly model: string }> {
  const request = requestFor(way);
  return way === 'update' ? installer.update('mine', request.target, 'tiny') : installer.install(request);
}

function changes(request: string): boolean {
  return /^(POST|DELETE) \/api\/(create|copy|push|pull|delete|blobs)/.test(request);
}

function notThere(error: unknown): void {
  assert.equal((error as { code?: unknown }).code, 'OLLAMA_NOT_OURS');
}

/** Models with their digests, and every file of the models folder. */
async function everything(server: TestServer): Promise<string[]> {
  const tags = await new OllamaClient(server.url).tags();
  assert.ok(!tags.some(({ name }) => isStagedName(name)));
  const files = fs
    .readdirSync(server.modelsFolder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(server.modelsFolder, path.join(entry.parentPath, entry.name)));
  return [...tags.map(({ name, digest }) => `model ${name} ${digest}`), ...files].sort();
}

async function mortalFake(version: string): Promise<MortalServer> {
  const fake = await FakeOllama.start(version);
  const server: MortalServer = {
    url: fake.url,
    modelsFolder: fake.modelsFolder,
    outside: fake.outside,
    close: () => fake.close(),
    killAndRestart: async () => {
      await fake.restart();
      return server;
    },
  };
  return server;
}

async function mortalReal(program: string, home?: string): Promise<MortalServer> {
  const real = await RealOllama.start(program, home);
  return {
    url: real.url,
    modelsFolder: real.modelsFolder,
    outside: real.outside,
    close: () => real.close(),
    killAndRestart: async () => {
      await real.kill();
      return mortalReal(program, real.home);
    },
  };
}
