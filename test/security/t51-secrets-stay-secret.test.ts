import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { silentLog } from '../../src/engine/log';
import { parseRoomCode } from '../../src/engine/net/roomCode';
import { privateKeys } from '../../src/engine/net/roomKeys';
import { importBase } from '../../src/engine/ollama/modelsFolder';
import { identityKeys } from '../../src/engine/release/release';
import { openEngine } from '../../src/service/client';
import { ROOT, Terminal, type Command, type JsonLine } from '../cli/terminal';
import { FakeOllama } from '../helpers/fakeOllama';

const LLAMA = path.join(ROOT, 'test', 'fixtures', 'llama');
const ADAPTER = path.join(LLAMA, 'adapters', 'trained-r16');

/** The whole job by the built command line, each engine with its log at `trace`, under a mask that hides nothing. */
describe('T51, T52: a whole run of two engines', function () {
  this.timeout(60_000);

  const terminal = new Terminal();
  /** All that came out anywhere: what printed it, and the text. */
  const outputs: [string, string][] = [];
  const secrets = new Map<string, string>();
  const homes = ['alice', 'bob'].map((name) => path.join(terminal.folder, name));
  const modes: string[] = [];
  let ollama: FakeOllama;
  let environment: NodeJS.ProcessEnv;
  let mask: number | undefined;
  let logged = '';

  before(async () => {
    if (process.platform !== 'win32') mask = process.umask(0);
    ollama = await FakeOllama.start();
    await importBase(ollama.modelsFolder, { model: 'tiny', gguf: path.join(LLAMA, 'base.f16.gguf'), family: 'llama' });
    const dht = terminal.start(['dht', '--port', '0', '--host', '127.0.0.1', '--json']);
    const { host, port } = await dht.line('listening');
    environment = {
      LORA_SWARM_HOST: '127.0.0.1',
      LORA_SWARM_BOOTSTRAP: `${String(host)}:${String(port)}`,
      OLLAMA_HOST: ollama.url,
      LORA_SWARM_LOG: 'trace',
    };
    await wholeJob();
  });
  after(async () => {
    await terminal.dispose();
    await ollama.close();
    if (mask !== undefined) process.umask(mask);
  });

  function start(home: string, args: readonly string[], input?: string): Command {
    const env = { ...environment, LORA_SWARM_HOME: home };
    const command = terminal.start(['--json', ...args], { env, ...(input === undefined ? {} : { input }) });
    noteArguments(command);
    return command;
  }

  async function run(home: string, args: readonly string[], input?: string): Promise<JsonLine> {
    const command = start(home, args, input);
    await command.exited;
    assert.equal(command.code, 0, `${args.join(' ')}: ${command.stdout}${command.stderr}`);
    note(args.slice(0, 2).join(' '), command);
    return command.last;
  }

  function note(what: string, command: Command): void {
    // These two are asked for the code, and say nothing else of it.
    const isAsked = what === 'room create' || what === 'room invite';
    const printed = isAsked ? command.stdout.replaceAll(/"(code|link)":"[^"]*"/g, '') : command.stdout;
    outputs.push([`output of ${what}`, printed], [`log of ${what}`, command.stderr]);
    logged += command.stderr;
  }

  function noteArguments(command: Command): void {
    if (process.platform !== 'linux') return;
    outputs.push(['arguments', fs.readFileSync(`/proc/${command.child.pid}/cmdline`, 'latin1')]);
  }

  async function wholeJob(): Promise<void> {
    const [alice, bob] = homes as [string, string];
    const servers = homes.map((home) => start(home, ['serve']));
    await Promise.all(servers.map((server) => server.line('ready')));

    const { code } = (await run(alice, ['room', 'create', 'Team'])) as unknown as { code: string };
    await run(alice, ['share', ADAPTER, '--room', 'Team', '--name', 'alice/trained', '--no-wait']);
    await run(bob, ['room', 'join', '-', '--name', 'Team'], code);
    await run(bob, ['get', 'alice/trained']);
    await run(bob, ['install', 'alice/trained', '--as', 'trained']);
    for (const home of homes)
      for (const verb of [['rooms'], ['room', 'members', 'Team'], ['peers'], ['list'], ['transfers'], ['identity']])
        await run(home, verb);
    for (const home of homes) await run(home, ['config', 'get']);
    for (const home of homes) await run(home, ['doctor']);

    for (const [i, home] of homes.entries()) {
      const engine = await openEngine({ home, log: silentLog, workerPath: path.join(ROOT, 'dist', 'worker.js') });
      outputs.push([`state of ${i}`, JSON.stringify(engine.state)]);
      await engine.close();
      secrets.set(`seed of ${i}`, fs.readFileSync(path.join(home, 'identity.key'), 'utf8').trim());
      secrets.set(`token of ${i}`, fs.readFileSync(path.join(home, 'engine.token'), 'utf8').trim());
      lookAtModes(home);
    }
    addRoom('code', code);
    outputs.push(['questions to Ollama', ollama.requests.join('\n')]);
    for (const server of servers) server.signal('SIGINT');
    await Promise.all(servers.map((server) => server.exited));
    for (const server of servers) note('serve', server);
    for (const home of homes) lookAtModes(home);
  }

  function addRoom(name: string, code: string): void {
    const secret = parseRoomCode(code);
    const { auth, data } = privateKeys(secret);
    secrets.set(name, code);
    for (const [what, bytes] of Object.entries({ secret, auth, data })) {
      secrets.set(`${what} of the room in hex`, bytes.toString('hex'));
      secrets.set(`${what} of the room in base64`, bytes.toString('base64').replace(/=+$/, ''));
    }
  }

  function lookAtModes(home: string): void {
    if (process.platform === 'win32') return; // There the profile of the user decides.
    const entries = fs.readdirSync(home, { recursive: true, encoding: 'utf8' });
    for (const name of ['', ...entries]) {
      const stat = fs.lstatSync(path.join(home, name), { throwIfNoEntry: false });
      if (!stat || stat.isSymbolicLink()) continue;
      const wanted = stat.isDirectory() ? 0o700 : 0o600;
      if ((stat.mode & 0o777) !== wanted) modes.push(`${name}: ${(stat.mode & 0o777).toString(8)}`);
    }
    assert.ok(entries.length > 5);
  }

  it('was one: rooms were proven, chunks came over, a model was made, and the logs tell of it', async () => {
    const { models } = (await (await fetch(`${ollama.url}/api/tags`)).json()) as { models: { name: string }[] };

    assert.ok(models.some(({ name }) => name === 'trained:latest'));
    assert.match(logged, /in room /);
    assert.ok(logged.length > 200, logged);
  });

  it('says no code, no key and no token in any output, log, state or argument', () => {
    const found: string[] = [];
    for (const [name, secret] of secrets)
      for (const form of new Set([secret, secret.replaceAll('-', ''), secret.toLowerCase(), secret.toUpperCase()]))
        for (const [what, text] of outputs) if (text.includes(form)) found.push(`${name} in ${what}`);

    assert.deepEqual(found, []);
    assert.ok(secrets.size >= 11 && outputs.length > 30);
  });

  it('would have been seen saying a key', () => {
    const seed = Buffer.from(secrets.get('seed of 0')!, 'hex');
    const publicKey = identityKeys(seed).publicKey.toString('hex');

    assert.ok(outputs.some(([what, text]) => what === 'output of identity' && text.includes(publicKey)));
  });

  it('keeps files and folders for their owner', function () {
    if (process.platform === 'win32') this.skip();

    assert.deepEqual(modes, []);
  });
});
