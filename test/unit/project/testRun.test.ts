import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { runChild } from '../../run/child';
import { ROOT } from '../../run/machine';
import { STAGES, lanes, testFiles } from '../../run/stages';

describe('runChild', () => {
  let folder: string;
  beforeEach(() => void (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lora-swarm-child-'))));
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  const runNode = (script: string, options: { limitMs?: number; settleMs?: number; output?: number } = {}) =>
    runChild(process.execPath, ['-e', script], { cwd: folder, env: process.env, limitMs: 10_000, ...options });

  it('says how a program ended', async () => {
    const [good, bad] = await Promise.all([runNode('process.exit(0)'), runNode('process.exit(3)')]);

    assert.deepEqual(good, { ok: true });
    assert.deepEqual(bad, { ok: false });
  });

  it('says which signal ended a program', async function () {
    if (process.platform === 'win32') this.skip();

    const result = await runNode(`process.kill(process.pid, 'SIGSEGV')`);

    assert.deepEqual(result, { ok: false, problem: 'ended by SIGSEGV' });
  });

  it('kills a program that hangs, with all of its group', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const grandchild = `require('node:net').connect(${port}, '127.0.0.1').resume()`;
    const script = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(grandchild)}], { stdio: 'ignore' });
      setInterval(() => {}, 1000);`;
    const connected = once(server, 'connection') as Promise<[net.Socket]>;

    const ended = runNode(script, { limitMs: 1500 });
    const [socket] = await connected;
    socket.on('error', () => undefined); // The end of a killed process may be a reset.
    const closed = once(socket, 'close');
    socket.resume();

    assert.deepEqual(await ended, { ok: false, problem: 'did not end in 1.5 s' });
    await closed;
    server.close();
  });

  it('names what a program left running', async function () {
    if (process.platform !== 'linux') this.skip();
    const script = `require('node:child_process').spawn('sleep', ['60'], { stdio: 'ignore' }).unref();`;

    const result = await runNode(script, { settleMs: 100 });

    assert.match(result.problem ?? '', /^left running: sleep \(\d+\)$/);
  });

  it('lets the output of a program go to a file, in its order', async () => {
    const file = path.join(folder, 'kept.log');
    const output = fs.openSync(file, 'a');
    const script = `for (let i = 0; i < 3; i++) { console.log('said', i); console.error('warned', i); }`;

    const result = await runNode(script, { output });

    fs.closeSync(output);
    assert.deepEqual(result, { ok: true });
    assert.equal(fs.readFileSync(file, 'utf8'), 'said 0\nwarned 0\nsaid 1\nwarned 1\nsaid 2\nwarned 2\n');
  });

  it('gives a program that does not exist as a failure', async () => {
    const result = await runChild(path.join(folder, 'nothing'), [], { cwd: folder, env: {}, limitMs: 1000 });

    assert.equal(result.ok, false);
    assert.match(result.problem ?? '', /ENOENT/);
  });
});

describe('stages', () => {
  it('cover every folder of test that holds tests', () => {
    const root = path.resolve(__dirname, '../..');
    const folders = fs.readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const withTests = folders.filter(({ name }) => testFiles({ name }).length > 0);

    const names = new Set(STAGES.map(({ name }) => name));
    assert.deepEqual(
      withTests.map(({ name }) => name).filter((name) => !names.has(name)),
      [],
    );
    assert.ok(names.has('unit') && withTests.length > 0);
  });

  it('run in two rows side by side, each once, and in one on a machine with one processor', () => {
    const stages = STAGES.filter(({ lane }) => lane !== 'first');

    const [two, one] = [lanes(stages, 2), lanes(stages, 1)];

    assert.equal(two.length, 2);
    assert.deepEqual(new Set(two.flat()), new Set(stages));
    assert.equal(two.flat().length, stages.length);
    assert.deepEqual(one, [stages]);
  });

  it('run in one row when they are of one lane', () => {
    const stages = STAGES.filter(({ name }) => name === 'unit' || name === 'webview');

    assert.deepEqual(lanes(stages, 8), [stages]);
  });

  it('have all engines that enter the room of the local network in one row', () => {
    const enters = /joinLocal\(\)|'joinRoom'.*'local'|\['general', 'local'\]\) await|'join', 'local'/;
    // Units have no networks: there it is a word.
    const suites = STAGES.filter(({ command, name }) => !command && name !== 'unit');
    const files = suites.flatMap((stage) =>
      testFiles(stage)
        .filter((file) => enters.test(fs.readFileSync(path.join(ROOT, file), 'utf8')))
        .map((file) => ({ file, lane: stage.lane })),
    );

    assert.deepEqual(
      files.filter(({ lane }) => lane !== 'engines'),
      [],
    );
    assert.ok(files.length >= 5, `${files.length} files`);
  });
});
