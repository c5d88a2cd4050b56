import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { GET_BYTES } from './testEngine';
import { type Shell, Workshop } from './shells';

const KILLS = 20;

describe('one engine per storage folder', function () {
  this.timeout(60_000);
  const workshop = new Workshop();
  before(() => workshop.build());
  afterEach(() => workshop.clear());
  after(() => workshop.dispose());

  it('never has two leaders, however often the leader is killed', async () => {
    let shells = [workshop.start('stay'), workshop.start('stay'), workshop.start('stay')];
    const takeovers: number[] = [];
    let leader = await leaderOf(shells);

    for (let i = 0; i < KILLS; i++) {
      await Promise.all(shells.map((shell) => Promise.race([shell.line('follows'), shell.line('leads')])));
      const others = shells.filter((shell) => shell !== leader);
      const killed = performance.now();
      await leader.kill();
      leader = await leaderOf(others);
      takeovers.push(performance.now() - killed);
      shells = [...others, workshop.start('stay')];
    }

    const runs = runsOf(workshop.leaderLog());
    assert.equal(new Set(runs).size, runs.length, `an engine wrote after another had begun: ${runs.join(' ')}`);
    assert.ok(runs.length > KILLS);
    takeovers.sort((a, b) => a - b);
    console.log(
      `      takeover of ${KILLS} kills: median ${takeovers[KILLS / 2]!.toFixed(0)} ms, max ${takeovers.at(-1)!.toFixed(0)} ms`,
    );
  });

  it('waits with the next engine until the last one has closed', async () => {
    const first = workshop.start('stay');
    await first.line('leads');
    const second = workshop.start('stay');
    await second.line('follows');

    await first.close();
    await second.line('leads');

    const [a, b] = [...new Set(runsOf(workshop.leaderLog()))];
    const log = workshop.leaderLog();
    assert.ok(log.indexOf(`end ${a}`) < log.indexOf(`begin ${b}`));
    assert.equal(log.lastIndexOf(`beat ${a}`) < log.indexOf(`end ${a}`), true);
  });

  it('goes on with a download when the leader is killed in the middle', async () => {
    const leader = workshop.start('stay');
    await leader.line('leads');
    const asking = workshop.start('get');
    await asking.line('progress');

    await leader.kill();
    const got = await asking.line('got');

    const [, bytes, resumed] = /^got (\d+) resumed (\d+)$/.exec(got)!;
    assert.equal(Number(bytes), GET_BYTES);
    assert.ok(Number(resumed) > 0 && Number(resumed) < GET_BYTES);
    const expected = Buffer.from(Array.from({ length: GET_BYTES }, (_, i) => i % 251));
    assert.deepEqual(fs.readFileSync(path.join(workshop.home, 'download')), expected);
  });

  it('does not ask twice for what may have been done', async () => {
    const leader = workshop.start('stay');
    await leader.line('leads');
    const asking = workshop.start('share');
    await asking.line('asked');

    await leader.kill();

    assert.equal(await asking.line('share'), 'share ENGINE_UNREACHABLE retry');
    assert.equal(fs.readFileSync(path.join(workshop.home, 'shares.log'), 'utf8'), 'asked\n');
  });

  it('replaces the socket that a killed leader left', async () => {
    const killed = workshop.start('stay');
    await killed.line('leads');
    await killed.kill();
    const socketPath = path.join(workshop.home, 'engine.sock');
    const isLeft = fs.existsSync(socketPath);

    const next = workshop.start('stay');
    await next.line('leads');

    assert.equal(isLeft, process.platform !== 'win32');
    if (isLeft) await connected(socketPath);
  });

  it('leaves no process, socket or token behind when it closes', async () => {
    const leader = workshop.start('stay');
    await leader.line('leads');
    const began = performance.now();

    await leader.close();

    assert.ok(performance.now() - began < 3000);
    assert.ok(leader.lines.includes('closed'));
    assert.deepEqual(fs.readdirSync(workshop.home).sort(), ['leader.lock', 'leaders.log']);
  });

  it('closes in 3 s when the engine hangs', async () => {
    const leader = workshop.start('stay');
    await leader.line('leads');
    fs.writeFileSync(path.join(workshop.home, 'hang'), '');
    const began = performance.now();

    await leader.close();

    assert.ok(performance.now() - began < 3500);
    assert.deepEqual(fs.readdirSync(workshop.home).sort(), ['hang', 'leader.lock', 'leaders.log']);
    await workshop.start('stay').line('leads');
  });

  it('keeps the folder, the socket and the token from other users', async function () {
    if (process.platform === 'win32') this.skip();
    await workshop.start('stay').line('leads');

    const mode = (name: string): number => fs.statSync(path.join(workshop.home, name)).mode & 0o777;

    assert.equal(mode('.'), 0o700);
    for (const name of ['engine.sock', 'engine.token', 'leader.lock']) assert.equal(mode(name), 0o600, name);
  });
});

describe('a storage folder with a long path', function () {
  this.timeout(20_000);
  const workshop = new (class extends Workshop {
    override readonly home = path.join(this.folder, 'x'.repeat(120), 'home');
  })();
  before(() => workshop.build());
  after(() => workshop.dispose());

  it('is led and attached to, and its socket goes away with the leader', async function () {
    if (process.platform === 'win32') this.skip();
    const temporary = fs.mkdtempSync(path.join(workshop.folder, 't'));
    const env = { TMPDIR: temporary };
    const killed = workshop.start('stay', env);
    await killed.line('leads');
    await killed.kill();

    const leader = workshop.start('stay', env);
    await leader.line('leads');
    const follower = workshop.start('stay'); // With another temporary folder, as a terminal may have.
    await follower.line('follows');
    const during = fs.readdirSync(temporary);
    await follower.kill();
    await leader.close();

    assert.equal(during.length, 1);
    assert.deepEqual(fs.readdirSync(temporary), []);
  });
});

function leaderOf(shells: readonly Shell[]): Promise<Shell> {
  return Promise.race(shells.map((shell) => shell.line('leads').then(() => shell)));
}

/** The ids in the order in which they wrote, each run of lines once. */
function runsOf(log: readonly string[]): string[] {
  const ids = log.map((line) => line.split(' ')[1]!);
  return ids.filter((id, i) => id !== ids[i - 1]);
}

function connected(address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(address, () => {
      socket.destroy();
      resolve();
    });
    socket.on('error', reject);
  });
}
