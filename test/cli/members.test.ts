import assert from 'node:assert/strict';
import path from 'node:path';
import type { RoomMember } from '../../src/engine/wishes';
import { type Command, type JsonLine, Terminal } from './terminal';

describe('the members of a room in a terminal', function () {
  this.timeout(60_000);
  const terminal = new Terminal();
  let bootstrap: string;
  let alice: Command;
  const environment = (name: string): NodeJS.ProcessEnv => ({
    LORA_SWARM_HOME: path.join(terminal.folder, name),
    LORA_SWARM_HOST: '127.0.0.1',
    LORA_SWARM_BOOTSTRAP: bootstrap,
    OLLAMA_HOST: '127.0.0.1:9',
  });
  const run = async (name: string, ...args: string[]): Promise<Command> => {
    const command = terminal.start(['--json', ...args], { env: environment(name) });
    await command.exited;
    return command;
  };
  const done = async (name: string, ...args: string[]): Promise<JsonLine> => {
    const command = await run(name, ...args);
    assert.equal(command.code, 0, `${args.join(' ')}: ${command.stdout}${command.stderr}`);
    return command.last;
  };
  const join = async (name: string, code: string, ...args: string[]): Promise<Command> => {
    const joining = terminal.start(['--json', 'room', 'join', '-', ...args], { env: environment(name), input: code });
    await joining.exited;
    return joining;
  };
  const others = async (name: string): Promise<RoomMember[]> =>
    ((await done(name, 'room', 'members', 'Team'))['members'] as RoomMember[]).filter(({ isMe }) => !isMe);

  before(async () => {
    const dht = terminal.start(['dht', '--port', '0', '--host', '127.0.0.1', '--json']);
    const { host, port } = await dht.line('listening');
    bootstrap = `${String(host)}:${String(port)}`;
    await done('alice', 'room', 'create', 'Team');
    alice = terminal.start(['--json', 'serve'], { env: environment('alice') });
    await alice.line('ready');
  });
  after(() => terminal.dispose());

  it('come by a one-time code, are named, compared, made admin and removed', async () => {
    const { code, expiresAt } = await done('alice', 'room', 'invite', 'Team', '--once', '--hours', '2');
    const joined = await join('bob', String(code), '--name', 'Team');
    const second = await join('carol', String(code), '--wait', '2');
    const [bob] = await others('alice');
    const named = await done('alice', 'room', 'rename-member', 'Team', bob!.key.slice(0, 12), 'Bob of the lab');
    const admin = await done('alice', 'room', 'admin', 'Team', 'Bob of the lab');
    const notVerified = await done('alice', 'room', 'verify', 'Team', bob!.fingerprint, '--off');
    const shown = await terminal.run(['room', 'members', 'Team'], { env: environment('alice') });
    const removed = await terminal.run(['room', 'remove', 'Team', bob!.key], { env: environment('alice') });

    assert.match(String(code), /^ONCE-/);
    assert.ok(Math.abs(Number(expiresAt) - Date.now() - 7_200_000) < 60_000);
    assert.equal(joined.code, 0, joined.stdout);
    assert.deepEqual([second.code, second.last['code']], [1, 'ROOM_NOT_FOUND']);
    assert.deepEqual([bob!.role, bob!.verifiedBy], ['member', 'invite']);
    assert.equal(named['petname'], 'Bob of the lab');
    assert.equal(admin['role'], 'admin');
    assert.equal(notVerified['isVerified'], false);
    assert.match(shown.stdout, new RegExp(`Bob of the lab +${bob!.fingerprint} +\\S.* +admin`));
    assert.match(removed.stdout, /stays with it/);
    assert.deepEqual(await others('alice'), []);
    assert.ok(
      !`${alice.stdout}${alice.stderr}`.includes(String(code)),
      'a one-time code is printed where it was asked for only',
    );
  });

  it('are none for who has a wrong code, whichever it is', async () => {
    const wrong = await join('dave', '0000-0000-0000-0000-0000-0000-00AZ', '--wait', '1');
    const usage = await run('alice', 'room', 'invite', 'Team', '--hours', '2');

    assert.equal(wrong.last['code'], 'ROOM_NOT_FOUND');
    assert.equal(usage.code, 2);
  });
});
