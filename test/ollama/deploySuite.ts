import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { InstallPlan, InstallRequest, ModelfileExtras } from '../../src/engine/deployWishes';
import type { Engine } from '../../src/engine/engine';
import { OllamaClient } from '../../src/engine/ollama/client';
import { importBase } from '../../src/engine/ollama/modelsFolder';
import { isOlder } from '../../src/engine/ollama/version';
import { copiedAdapter } from '../helpers/copiedAdapter';
import { TestEngines } from '../helpers/testEngines';
import type { TestServer } from './suite';

const FIXTURES = path.resolve(__dirname, '../fixtures');
const adapter = (base: string, name: string): string => path.join(FIXTURES, base, 'adapters', name);
const LORA = adapter('llama', 'all-r8');
const OTHER = adapter('llama', 'qv-r4');
const DORA = adapter('llama', 'dora');

/** What the base has besides its weights: all of it has to be in every model that is made of it. */
const DRESS = {
  template: 'Q: {{ .System }} {{ .Prompt }} A:',
  system: 'Answer in verse.',
  license: 'Only for tests.',
  parameters: { seed: 7, stop: ['###', 'Q:'], num_thread: 1 }, // Old versions spin on more, and starve on a busy machine.
  messages: [{ role: 'user', content: 'hello' }],
};

type Shown = Readonly<Record<string, unknown>>;

