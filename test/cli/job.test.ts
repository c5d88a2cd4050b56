import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { writePeftAdapter } from '../helpers/writeAdapter';
import { type Command, type JsonLine, ROOT, Terminal } from './terminal';

const ADAPTER = path.join(ROOT, 'test', 'fixtures', 'llama', 'adapters', 'trained-r16');

describe('two terminals', function () {
  this.timeout(60_000);
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
  const done = async (name: string, ...args: string[]): Promise<JsonLine> => {
    const command = start(name, ...args);
    await command.exited;
    assert.equal(command.code, 0, `${args.join(' ')}: ${command.stdout}${command.stderr}`);
    return command.last;
  };

  before(async () => {
    const dht = terminal.start(['dht', '--port', '0', '--host', '127.0.0.1', '--json']);
    const { host, port } = await dht.line('listening');
    bootstrap = `${String(host)}:${String(port)}`;
  });
  after(() => terminal.dispose());

  it('do the whole job: share, find, fetch, and have the same bytes', async () => {
    const { code } = (await done('alice', 'room', 'create', 'Team')) as unknown as { code: string };
    const sharing = start('alice', 'share', ADAPTER, '--room', 'Team', '--name', 'alice/trained');
    const ready = await sharing.line('ready');
    const shared = await sharing.line('result');
    const joining = terminal.start(['--json', 'room', 'join', '-', '--name', 'Team'], {
      env: environment('bob'),
      input: code,
    });
    await joining.exited;
    const { adapters } = await done('bob', 'list', '--room', 'Team');
    const { peers } = await done('bob', 'peers');

    const getting = start('bob', 'get', 'alice/trained', '-o', path.join(terminal.folder, 'out'));
    await getting.exited;

    assert.equal(joining.code, 0, joining.stdout);
    assert.deepEqual([ready['host'], typeof ready['port']], ['127.0.0.1', 'number']);
    const [found] = adapters as Record<string, unknown>[];
    assert.deepEqual([found!['id'], found!['name'], found!['sources']], [shared['id'], 'alice/trained', 1]);
    const [peer] = peers as Record<string, unknown>[];
    assert.equal(peer!['key'], ready['key']);
    assert.ok(['lan', 'direct'].includes(String(peer!['path'])));
    const got = getting.last;
    assert.equal(getting.code, 0, getting.stdout + getting.stderr);
    assert.deepEqual([got['id'], got['sources'], got['resumedBytes'], got['refetchedBytes']], [shared['id'], 1, 0, 0]);
    const copies = fs.readdirSync(path.join(terminal.folder, 'out'), { recursive: true, encoding: 'utf8' });
    const copy = copies.find((file) => file.endsWith('adapter_model.safetensors'))!;
    assert.deepEqual(
      fs.readFileSync(path.join(terminal.folder, 'out', copy)),
      fs.readFileSync(path.join(ADAPTER, 'adapter_model.safetensors')),
    );

    sharing.signal('SIGINT');
    await sharing.exited;
    assert.equal(sharing.code, 130);
    const all = [sharing, joining, getting].map(({ stdout, stderr }) => stdout + stderr).join('\n');
    assert.ok(!all.includes(code), 'the room code is printed by "room create" and "room invite" only');
  });

  it('go on with a download when the one that leads is killed in the middle', async () => {
    const folder = path.join(terminal.folder, 'runs', 'big');
    const { weightsPath, bytes } = await writePeftAdapter(folder, { hidden: 2048, blocks: 32, rank: 64 });
    const { code } = (await done('dora', 'room', 'create', 'Big')) as unknown as { code: string };
    const sharing = start('dora', 'share', folder, '--room', 'Big', '--name', 'dora/big');
    await sharing.line('ready');
    const joining = terminal.start(['--json', 'room', 'join', '-'], { env: environment('emil'), input: code });
    await joining.exited;
    const leading = start('emil', 'serve');
    await leading.line('ready');
    const beside = start('emil', 'serve');
    await beside.line('ready');

    const getting = start('emil', 'get', 'dora/big', '--max-rate', '15MB');
    await getting.lineWhere((line) => line.type === 'transfer:progress' && Number(line['bytesDone']) > bytes / 2);
    await leading.kill();
    await getting.exited;

    const got = getting.last;
    assert.equal(getting.code, 0, getting.stdout + getting.stderr);
    assert.ok(bytes > 50e6);
    assert.ok(Number(got['resumedBytes']) > bytes / 2 - 16 * 1024 ** 2, JSON.stringify(got));
    assert.ok(
      fs.readFileSync(path.join(String(got['path']), 'adapter_model.safetensors')).equals(fs.readFileSync(weightsPath)),
    );
    await Promise.all([sharing.kill(), beside.kill()]);
  });

  it('say what is missing when nobody has it', async () => {
    const getting = start('carol', 'get', 'ab'.repeat(32));
    await getting.exited;

    assert.equal(getting.code, 1);
    assert.equal(getting.last['code'], 'ID_UNKNOWN');
  });
});
