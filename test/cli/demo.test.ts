import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { OLDEST_OLLAMA } from '../../src/engine/limits';
import { importBase } from '../../src/engine/ollama/modelsFolder';
import { OllamaClient } from '../../src/engine/ollama/client';
import { isOlder } from '../../src/engine/ollama/version';
import { FakeOllama } from '../helpers/fakeOllama';
import { hasInference } from '../helpers/logits';
import { RealOllama } from '../helpers/realOllama';
import { findOllamas } from '../run/machine';
import { type Command, type JsonLine, ROOT, Terminal } from './terminal';

const LLAMA = path.join(ROOT, 'test', 'fixtures', 'llama');
const WEIGHTS = path.join(LLAMA, 'adapters', 'trained-r16', 'adapter_model.safetensors');
const NEEDS = hasInference() ? '' : ' (left out: llama.cpp is missing; run node test/inference/install.mjs)';

describe('lora-swarm demo', function () {
  this.timeout(90_000);
  const terminal = new Terminal();
  const temporary = path.join(terminal.folder, 'tmp');
  const env = { TMPDIR: temporary, TEMP: temporary, TMP: temporary, OLLAMA_HOST: '' };
  before(() => fs.mkdirSync(temporary));
  after(() => terminal.dispose());
  const start = (...args: string[]) => terminal.start(['demo', '--json', ...args], { env });
  const run = async (...args: string[]): Promise<Command> => {
    const command = start(...args);
    await command.exited;
    return command;
  };

  describe('without an Ollama', () => {
    let command: Command;
    before(async () => {
      command = await run();
      assert.equal(command.code, 0, command.stdout + command.stderr);
    });
    const step = (name: string) => stepOf(command, name);

    it('has two engines with two keys meet on a DHT of their own', () => {
      const people = step('engines')['engines'] as { name: string; key: string }[];
      const [ana, rui] = people.map(({ key }) => key);

      assert.equal(step('network')['host'], '127.0.0.1');
      assert.notEqual(ana, rui);
      assert.deepEqual(step('discover')['sources'], [ana]);
      assert.equal(step('discover')['id'], step('share')['id']);
    });

    it('judges before it fetches', () => {
      const order = command.lines.filter(({ type }) => type === 'step').map((line) => line['step']);

      assert.ok(order.indexOf('verdict') < order.indexOf('fetch'));
      assert.equal(step('verdict')['verdict'], 'exact');
    });

    it('brings the weights over byte for byte', () => {
      const digest = `sha256:${createHash('sha256').update(fs.readFileSync(WEIGHTS)).digest('hex')}`;
      const { bytes, sources, resumedBytes, refetchedBytes, chunks } = step('fetch');

      assert.equal(step('library')['digest'], digest);
      assert.equal(step('library')['bytes'], fs.statSync(WEIGHTS).size);
      assert.deepEqual(
        { bytes, sources, resumedBytes, refetchedBytes, chunks },
        {
          bytes: step('share')['bytes'],
          sources: 1,
          resumedBytes: 0,
          refetchedBytes: 0,
          chunks: 4,
        },
      );
    });

    it('converts and installs it as a model of the base', () => {
      const { model, base, adapter, bytesOnDisk } = step('install');

      assert.equal(step('convert')['tensors'], 28);
      assert.deepEqual(
        [model, base, bytesOnDisk],
        ['p2p-ana-trained-r16', 'tiny-llama:latest', step('convert')['bytes']],
      );
      assert.match(String(adapter), /^sha256:[0-9a-f]{64}$/);
    });

    (hasInference() ? it : it.skip)(`shows that the base answers differently, and as PEFT computes${NEEDS}`, () => {
      const { checked, changedTokens, tokens, moved, fromTraining } = step('effect') as Record<string, number>;

      assert.equal(checked, true);
      assert.equal(tokens, 48);
      assert.ok(changedTokens! > 24, `${changedTokens} changed`);
      assert.ok(moved! > 10 && fromTraining! < 5e-4, `moved by ${moved}, ${fromTraining} from training`);
      assert.equal(command.last['changed'], true);
    });

    it('is done in less than a minute and leaves nothing', async () => {
      assert.ok((command.last['seconds'] as number) < 60);
      await assertNothingLeft(command);
    });

    it('uses no storage folder but its own', () => {
      assert.equal(fs.existsSync(path.join(terminal.folder, 'home')), false);
    });
  });

  it('speaks to people, too', async () => {
    const command = await terminal.run(['demo'], { env });

    assert.equal(command.code, 0, command.stderr);
    for (const name of ['network', 'engines', 'share', 'discover', 'verdict', 'fetch', 'library', 'convert', 'install'])
      assert.match(command.stdout, new RegExp(`^ +\\d+\\.\\d\\d s  ${name} `, 'm'));
    assert.match(command.stdout, /\nDone in \d+\.\d s: ana\/trained-r16 .*\n$/);
  });

  it('says that the Ollama is away when it is', async () => {
    const command = await run('--ollama', '127.0.0.1:1');

    assert.deepEqual([command.code, command.last['code']], [1, 'OLLAMA_UNREACHABLE']);
  });

  for (const name of ['engines', 'install'])
    it(`takes everything back with Ctrl-C after step ${name}`, async () => {
      const command = start();
      while (!command.lines.some((line) => line['step'] === name)) await wait(5);
      const began = performance.now();

      command.signal('SIGINT');
      await command.exited;

      assert.ok(performance.now() - began < 4000);
      assert.equal(command.code, 130);
      assert.equal(command.last['code'], 'CANCELLED');
      await assertNothingLeft(command);
    });

  it('says how to get llama.cpp where it is missing, and does the rest', async () => {
    const copy = path.join(terminal.folder, 'clone');
    fs.cpSync(path.join(ROOT, 'dist'), path.join(copy, 'dist'), { recursive: true });
    fs.mkdirSync(path.join(copy, 'test', 'inference'), { recursive: true });
    for (const part of ['base.f32.gguf', 'gold.json', 'adapters/trained-r16'])
      fs.cpSync(path.join(LLAMA, part), path.join(copy, 'test', 'fixtures', 'llama', part), { recursive: true });

    const command = await terminal.run(['demo', '--json'], { env, cli: path.join(copy, 'dist', 'cli.js') });

    assert.equal(command.code, 0, command.stdout);
    assert.equal(stepOf(command, 'effect')['checked'], false);
    assert.match(String(stepOf(command, 'effect')['reason']), /^Left out: .*node test\/inference\/install\.mjs$/);
    assert.equal(command.last['changed'], null);
  });

  it('says what it needs where there is no repository around it', async () => {
    const copy = path.join(terminal.folder, 'installed', 'dist');
    fs.cpSync(path.join(ROOT, 'dist'), copy, { recursive: true });

    const command = await terminal.run(['demo', '--json'], { env, cli: path.join(copy, 'cli.js') });

    assert.equal(command.code, 1);
    assert.equal(command.last['code'], 'ADAPTER_NOT_FOUND');
    assert.match(String(command.last['message']), /Clone the repository/);
  });

  it('takes --base for a model of the Ollama that --ollama names only', async () => {
    assert.equal((await run('--base', 'x')).code, 2);
  });

  const servers = [
    { title: 'a test server that behaves as 0.34.2', open: () => FakeOllama.start('0.34.2') },
    ...findOllamas().map((program) => ({ title: program, open: () => RealOllama.start(program) })),
  ];
  for (const { title, open } of servers)
    describe(`with an Ollama: ${title}`, () => {
      let server: Awaited<ReturnType<typeof open>>;
      before(async () => {
        server = await open();
      });
      after(() => server.close());
      const models = async () =>
        (await new OllamaClient(server.url).tags()).map(({ name, digest }) => `${name} ${digest}`);

      it('says how to make the base where there is none', async () => {
        const command = await run('--ollama', server.url);

        assert.equal(command.code, 1);
        assert.equal(command.last['code'], 'BASE_MISSING');
        assert.match(String(command.last['message']), /ollama create tiny-llama/);
        await assertNothingLeft(command);
      });

      it('installs there, looks at the effect, and leaves it as it was', async () => {
        const gguf = path.join(LLAMA, 'base.f32.gguf');
        await importBase(server.modelsFolder, { model: 'tiny-llama:latest', gguf, family: 'llama' });
        const before = await models();

        const version = await new OllamaClient(server.url).version();
        const command = await run('--ollama', server.url, '--base', 'tiny-llama');

        assert.deepEqual(await models(), before);
        if (isOlder(version, OLDEST_OLLAMA)) {
          assert.equal(command.last['code'], 'OLLAMA_TOO_OLD'); // What came from a peer does not go there.
          return;
        }
        assert.equal(command.code, 0, command.stdout + command.stderr);
        // The shapes agree, but Ollama does not tell the name that a GGUF has for itself.
        assert.equal(stepOf(command, 'verdict')['verdict'], 'same-shape');
        assert.equal(stepOf(command, 'install')['base'], 'tiny-llama:latest');
        assert.equal(stepOf(command, 'effect')['changed'], true);
        assert.equal(stepOf(command, 'uninstall')['model'], stepOf(command, 'install')['model']);
      });
    });

  async function assertNothingLeft(command: Command): Promise<void> {
    // The lock that installs of all programs into one Ollama share is for the next one, too.
    const shared = `lora-swarm-${os.userInfo().uid}`;
    assert.deepEqual(
      fs.readdirSync(temporary).filter((name) => name !== shared),
      [],
    );
    for (let tries = 0; isGroupAlive(command); tries++) {
      assert.ok(tries < 100, 'a process is left');
      await wait(20);
    }
  }
});

function stepOf(command: Command, name: string): JsonLine {
  const found = command.lines.find((line) => line.type === 'step' && line['step'] === name);
  assert.ok(found, `no step ${name} in ${command.stdout}${command.stderr}`);
  return found;
}

/** Whether anything of the command's process group runs. A command that ended by itself has no other trace. */
function isGroupAlive({ child }: Command): boolean {
  try {
    process.kill(-child.pid!, 0);
    return true;
  } catch {
    return false;
  }
}