/** What an engine makes of requests to install, on every Ollama. */
export function deploySuite(name: string, start: () => Promise<TestServer>): void {
  describe(`deploying with ${name}`, function () {
    this.timeout(60_000);
    let server: TestServer;
    let client: OllamaClient;
    let engines: TestEngines;
    let engine: Engine;
    let home: string;
    let isOld: boolean;

    before(async () => {
      server = await start();
      client = new OllamaClient(server.url);
      isOld = isOlder(await client.version(), '0.34.1');
      for (const base of ['llama', 'qwen2'])
        await importBase(server.modelsFolder, { model: `${base}-plain`, gguf: weightsOf(base), family: base });
      await post('create', { model: 'tiny', from: 'llama-plain', ...DRESS });
      engines = new TestEngines();
      ({ engine, home } = await engines.open('ana', { ollama: server.url }));
    });
    afterEach(async () => {
      for (const tag of await client.tags()) if (!OF_USER.includes(tag.name)) await client.delete(tag.name);
    });
    after(async () => {
      await (engines as TestEngines | undefined)?.dispose();
      await server.close();
    });

    const post = async (what: string, body: object): Promise<Record<string, unknown>> => {
      const answer = await fetch(`${server.url}/api/${what}`, {
        method: 'POST',
        body: JSON.stringify({ ...body, stream: false }),
      });
      const text = await answer.text();
      assert.equal(answer.status, 200, text);
      return text.includes('"modelfile"') ? (JSON.parse(text) as Record<string, unknown>) : {};
    };
    const show = async (model: string): Promise<Shown> => {
      const { template, system, license, messages, parameters } = await post('show', { model });
      const lines = String(parameters).split('\n');
      const sorted = lines.map((line) => line.replace(/\s+/g, ' ')).sort();
      return { template, system, license, messages, parameters: sorted.join('; ') };
    };
    const models = async (): Promise<string[]> =>
      (await client.tags()).map((tag) => `${tag.name} ${tag.digest}`).sort();
    const blobs = (): string[] => fs.readdirSync(path.join(server.modelsFolder, 'blobs')).sort();
    const plan = (request: Partial<InstallRequest>): Promise<InstallPlan> =>
      engine.wish('planInstall', { target: LORA, base: 'tiny', ...request });
    const install = (request: Partial<InstallRequest>) =>
      engine.wish('install', { target: LORA, base: 'tiny', ...request });
    const ways = ({ routes }: InstallPlan): string[] =>
      routes.filter(({ isPossible }) => isPossible).map(({ route }) => route);

    it('says what an install would do and cost, and changes nothing', async () => {
      const before = [await models(), blobs()];

      const found = await plan({});

      assert.equal(found.base, 'tiny:latest');
      assert.equal(found.chosen, isOld ? 'create' : 'pull');
      assert.deepEqual(ways(found), [...(isOld ? ['create'] : []), 'pull', 'manifest', 'merge']);
      assert.match(found.model, /^p2p-ana-all-r8$/);
      const [merge] = found.routes.filter(({ route }) => route === 'merge');
      assert.ok(merge!.needsConsent && merge!.bytesOnDisk >= fs.statSync(weightsOf('llama')).size, merge!.reason);
      assert.deepEqual([await models(), blobs()], before);
      assert.deepEqual(fs.readdirSync(path.join(home, 'tmp')), []);
    });

    it('keeps what it said: the cost is what an install adds', async () => {
      for (const route of ['pull', 'merge'] as const) {
        const found = await plan({ route });

        const installed = await install({ route });

        const said = found.routes.find((one) => one.route === found.chosen)!;
        assert.equal(installed.route, route);
        assert.ok(Math.abs(said.bytesOnDisk - installed.bytesOnDisk) < 4096, `${said.bytesOnDisk}`);
        assert.equal(installed.model, found.model);
        await engine.wish('uninstall', { model: installed.model });
      }
    });

    it('merges what no adapter layer can carry, once the user agreed, and keeps all else of the base', async () => {
      const before = [await models(), blobs()];
      const found = await plan({ target: DORA });

      await assert.rejects(install({ target: DORA }), { code: 'CONFIRM_NEEDED', message: /more on the disk/ });
      assert.deepEqual([await models(), blobs()], before);
      const { model, route, bytesOnDisk, effect } = await install({ target: DORA, isCostConfirmed: true });

      assert.deepEqual([ways(found), found.chosen, route], [['merge'], 'merge', 'merge']);
      assert.match(found.routes.find((one) => one.route === 'pull')!.reason, /DoRA/);
      const { layers } = await client.show(model);
      assert.notEqual(layers.weights?.digest, (await client.show('tiny')).layers.weights?.digest);
      assert.deepEqual(layers.adapters, []);
      assert.equal(bytesOnDisk, fs.statSync(layers.weights!.path).size);
      assert.deepEqual(await show(model), await show('tiny'));
      if (effect.checked) assert.equal(effect.outcome, 'changed', effect.reason);
      assert.deepEqual(fs.readdirSync(path.join(home, 'tmp')), []);
      await engine.wish('uninstall', { model });
      assert.deepEqual([await models(), blobs()], before);
    });

    it('merges an adapter of the output that a tied base has none of its own for', async () => {
      const target = adapter('qwen2', 'tied-head');

      const found = await plan({ target, base: 'qwen2-plain' });
      const { model, effect } = await install({ target, base: 'qwen2-plain', route: 'merge' });

      assert.deepEqual([ways(found), found.base], [['merge'], 'qwen2-plain:latest']);
      assert.match(found.routes[1]!.reason, /one tensor for input and output/);
      if (effect.checked) assert.equal(effect.outcome, 'changed', effect.reason);
      assert.deepEqual((await client.show(model)).layers.adapters, []);
    });

    it('refuses what nothing can carry, with the reason for every route', async () => {
      const target = adapter('llama', 'alora');
      const before = [await models(), blobs()];

      const found = await plan({ target });

      assert.deepEqual([ways(found), found.chosen], [[], undefined]);
      assert.ok(
        found.routes.every(({ reason }) => reason.length > 20),
        JSON.stringify(found.routes),
      );
      await assert.rejects(install({ target }), { name: 'LoraSwarmError' });
      await assert.rejects(install({ target, route: 'merge' }), { name: 'LoraSwarmError' });
      assert.deepEqual([await models(), blobs()], before);
    });

    it('puts several adapters with weights into one layer', async () => {
      const { model, effect } = await install({ weight: 0.7, more: [{ target: OTHER, weight: 0.3 }] });

      assert.equal((await client.show(model)).layers.adapters.length, 1);
      if (effect.checked) assert.equal(effect.outcome, 'changed', effect.reason);
    });

    it('does by one stacked layer, by layers on top of each other and by merging the same', async function () {
      const both = await install({ more: [{ target: OTHER, weight: 1 }] });
      if (!both.effect.checked || name.startsWith('fake')) return this.skip(); // A fake runs no weights.

      const first = await install({});
      const onTop = await install({ target: OTHER, base: first.model });
      const merged = await install({ more: [{ target: OTHER, weight: 1 }], route: 'merge', as: 'merged' });

      const all = [both.model, onTop.model, merged.model, 'tiny'];
      if (both.effect.logprobMove === undefined) {
        const words = await Promise.all(all.map((model) => firstWords(client, model)));
        assert.equal(words[0], words[1]);
        assert.notEqual(words[0], words[3]);
        return undefined;
      }
      const [stacked, layered, whole, plain] = await Promise.all(all.map((model) => firstLogprobs(client, model)));
      assert.ok(distance(stacked!, layered!) < 1e-3, `layers: ${distance(stacked!, layered!)}`);
      assert.ok(distance(stacked!, whole!) < 0.1, `merged: ${distance(stacked!, whole!)}`); // The base is F16.
      assert.ok(distance(stacked!, plain!) > 0.3, `base: ${distance(stacked!, plain!)}`);
      return undefined;
    });

    it('gives the same model when it is asked for the same again', async () => {
      const first = await install({});

      const again = await install({});
      const weaker = await install({ weight: 0.5 });

      assert.equal(again.model, first.model);
      assert.notEqual(weaker.model, first.model);
      assert.equal((await models()).length, OF_USER.length + 2);
    });

    it('takes the proposals that the user ticked, and nothing else', async () => {
      const target = await release('dressed', LORA, {
        system: 'Answer in SQL.',
        template: '[{{ .System }}|{{ .Prompt }}]',
        parameters: { temperature: 0.25, stop: ['END'] },
      });
      const base = await show('tiny');

      assert.deepEqual((await plan({ target })).extras?.system, 'Answer in SQL.');
      const none = await install({ target, as: 'none' });
      const system = await install({ target, as: 'system', extras: ['system'] });
      assert.deepEqual(await show(none.model), base);
      assert.deepEqual(await show(system.model), { ...base, system: 'Answer in SQL.' });
      for (const route of isOld ? (['create', 'pull', 'manifest'] as const) : (['pull', 'manifest'] as const)) {
        const { model } = await install({ target, route, extras: ['system', 'template', 'parameters'] });

        assert.deepEqual(await show(model), {
          ...base,
          system: 'Answer in SQL.',
          template: '[{{ .System }}|{{ .Prompt }}]',
          parameters: 'num_thread 1; seed 7; stop "END"; temperature 0.25',
        });
        await engine.wish('uninstall', { model });
      }
      await assert.rejects(install({ target: LORA, extras: ['system'] }), { code: 'USAGE' });
      const merged = await install({ target, route: 'merge', as: 'merged', extras: ['system'] });
      assert.deepEqual(await show(merged.model), { ...base, system: 'Answer in SQL.' });
    });

    it('updates a model of an earlier release in place, and nothing that was changed since', async () => {
      const first = await release('updated', LORA);
      const { model } = await install({ target: first, as: 'mine' });
      const kept = await install({ target: first, as: 'theirs' });
      await post('copy', { source: 'tiny', destination: kept.model }); // Its user made something else of it.
      const others = (await models()).filter((line) => !line.startsWith('mine:'));
      const before = blobs();
      const old = (await client.show(model)).layers.adapters[0]!;
      const second = await release('updated', OTHER);

      const found = await plan({ target: second, isUpdate: true });
      const updated = await install({ target: second, isUpdate: true });

      assert.deepEqual([found.updates, found.model, updated.model], ['mine', 'mine', 'mine']);
      assert.equal(updated.replaced, first);
      assert.notEqual((await client.show('mine')).layers.adapters[0], old);
      assert.deepEqual(
        (await models()).filter((line) => !line.startsWith('mine:')),
        others,
      );
      assert.ok(!blobs().includes(old.replace(':', '-')), 'the layer of the old release is still there');
      assert.equal(blobs().length, before.length);
      assert.equal((await plan({ target: second })).updates, undefined);
      await assert.rejects(install({ target: second, isUpdate: true }), { code: 'OLLAMA_MODEL_UNKNOWN' });
      await engine.wish('uninstall', { model: 'mine' });
    });

    /** Shares a copy of an adapter with nobody. @returns its content id */
    async function release(called: string, from: string, extras?: ModelfileExtras): Promise<string> {
      const folder = copiedAdapter(from, path.join(engines.folder, `${called}-${path.basename(from)}`));
      const { room } = await engine.wish('createRoom', {});
      const { id } = await engine.wish('share', {
        path: folder,
        rooms: [room],
        name: called,
        ...(extras ? { extras } : {}),
      });
      return id;
    }
  });
}

