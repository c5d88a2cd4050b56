import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type Command, Terminal } from './terminal';

/** Nothing leaves loopback, no goodbye waits for a DHT, and no Ollama of this machine is asked. */
const ENV = { LORA_SWARM_HOST: '127.0.0.1', OLLAMA_HOST: '127.0.0.1:9' };
const WORDS = 'correct horse battery staple';

describe('identity on the command line', function () {
  this.timeout(60_000);
  let terminal: Terminal;
  const outputs: string[] = [];

  beforeEach(() => {
    terminal = new Terminal();
  });
  afterEach(() => terminal.dispose());

  async function run(home: string, args: readonly string[], input?: string, env: object = {}): Promise<Command> {
    const command = await terminal.run(['--json', '--home', path.join(terminal.folder, home), ...args], {
      env: { ...ENV, LORA_SWARM_LOG: 'trace', ...env },
      ...(input === undefined ? {} : { input }),
    });
    outputs.push(command.stdout, command.stderr);
    return command;
  }
  async function done(home: string, args: readonly string[], input?: string, env?: object) {
    const command = await run(home, args, input, env);
    assert.equal(command.code, 0, `${command.stdout}${command.stderr}`);
    return command.last;
  }
  async function fail(home: string, args: readonly string[], input?: string): Promise<unknown> {
    const command = await run(home, args, input);
    assert.equal(command.code, command.last['code'] === 'USAGE' ? 2 : 1, command.stdout);
    return command.last['code'];
  }
  const file = (name: string): string => path.join(terminal.folder, name);
  const seedIn = (home: string): string => fs.readFileSync(path.join(file(home), 'identity.key'), 'latin1').trim();

  it('goes to another machine by a backup, and no secret is in any output', async () => {
    outputs.length = 0;
    const before = await done('old', ['identity']);
    const room = await done('old', ['room', 'create', 'lab']);
    const made = await done('old', ['identity', 'backup', 'me.backup'], `${WORDS}\n`);
    assert.equal(made['path'], file('me.backup'));
    assert.equal(await fail('old', ['identity', 'backup', 'me.backup'], `${WORDS}\n`), 'USAGE');
    await done('old', ['identity', 'backup', 'me.backup', '--replace'], undefined, { LORA_SWARM_PASSPHRASE: WORDS });

    assert.equal(await fail('new', ['identity', 'restore', 'me.backup'], 'wrong words here\n'), 'BACKUP_PASSPHRASE');
    assert.equal(await fail('new', ['identity', 'restore', 'missing'], `${WORDS}\n`), 'USAGE');
    const restored = await done('new', ['identity', 'restore', 'me.backup'], `${WORDS}\n`);
    const after = await done('new', ['identity', 'show']);
    const { rooms } = await done('new', ['rooms']);

    assert.equal(restored['key'], before['key']);
    assert.deepEqual(after, before);
    assert.deepEqual(
      (rooms as { id: string; label: string; isOwner: boolean }[]).map(({ id, label, isOwner }) => [
        id,
        label,
        isOwner,
      ]),
      [[room['room'], 'lab', true]],
    );
    assert.equal(seedIn('new'), seedIn('old'));
    const all = outputs.join('\n');
    for (const secret of [WORDS, seedIn('old')]) assert.ok(!all.includes(secret));
  });

  it('moves to a new key with the engine that serves meanwhile', async () => {
    const serving = terminal.start(['--json', '--home', file('home'), 'serve'], { env: ENV });
    const ready = await serving.line('ready');
    assert.equal(await fail('home', ['identity', 'rotate']), 'CONFIRM_NEEDED');

    const moved = await done('home', ['identity', 'rotate', '--yes']);
    const now = await done('home', ['identity']);

    assert.deepEqual([moved['oldKey'], moved['isLinked']], [ready['key'], true]);
    assert.equal(now['key'], moved['key']);
    assert.equal(serving.code, null);
    assert.deepEqual(
      fs.readdirSync(file('home')).filter((name) => name.startsWith('identity')),
      ['identity.key'],
    );
    serving.pressCtrlC();
    await serving.exited;
    assert.equal((await done('home', ['identity']))['key'], moved['key']);
  });

  it('ends a lost key with its certificate, and one’s own only when told', async () => {
    const { key } = await done('lost', ['identity']);
    await done('lost', ['identity', 'revocation', 'cert.txt']);

    const elsewhere = await done('found', ['identity', 'revoke', 'cert.txt']);
    assert.deepEqual([elsewhere['key'], elsewhere['isOwn']], [key, false]);
    assert.equal(await fail('lost', ['identity', 'revoke', 'cert.txt']), 'CONFIRM_NEEDED');
    await done('lost', ['identity', 'revoke', 'cert.txt', '--yes']);
    assert.equal((await done('lost', ['identity']))['isRevoked'], true);
    fs.writeFileSync(file('other.txt'), 'hello');
    assert.equal(await fail('found', ['identity', 'revoke', 'other.txt']), 'STATEMENT_INVALID');

    const moved = await done('lost', ['identity', 'rotate', '--yes']);
    assert.equal(moved['isLinked'], false);
    assert.equal((await done('lost', ['identity']))['isRevoked'], undefined);
  });
});
