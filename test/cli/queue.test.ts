import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { writePeftAdapter } from '../helpers/writeAdapter';
import { type Command, type JsonLine, Terminal } from './terminal';

/** Some 3.7 MB of weights. */
const SIZE = { hidden: 1024, blocks: 8, rank: 32 };
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'] as const;

/** All terminals of one home are clients of one engine, that of `serve`. */
describe('the queue in a terminal', function () {
  this.timeout(90_000);
  const terminal = new Terminal();
  let bootstrap: string;
  const environment = (name: string): NodeJS.ProcessEnv => ({
    LORA_SWARM_HOME: path.join(terminal.folder, name),
    LORA_SWARM_HOST: '127.0.0.1',
    LORA_SWARM_BOOTSTRAP: bootstrap,
    OLLAMA_HOST: '127.0.0.1:9',
  });
  const start = (name: string, ...args: string[]): Command =>
    terminal.start(['--json', ...args], { env: environment(name) });
  const run = async (name: string, ...args: string[]): Promise<Command> => {
    const command = start(name, ...args);
    await command.exited;
    return command;
  };
  const done = async (name: string, ...args: string[]): Promise<JsonLine> => {
    const command = await run(name, ...args);
    assert.equal(command.code, 0, `${args.join(' ')}: ${command.stdout}${command.stderr}`);
    return command.last;
  };
  type Row = { id: string; name: string; phase: string; place: number | null; bytesDone: number };
  const transfers = async (): Promise<Row[]> => (await done('bob', 'transfers'))['transfers'] as Row[];
  const queued = async (): Promise<string[]> =>
    (await transfers()).filter(({ phase }) => phase === 'queued').map(({ name }) => name);

  before(async () => {
    const dht = terminal.start(['dht', '--port', '0', '--host', '127.0.0.1', '--json']);
    const { host, port } = await dht.line('listening');
    bootstrap = `${String(host)}:${String(port)}`;

    const { code } = (await done('alice', 'room', 'create', 'Team')) as unknown as { code: string };
    for (const [index, name] of NAMES.entries()) {
      const folder = path.join(terminal.folder, 'runs', name);
      await writePeftAdapter(folder, { ...SIZE, seed: index + 1 });
      await done('alice', 'share', folder, '--room', 'Team', '--name', `alice/${name}`, '--no-wait');
    }
    await start('alice', 'serve').line('ready');
    const joining = terminal.start(['--json', 'room', 'join', '-', '--name', 'Team'], {
      env: environment('bob'),
      input: code,
    });
    await joining.exited;
    await start('bob', 'serve').line('ready');
    await done('bob', 'config', 'set', 'transfer.downloadLimit', '300KB');
  });
  after(() => terminal.dispose());

  it('is shown, changed, paused and cancelled, and two who ask for one are one transfer', async () => {
    const getting = new Map<string, Command>();
    for (const name of NAMES) {
      const command = start('bob', 'get', `alice/${name}`);
      getting.set(name, command);
      await command.lineWhere(({ type, kind }) => type === 'transfer:progress' || kind === 'wait');
      while (!(await transfers()).some((transfer) => transfer.name === `alice/${name}`));
    }
    const [a, b, d, e, f] = ['a', 'b', 'd', 'e', 'f'].map((name) => getting.get(name)!) as [
      Command,
      Command,
      Command,
      Command,
      Command,
    ];

    assert.deepEqual(await queued(), ['alice/e', 'alice/f']);
    const said = await f.lineWhere(({ kind }) => kind === 'wait');
    assert.deepEqual([said.type, said['phase'], said['place']], ['progress', 'queued', 2]);
    const moved = await done('bob', 'move', 'alice/f', 'first');
    assert.deepEqual([moved['phase'], moved['place']], ['queued', 1]);
    assert.deepEqual(await queued(), ['alice/f', 'alice/e']);

    const paused = await done('bob', 'pause', 'alice/a');
    assert.equal(paused['phase'], 'paused');
    assert.deepEqual(await queued(), ['alice/e']);
    const resumed = await done('bob', 'resume', 'alice/a');
    assert.deepEqual([resumed['phase'], resumed['place']], ['queued', 2]);

    const twin = start('bob', 'get', 'alice/b');
    await twin.line('transfer:progress');
    assert.equal((await transfers()).length, 6);
    b.pressCtrlC();
    await b.exited;
    assert.equal(b.code, 130);
    assert.notEqual((await transfers()).find(({ name }) => name === 'alice/b')?.phase, 'paused');
    await done('bob', 'cancel', 'alice/d');
    await d.exited;
    assert.deepEqual([d.code, d.last['code']], [1, 'DOWNLOAD_CANCELLED']);

    await done('bob', 'config', 'set', 'transfer.downloadLimit', '0');
    for (const command of [a, e, f, twin]) {
      await command.exited;
      assert.equal(command.code, 0, command.stdout + command.stderr);
    }
    assert.deepEqual(await transfers(), []);
    assert.deepEqual(fs.readdirSync(path.join(terminal.folder, 'bob', 'partial')), []);
  });

  it('says in words what it would say in JSON, and what is wrong', async () => {
    const nothing = await terminal.run(['transfers'], { env: environment('bob') });
    const unknown = await run('bob', 'move', 'alice/a', 'first');
    const nowhere = await run('bob', 'move', 'alice/a', 'aside');

    assert.equal(nothing.stdout, 'Nothing is transferred.\n');
    assert.deepEqual([unknown.code, unknown.last['code']], [1, 'ID_UNKNOWN']);
    assert.deepEqual([nowhere.code, nowhere.last['code']], [2, 'USAGE']);
  });

  it('limits a room', async () => {
    const set = await done('bob', 'room', 'limit', 'Team', '--down', '5MB');
    const more = await done('bob', 'room', 'limit', 'Team', '--up', '1MB');
    const shown = await terminal.run(['room', 'limit', 'Team'], { env: environment('bob') });
    const rooms = await terminal.run(['rooms'], { env: environment('bob') });
    const off = await done('bob', 'room', 'limit', 'Team', '--down', '0', '--up', '0');
    const wrong = await run('bob', 'room', 'limit', 'Team', '--down', 'much');

    assert.deepEqual([set['label'], set['downloadLimit'], set['uploadLimit']], ['Team', 5e6, 0]);
    assert.deepEqual([more['downloadLimit'], more['uploadLimit']], [5e6, 1e6]);
    assert.match(shown.stdout, /down {2}5\.0 MB\/s\nup {4}1\.0 MB\/s\n/);
    assert.match(rooms.stdout, /DOWN +UP\n.*5\.0 MB\/s +1\.0 MB\/s\n/);
    assert.deepEqual([off['downloadLimit'], off['uploadLimit']], [0, 0]);
    assert.deepEqual([wrong.code, wrong.last['code']], [1, 'SETTING_INVALID']);
  });
});
