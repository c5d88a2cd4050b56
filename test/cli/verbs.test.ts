import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type Command, ROOT, Terminal } from './terminal';

const LLAMA = path.join(ROOT, 'test', 'fixtures', 'llama');
const ADAPTER = path.join(LLAMA, 'adapters', 'trained-r16');

/** Nothing leaves loopback, and no Ollama of this machine is asked. */
const ENV = { LORA_SWARM_HOST: '127.0.0.1', OLLAMA_HOST: '127.0.0.1:9' };

describe('command line without peers', function () {
  this.timeout(30_000);
  const terminal = new Terminal();
  const run = (...args: string[]): Promise<Command> => terminal.run(['--json', ...args], { env: ENV });
  const fail = async (...args: string[]): Promise<unknown> => {
    const { code, last } = await run(...args);
    assert.equal(code, last['code'] === 'USAGE' ? 2 : 1, JSON.stringify(last));
    return last['code'];
  };
  const done = async (...args: string[]) => {
    const command = await run(...args);
    assert.equal(command.code, 0, `${command.stdout}${command.stderr}`);
    assert.equal(command.last.type, 'result');
    return command.last;
  };
  after(() => terminal.dispose());

  it('inspects an adapter', async () => {
    const found = await done('inspect', ADAPTER);

    for (const field of ['format', 'baseModel', 'architecture', 'rank', 'alpha', 'scale', 'targets', 'pairs'])
      assert.ok(field in found, field);
    for (const field of ['parameters', 'bytes', 'dtype', 'problems', 'layers']) assert.ok(field in found, field);
    assert.deepEqual([found['format'], found['rank'], found['bytes']], ['peft', 16, 134_616]);
    const [layer] = found['layers'] as { name: string; norm: number }[];
    assert.ok(layer && layer.norm > 0);
  });

  it('inspects a path that is relative to where the command runs', async () => {
    const command = await terminal.run(['--json', 'inspect', 'trained-r16'], { env: ENV, cwd: path.dirname(ADAPTER) });

    assert.equal(command.last['rank'], 16);
  });

  it('refuses a pickle and a file that is not there by code', async () => {
    assert.equal(await fail('inspect', path.join(LLAMA, 'adapters', 'pickle-only')), 'ADAPTER_PICKLE');
    assert.equal(await fail('inspect', 'nowhere'), 'ADAPTER_NOT_FOUND');
  });

  it('converts an adapter for a base in a file', async () => {
    const out = path.join(terminal.folder, 'out.gguf');

    const made = await done('convert', ADAPTER, '-o', out, '--base', path.join(LLAMA, 'base.f32.gguf'));

    assert.deepEqual([made['path'], made['bytes']], [out, fs.statSync(out).size]);
    assert.equal(fs.readFileSync(out).subarray(0, 4).toString(), 'GGUF');
    assert.equal(await fail('convert', ADAPTER, '--base', 'x'), 'USAGE');
  });

  it('has one identity in a private file', async () => {
    const first = await done('identity');
    const second = await done('identity');

    assert.match(String(first['key']), /^[0-9a-f]{64}$/);
    assert.deepEqual(first, second);
    if (process.platform !== 'win32')
      assert.equal(fs.statSync(path.join(terminal.folder, 'home', 'identity.key')).mode & 0o777, 0o600);
  });

  it('remembers a setting, and refuses a wrong one', async () => {
    const set = await done('config', 'set', 'transfer.downloadLimit', '20MB');
    const got = await done('config', 'get', 'transfer.downloadLimit');
    const all = await done('config', 'get');

    assert.deepEqual([set['value'], got['value']], [20e6, 20e6]);
    assert.equal((all['settings'] as Record<string, unknown>)['transfer.downloadLimit'], 20e6);
    assert.equal(await fail('config', 'set', 'transfer.downloadLimit', 'fast'), 'SETTING_INVALID');
    assert.equal(await fail('config', 'get', 'no.such'), 'SETTING_INVALID');
  });

  it('makes, shows and leaves a private room', async () => {
    const made = await done('room', 'create', 'Team');
    const invite = await done('room', 'invite', 'Team');
    const { rooms } = await done('rooms');
    const { members } = await done('room', 'members', 'Team');
    await done('room', 'leave', String(made['room']));
    const { rooms: left } = await done('rooms');

    assert.deepEqual(invite, made);
    assert.deepEqual(Object.keys(made).sort(), ['code', 'link', 'room', 'type']);
    const [room] = rooms as Record<string, unknown>[];
    assert.deepEqual(
      ['id', 'kind', 'label', 'peers', 'adapters'].map((field) => room![field]),
      [made['room'], 'private', 'Team', 0, 0],
    );
    assert.equal((members as unknown[]).length, 1);
    assert.deepEqual(left, []);
    assert.equal(await fail('room', 'invite', 'Team'), 'ROOM_UNKNOWN');
  });

  it('reads a room code from standard input or the environment', async () => {
    const code = String((await done('room', 'create', 'Here'))['code']);
    const other = { ...ENV, LORA_SWARM_HOME: path.join(terminal.folder, 'other') };

    const piped = await terminal.run(['--json', 'room', 'join', '-', '--name', 'There'], {
      env: other,
      input: `${code}\n`,
    });
    await terminal.run(['--json', 'room', 'leave', 'There'], { env: other });
    const named = await terminal.run(['--json', 'room', 'join'], { env: { ...other, LORA_SWARM_ROOM_CODE: code } });

    assert.deepEqual([piped.code, named.code], [0, 0], piped.stdout + named.stdout);
    assert.equal(piped.last['label'], 'There');
    assert.equal(await fail('room', 'join', 'ABCDEFGH'), 'ROOM_CODE_INVALID');
    assert.equal(await fail('room', 'join'), 'USAGE');
    for (const command of [piped, named]) assert.ok(!command.stderr.includes(code));
  });

  it('registers an adapter, lists it as mine, and takes it back', async () => {
    const { room } = await done('room', 'create', 'Sharing');
    const shared = await done('share', ADAPTER, '--room', 'Sharing', '--name', 'me/trained', '--no-wait');
    const { adapters } = await done('list', '--mine');
    const gone = await done('unshare', 'me/trained');
    const { adapters: left } = await done('list', '--mine');

    assert.match(String(shared['id']), /^[0-9a-f]{64}$/);
    assert.deepEqual([shared['name'], shared['rooms']], ['me/trained', [room]]);
    assert.match(String(shared['link']), /^vscode:\/\/lora-swarm\.lora-swarm\//);
    const [entry] = adapters as Record<string, unknown>[];
    assert.deepEqual(
      ['id', 'name', 'author', 'baseModel', 'rank', 'rooms', 'sources'].map((field) => entry![field]),
      [shared['id'], 'me/trained', 'me', 'fx/tiny-llama', 16, [room], 0],
    );
    assert.ok('alpha' in entry! && 'bytes' in entry && 'verdict' in entry);
    assert.equal(gone['id'], shared['id']);
    assert.deepEqual(left, []);
    assert.equal(await fail('unshare', 'me/trained'), 'ID_UNKNOWN');
  });

  it('shares in public only when it was confirmed', async () => {
    await done('room', 'join', 'general');

    const refused = await run('share', ADAPTER, '--room', 'general', '--no-wait');
    const confirmed = await done('share', ADAPTER, '--room', 'general', '--no-wait', '--yes');

    assert.deepEqual([refused.code, refused.last['code']], [1, 'CONFIRM_NEEDED']);
    assert.match(String(refused.last['message']), /--yes/);
    assert.deepEqual(confirmed['rooms'], ['general']);
    await done('room', 'leave', 'general');
  });

  it('judges and refuses to install without an Ollama, and says so', async () => {
    const { verdict, reason } = await done('verdict', ADAPTER);
    const checks = (await done('doctor'))['checks'] as { id: string; ok: boolean; detail: string }[];

    assert.equal(verdict, 'base-missing');
    assert.ok(reason);
    assert.ok(checks.some(({ id, ok }) => id.includes('ollama') && !ok));
    assert.equal(await fail('install', ADAPTER), 'OLLAMA_UNREACHABLE');
  });

  it('writes for people without any object', async () => {
    const identity = await terminal.run(['identity'], { env: ENV });
    const rooms = await terminal.run(['rooms'], { env: ENV });

    assert.match(identity.stdout, /^name\s.*\nfingerprint\s.*\nkey {10}[0-9a-f]{64}\n$/);
    assert.doesNotMatch(rooms.stdout, /[{}]/);
    assert.equal(identity.stderr, '');
  });
});
