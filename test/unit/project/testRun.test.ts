import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { runChild } from '../../run/child';
import { STAGES, testFiles } from '../../run/stages';

describe('runChild', () => {
  let folder: string;
  beforeEach(() => void (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lora-swarm-child-'))));
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  const runNode = (script: string, options: { limitMs?: number; settleMs?: number } = {}) =>
    runChild(process.execPath, ['-e', script], { cwd: folder, env: process.env, limitMs: 10_000, ...options });

  it('says how a program ended', async () => {
    const [good, bad] = await Promise.all([runNode('process.exit(0)'), runNode('process.exit(3)')]);

    assert.deepEqual(good, { ok: true });
    assert.deepEqual(bad, { ok: false });
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
    const withTests = folders.filter(({ name }) => testFiles({ name, title: name, limitMs: 0 }).length > 0);

    const names = new Set(STAGES.map(({ name }) => name));
    assert.deepEqual(
      withTests.map(({ name }) => name).filter((name) => !names.has(name)),
      [],
    );
    assert.ok(names.has('unit') && withTests.length > 0);
  });
});
