import Mocha from 'mocha';
import fs from 'node:fs';
import path from 'node:path';
import { inspect } from 'node:util';
import { GREP_VARIABLE, RESULTS_VARIABLE, type HostResults, type HostTest } from '../hostResults';

/** Called by VS Code inside the extension host. A rejection makes the host end with code 1. */
export async function run(): Promise<void> {
  const grep = process.env[GREP_VARIABLE];
  const mocha = new Mocha({ ui: 'bdd', color: false, timeout: 30_000, forbidOnly: true, ...(grep && { grep }) });
  for (const name of fs.readdirSync(__dirname).sort())
    if (name.endsWith('.test.js')) mocha.addFile(path.join(__dirname, name));

  const tests: HostTest[] = [];
  await new Promise<void>((resolve) => {
    const runner = mocha.run(() => resolve());
    runner.on('pass', (test) => tests.push({ title: test.fullTitle(), state: 'passed' }));
    runner.on('pending', (test) => tests.push({ title: test.fullTitle(), state: 'skipped' }));
    runner.on('fail', (test, error) => tests.push({ title: test.fullTitle(), state: 'failed', error: inspect(error) }));
  });

  const results: HostResults = { tests, pid: process.pid };
  const file = process.env[RESULTS_VARIABLE];
  if (file !== undefined) fs.writeFileSync(file, JSON.stringify(results));
  const failed = tests.filter(({ state }) => state === 'failed').length;
  if (tests.length === 0 || failed > 0) throw new Error(`${failed} of ${tests.length} tests failed`);
}
