import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { silentLog } from '../../../src/engine/log';
import { InstallLock } from '../../../src/engine/ollama/install/installLock';
import { lockFileFor, takeMachineLock } from '../../../src/engine/ollama/install/machineLock';

const HOLDER = path.join(__dirname, '../../ollama/lockHolder.ts');

describe('lock between processes', () => {
  let folder: string;
  const holders: ChildProcess[] = [];

  beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lora-swarm-lock-'))));
  afterEach(() => {
    for (const holder of holders.splice(0)) holder.kill('SIGKILL');
    fs.rmSync(folder, { recursive: true, force: true });
  });

  it('keeps a second process waiting until the first one has ended, however it ends', async () => {
    const file = lockFileFor('http://127.0.0.1:11434', folder)!;
    const holder = spawn(process.execPath, ['--import', 'tsx', HOLDER, file], { stdio: ['ignore', 'pipe', 'ignore'] });
    holders.push(holder);
    await once(createInterface({ input: holder.stdout }), 'line'); // It has the lock.
    let isOurs = false;
    const waiting = takeMachineLock(file).then((release) => {
      isOurs = true;
      return release;
    });
    await assert.rejects(takeMachineLock(file, AbortSignal.timeout(250)), { name: /Abort|Timeout/ });
    assert.equal(isOurs, false);

    holder.kill('SIGKILL');

    (await waiting)();
    assert.equal(isOurs, true);
  });

  it('is one for all names of one Ollama, and another for each other', () => {
    const file = (url: string) => lockFileFor(url, folder);

    assert.equal(file('http://localhost:11434'), file('http://127.0.0.1:11434'));
    assert.equal(file('http://[::1]:11434'), file('http://127.0.0.1:11434'));
    assert.notEqual(file('http://127.0.0.1:11435'), file('http://127.0.0.1:11434'));
    assert.notEqual(file('http://10.0.0.7:11434'), file('http://127.0.0.1:11434'));
    assert.equal(file('https://box.example'), file('https://box.example:443'));
  });

  it('trusts no folder that others can write', function () {
    if (process.platform === 'win32') return this.skip(); // The temporary folder is the user's own there.
    const taken = path.dirname(lockFileFor('http://127.0.0.1:11434', folder)!);
    fs.chmodSync(taken, 0o777);

    assert.equal(lockFileFor('http://127.0.0.1:11434', folder), undefined);
    return undefined;
  });

  it('lets installs of two engines in one at a time, and goes on without a lock that does not work', async () => {
    const file = () => lockFileFor('http://127.0.0.1:11434', folder);
    const [one, other] = [new InstallLock({ file, log: silentLog }), new InstallLock({ file, log: silentLog })];
    const broken = new InstallLock({ file: () => path.join(folder, 'no', 'such', 'folder.lock'), log: silentLog });
    const steps: string[] = [];
    const task = (name: string) => async () => {
      steps.push(`${name} in`);
      await new Promise(setImmediate);
      steps.push(`${name} out`);
    };

    await Promise.all([one.run(task('a')), other.run(task('b')), one.run(task('c'))]);
    await broken.run(task('d'));

    for (let at = 0; at < steps.length; at += 2) assert.equal(steps[at]!.split(' ')[0], steps[at + 1]!.split(' ')[0]);
    assert.equal(steps.length, 8);
  });
});