const OF_USER = ['llama-plain:latest', 'qwen2-plain:latest', 'tiny:latest'];

function weightsOf(base: string): string {
  return base === 'llama' ? path.join(FIXTURES, 'ollama', 'base.gguf') : path.join(FIXTURES, base, 'base.f32.gguf');
}

const PROMPTS = ['one', 'two and', 'the quick brown fox', '3 + 4 ='];

/** For an Ollama that does not tell probabilities. */
async function firstWords(client: OllamaClient, model: string): Promise<string> {
  const options = { temperature: 0, seed: 42, num_predict: 8 };
  let words = '';
  for (const prompt of PROMPTS)
    for await (const { text } of client.generate({ model, prompt, raw: true, options })) words += text;
  return words;
}

async function firstLogprobs(client: OllamaClient, model: string): Promise<number[]> {
  const options = { temperature: 0, seed: 42, num_predict: 1 };
  const logprobs: number[] = [];
  for (const prompt of PROMPTS) {
    for await (const token of client.generate({ model, prompt, raw: true, logprobs: true, options }))
      logprobs.push(token.logprob ?? NaN);
  }
  return logprobs;
}

function distance(one: readonly number[], other: readonly number[]): number {
  return Math.max(...one.map((value, at) => Math.abs(value - other[at]!)));
}
