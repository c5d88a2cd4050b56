import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import Mocha from 'mocha';
import { bundleSuite } from './bundleSuite';
import { vsixOfThisMachine } from './installed';
import { makeProfile, removeProfile, type Profile } from './profile';
import { runSuite, runSuiteOnDesktop, type SuiteRun } from './runSuite';
import { installVsix } from './server';

describe('inside the extension host', function () {
  this.timeout(240_000);
  let profile: Profile;
  let run: SuiteRun;

  // Runs the suite there, and adds each of its tests here, so that they are reported and counted one by one.
  before(async function () {
    const bundle = await bundleSuite();
    profile = makeProfile({ files: { 'notes.txt': 'An empty workspace' } });
    if (process.env['LORA_SWARM_VSCODE'] === 'electron') run = await runSuiteOnDesktop(profile, bundle, {});
    else {
      installVsix(profile, await vsixOfThisMachine());
      run = await runSuite(profile, bundle, {});
    }
    for (const { title, state, error } of run.results?.tests ?? []) {
      const check = state === 'skipped' ? undefined : () => assert.equal(state, 'passed', error);
      this.test!.parent!.addTest(new Mocha.Test(title, check));
    }
  });

  after(() => removeProfile(profile));

  it('runs every test file', () => {
    const files = fs.readdirSync(path.join(__dirname, 'suite')).filter((name) => name.endsWith('.test.ts'));

    assert.ok(run.results, `VS Code ended with ${run.exitCode} before the tests did:\n${run.output}`);
    assert.ok(run.results.tests.length >= files.length);
  });

  it('ends with 0 exactly when every test passed', () => {
    const areAllPassed = run.results?.tests.every(({ state }) => state !== 'failed');

    assert.equal(run.exitCode === 0, areAllPassed);
  });

  it('asks for nothing beyond this machine', () => {
    assert.deepEqual(run.external, []);
  });
});
