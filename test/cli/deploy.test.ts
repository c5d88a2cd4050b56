import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { OllamaClient } from '../../src/engine/ollama/client';
import { importBase } from '../../src/engine/ollama/modelsFolder';
import { FakeOllama } from '../helpers/fakeOllama';
import { RealOllama } from '../helpers/realOllama';
import { findOllamas } from '../run/machine';
import { type Command, type JsonLine, ROOT, Terminal } from './terminal';

const LLAMA = path.join(ROOT, 'test', 'fixtures', 'llama');
const BASE = path.join(LLAMA, 'base.f16.gguf');
const TRAINED = path.join(LLAMA, 'adapters', 'trained-r16');
/** No LoRA GGUF can carry it. */
const DORA = path.join(LLAMA, 'adapters', 'dora');
const OTHER = path.join(LLAMA, 'adapters', 'all-r8');

interface Server {
  readonly url: string;
  readonly modelsFolder: string;
  readonly outside: readonly string[];
  close(): Promise<void>;
}

deploying('a fake Ollama', () => FakeOllama.start());
for (const program of findOllamas()) deploying(`a real Ollama: ${program}`, () => RealOllama.start(program));

function deploying(name: string, start: () => Promise<Server>): void {
  describe(`command line with ${name}`, function () {
    this.timeout(60_000);
    const terminal = new Terminal();
    let server: Server;
    let client: OllamaClient;

    before(async () => {
      server = await start();
      client = new OllamaClient(server.url);
      await importBase(server.modelsFolder, { model: 'tiny', gguf: BASE, family: 'llama' });
    });
    after(async () => {
      await terminal.dispose();
      assert.deepEqual(server.outside, []);
      await server.close();
    });

    const environment = (): NodeJS.ProcessEnv => ({ LORA_SWARM_HOST: '127.0.0.1', OLLAMA_HOST: server.url });
    const run = (...args: string[]): Promise<Command> => terminal.run(['--json', ...args], { env: environment() });
    const done = async (...args: string[]): Promise<JsonLine> => {
      const command = await run(...args);
      assert.equal(command.code, 0, `${args.join(' ')}: ${command.stdout}${command.stderr}`);
      assert.equal(command.last.type, 'result');
      return command.last;
    };
    const fail = async (...args: string[]): Promise<JsonLine> => {
      const { code, last } = await run(...args);
      assert.equal(code, last['code'] === 'USAGE' ? 2 : 1, JSON.stringify(last));
      return last;
    };
    const models = async (): Promise<string[]> => (await client.tags()).map((tag) => tag.name).sort();

    it('says how it would install, with the cost of each route, and changes nothing', async () => {
      const before = await client.tags();

      const plan = await done('install', TRAINED, '--plan');
      const shown = await terminal.run(['install', TRAINED, '--plan'], { env: environment() });

      const routes = plan['routes'] as Record<string, unknown>[];
      const chosen = routes.find(({ route }) => route === plan['chosen'])!;
      assert.deepEqual([plan['base'], chosen['isPossible'], chosen['needsConsent']], ['tiny:latest', true, false]);
      assert.deepEqual(routes.map(({ route }) => route).sort(), ['create', 'manifest', 'merge', 'pull']);
      for (const route of routes)
        assert.deepEqual(
          ['reason', 'bytesOnDisk', 'seconds'].map((field) => typeof route[field]),
          ['string', 'number', 'number'],
        );
      assert.match(shown.stdout, new RegExp(`^ROUTE +POSSIBLE +ADDS +TIME +WHY$`, 'm'));
      assert.match(shown.stdout, new RegExp(`^${String(plan['chosen'])} \\* +yes`, 'm'));
      assert.deepEqual(await client.tags(), before);
    });

    it('installs, says the route before and the effect after, shows the adapter inside, and removes it again', async () => {
      const installing = await terminal.run(['install', TRAINED, '--as', 'trained'], { env: environment() });
      const { ollamaAdapters } = await done('list', '--ollama');
      const inside = await done('inspect', 'ollama:trained');
      const judged = await done('verdict', 'ollama:trained');
      const compared = await run('compare', 'tiny', 'trained', 'Once upon a time', '--tokens', '4');
      const shared = await done('share', 'ollama:trained', '--no-wait', '--system', 'Be brief.', '--param', 'top_k=7');
      const { adapters } = await done('list', '--mine');

      assert.equal(installing.code, 0, installing.stderr);
      assert.match(installing.stderr, /^route (create|pull): .+ Adds .+, takes about .+\.$/m);
      assert.match(installing.stdout, /^effect +Same prompts, other answers than the base/m);
      assert.match(installing.stdout, /^ollama run trained$/m);
      const [found] = ollamaAdapters as Record<string, unknown>[];
      assert.deepEqual(
        ['target', 'base', 'isOurs'].map((field) => found![field]),
        ['ollama:trained:latest', 'tiny:latest', true],
      );
      assert.deepEqual([inside['format'], inside['rank']], ['gguf', 16]);
      assert.deepEqual([judged['verdict'], judged['base']], ['exact', 'tiny:latest']);
      const [one, two] = [compared.last['base'], compared.last['model']] as { text: string; tokens: number }[];
      assert.ok(one && two && one.tokens === 4 && one.text !== two.text);
      assert.ok(compared.lines.some((line) => line['kind'] === 'compare' && line['side'] === 'model'));
      assert.match(String(shared['name']), /\/trained$/);
      assert.deepEqual(
        (adapters as Record<string, unknown>[]).map(({ id }) => id),
        [shared['id']],
      );

      await done('uninstall', 'trained');
      assert.deepEqual(await models(), ['tiny:latest']);
      await done('unshare', String(shared['id']));
    });

    it('has the fields of the contract in the result of an install', async () => {
      const made = await done('install', TRAINED, '--weight=0.5', '--with', `${OTHER}:-0.25`, '--as', 'both');

      const { effect } = made as unknown as { effect: Record<string, unknown> };
      assert.deepEqual(Object.keys(made).sort(), ['base', 'bytesOnDisk', 'effect', 'model', 'route', 'type']);
      assert.deepEqual([made['model'], made['base'], effect['outcome']], ['both', 'tiny:latest', 'changed']);
      for (const field of ['checked', 'changed', 'reason']) assert.ok(field in effect, field);
      await done('uninstall', 'both');
    });

    it('merges what only a merged model can hold when the user agrees to the cost, and not before', async () => {
      const plan = await done('install', DORA, '--plan');
      const refused = await fail('install', DORA);
      const made = await done('install', DORA, '--yes', '--as', 'merged');
      const named = await done('install', TRAINED, '--route', 'merge');

      const merge = (plan['routes'] as Record<string, unknown>[]).find(({ route }) => route === 'merge')!;
      assert.deepEqual([merge['isPossible'], merge['needsConsent']], [true, true]);
      assert.equal(refused['code'], 'CONFIRM_NEEDED');
      assert.match(String(refused['message']), /--yes/);
      for (const { route, base, bytesOnDisk, effect } of [made, named]) {
        // What was merged before knows itself by the name of its base, and is not taken for it.
        assert.deepEqual([route, base], ['merge', 'tiny:latest']);
        assert.ok(Number(bytesOnDisk) > fs.statSync(BASE).size / 2);
        assert.equal((effect as Record<string, unknown>)['outcome'], 'changed');
      }
      for (const { model } of [made, named]) await done('uninstall', String(model));
      assert.deepEqual(await models(), ['tiny:latest']);
    });

    it('makes one adapter of two, and a whole model with it in its weights', async () => {
      const folder = path.join(terminal.folder, 'mixed');
      const file = path.join(terminal.folder, 'whole.gguf');

      const mixed = await done('merge', `${TRAINED}:0.5`, `${OTHER}:-0.25`, '-o', folder);
      const inspected = await done('inspect', folder);
      const narrow = await done(
        ...['merge', `${TRAINED}:0.5`, OTHER, '-o', `${folder}-4`, '--method', 'svd', '--rank', '4'],
      );
      const whole = await done('merge', folder, '--into', 'tiny', '-o', file, '--type', 'f32');
      const again = ['merge', folder, '--into', 'tiny', '-o', `${file}.q8.gguf`, '--type', 'q8_0'];
      const shown = await terminal.run(again, { env: environment() });

      assert.deepEqual([mixed['method'], mixed['path']], ['concat', folder]);
      assert.ok((mixed['error'] as { whole: number }).whole < 1e-6);
      assert.equal(inspected['format'], 'peft');
      assert.deepEqual([narrow['rank'], (narrow['error'] as { whole: number }).whole > 0], [4, true]);
      assert.deepEqual([whole['path'], whole['bytes']], [file, fs.statSync(file).size]);
      assert.ok(Number(whole['changed']) > 0 && Number(whole['changed']) < Number(whole['tensors']));
      assert.match(shown.stderr, /^writes [\d.]+ [KM]B; \d+ × F16 become Q8_0$/m);
    });

    it('converts an adapter out of Ollama as it is', async () => {
      const out = path.join(terminal.folder, 'inside.gguf');
      await done('install', TRAINED, '--as', 'again');

      const { ollamaAdapters } = await done('list', '--ollama');
      const made = await done('convert', 'ollama:again', '-o', out, '--base', 'tiny');

      const [{ digest }] = ollamaAdapters as [{ digest: string }];
      const blob = path.join(server.modelsFolder, 'blobs', digest.replace(':', '-'));
      assert.deepEqual(fs.readFileSync(out), fs.readFileSync(blob));
      assert.equal(made['bytes'], fs.statSync(out).size);
      await done('uninstall', 'again');
    });

    for (const args of [
      ['merge', 'a'],
      ['merge', 'a', '--into', 'tiny', '-o', 'x.gguf', '--rank', '4'],
      ['merge', 'a', '-o', 'x', '--type', 'f16'],
      ['merge', 'a', '-o', 'x', '--method', 'mean'],
      ['install', TRAINED, '--weight', 'much'],
      ['install', TRAINED, '--use', 'everything'],
      ['install', TRAINED, '--update', '--as', 'x'],
      ['install', TRAINED, '--plan', '--yes'],
      ['list', '--ollama', '--mine'],
      ['compare', 'tiny', 'tiny', 'x', '--tokens', '0'],
      ['share', TRAINED, '--param', 'temperature'],
    ])
      it(`says how ${args[0]} is used: ${args.slice(1).join(' ').replaceAll(TRAINED, 'PATH')}`, async () => {
        assert.equal((await fail(...args))['code'], 'USAGE');
      });

    it('names what is not in Ollama', async () => {
      assert.equal((await fail('inspect', 'ollama:nobody'))['code'], 'OLLAMA_MODEL_UNKNOWN');
      assert.equal((await fail('inspect', 'ollama:tiny'))['code'], 'ADAPTER_NOT_FOUND');
      assert.equal((await fail('compare', 'tiny', 'nobody', 'x'))['code'], 'OLLAMA_MODEL_UNKNOWN');
    });
  });
}
