import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import type { InstallRequest, InstallRouteName } from '../../src/engine/deployWishes';
import { OllamaClient } from '../../src/engine/ollama/client';
import { isStagedName } from '../../src/engine/ollama/staging';
import { uninstallModel } from '../../src/engine/ollama/uninstall';
import { FakeOllama } from '../helpers/fakeOllama';
import { KillingProxy, type KillPoint } from '../helpers/killingProxy';
import { RealOllama } from '../helpers/realOllama';
import { findNode, findOllamas, ROOT } from '../run/machine';
import { openInstaller, type Installer } from './installer';
import { addModelsOfUser, type TestServer } from './suite';

const LORA = path.join(ROOT, 'test/fixtures/llama/adapters/all-r8');
const DORA = path.join(ROOT, 'test/fixtures/llama/adapters/dora');

/** A server that can be killed and goes on with the same models. */
interface MortalServer extends TestServer {
  killAndRestart(): Promise<MortalServer>;
}

interface Scenario {
  readonly route: InstallRouteName;
  readonly request: InstallRequest;
}

function scenario(route: InstallRouteName): Scenario {
  const target = route === 'merge' ? DORA : LORA;
  return { route, request: { target, base: 'tiny', route, as: 'mine' } };
}

describe('an install that is killed', () => {
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
  killedOn('fake Ollama that no longer does', () => mortalFake('0.34.2'), ['pull', 'manifest', 'merge']);
  for (const program of findOllamas())
    killedOn(`real Ollama: ${program}`, () => mortalReal(program), ['pull', 'merge']);

  function killedOn(name: string, start: () => Promise<MortalServer>, routes: readonly InstallRouteName[]): void {
    describe(`into ${name}`, function () {
      this.timeout(120_000);
      let server: MortalServer;
      let proxy: KillingProxy;
      let home: string;
      let initially: string[];

      before(async () => {
        server = await start();
        proxy = await KillingProxy.start(server.url);
        await addModelsOfUser(server);
        initially = await everything(server);
        home = path.join(folder, `home-${path.basename(server.modelsFolder)}-${Date.now()}`);
      });
      after(async () => {
        await proxy.close();
        await server.close();
      });

      for (const route of routes) {
        const { request } = scenario(route);

        it(`by route ${route} has the old models or the new one whole, wherever we die`, async () => {
          const total = await countRequests(request);
          for (let at = 1; at <= total; at++) {
            await killUs(at, request);

            await checkAfterDeath(`we died at ${at} of ${total}, ${proxy.requests.at(-1)}`, request);
          }
        });

        it(`by route ${route} has the old models or the new one whole, wherever Ollama dies`, async () => {
          const total = await countRequests(request);
          for (const point of ['before', 'after'] as const)
            for (let at = 1; at <= total; at++) {
              const label = await killOllama(at, point, request);

              await checkAfterDeath(`Ollama died ${point} ${label} (${at} of ${total})`, request);
            }
        });
      }

      /** A run in which nobody dies. */
      async function countRequests(request: InstallRequest): Promise<number> {
        const installer = await openInstaller(home, proxy.url);
        try {
          proxy.arm();
          await installer.install(request);
          const upToEffect = proxy.requests.indexOf('POST /api/generate');
          assert.ok(upToEffect > 5, proxy.requests.join('\n'));
          await removeModel(installer);
          return upToEffect;
        } finally {
          await installer.close();
        }
      }

      async function killUs(at: number, request: InstallRequest): Promise<void> {
        const order = JSON.stringify({ home, url: proxy.url, request });
        const env = { ...process.env, NODE_PATH: path.join(ROOT, 'node_modules') };
        const dying = spawn(findNode(), [child, order], { env, stdio: ['ignore', 'ignore', 'pipe'] });
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

      async function killOllama(at: number, point: KillPoint, request: InstallRequest): Promise<string> {
        const installer = await openInstaller(home, proxy.url);
        try {
          proxy.arm(at, point, async () => {
            server = await server.killAndRestart();
            proxy.target = server.url;
          });
          // It may go well all the same: Ollama was back for the next request.
          await installer.install(request).catch((error: unknown) => {
            assert.equal((error as Error).name, 'LoraSwarmError', String(error));
          });
          await proxy.struck;
          return proxy.requests[at - 1]!;
        } finally {
          await installer.close();
        }
      }

      /** What must hold at the next start, and that the next install goes well. */
      async function checkAfterDeath(when: string, request: InstallRequest): Promise<void> {
        proxy.arm();
        const installer = await openInstaller(home, proxy.url);
        try {
          await installer.tidy();
          const left = await everything(server);
          if (installer.store.madeModels.get('mine')) {
            assert.ok(
              left.some((line) => line.startsWith('model mine:latest ')),
              when,
            );
            await removeModel(installer);
          }
          assert.deepEqual(await everything(server), initially, when);
          assert.deepEqual(installer.store.madeModels.works(), [], when);
          assert.deepEqual(fs.readdirSync(installer.store.paths.temporary), [], when);

          const { model } = await installer.install(request);

          assert.equal(model, 'mine', when);
          await removeModel(installer);
          assert.deepEqual(await everything(server), initially, `${when}, after the next install`);
        } finally {
          await installer.close();
        }
      }

      async function removeModel(installer: Installer): Promise<void> {
        const { layers } = await installer.ollama.client.show('mine');
        assert.ok(layers.adapters.length === 1 || layers.weights !== undefined);
        await uninstallModel(installer.ollama.installParts, 'mine');
      }
    });
  }
});

/** Models with their digests, and every file of the models folder but the temporary ones of Ollama itself. */
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
