import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import Mocha from 'mocha';
import { ROOT } from '../run/machine';
import { bundleSuite } from './bundleSuite';
import { openGround, runFolder, type Ground } from './ground';
import { PEER_VARIABLE } from './hostResults';
import { vsixOfThisMachine } from './installed';
import { makeProfile, removeProfile, writeFiles, type Profile } from './profile';
import { runSuite, runSuiteOnDesktop, type SuiteRun } from './runSuite';
import { installVsix } from './server';
import { installedCli, shareInNewRoom, TerminalPeer } from './terminalPeer';

describe('inside the extension host', function () {
  this.timeout(240_000);
  const isDesktop = process.env['LORA_SWARM_VSCODE'] === 'electron';
  let profile: Profile;
  let run: SuiteRun;
  let ground: Ground | undefined;
  let peer: TerminalPeer | undefined;

  // Runs the suite there, and adds each of its tests here, so that they are reported and counted one by one.
  before(async function () {
    const bundle = await bundleSuite();
    profile = makeProfile({ files: runFolder('run') });
    const peerFolder = path.join(profile.folder, 'ana', 'sql-coder');
    writeFiles(path.dirname(peerFolder), runFolder('sql-coder', 'all-r8'));
    ground = await openGround();
    if (!isDesktop) installVsix(profile, await vsixOfThisMachine());
    const cli = isDesktop ? path.join(ROOT, 'dist', 'cli.js') : installedCli(profile);
    peer = new TerminalPeer({ cli, home: path.join(profile.folder, 'ana', 'home'), env: ground.env });
    const facts = await shareInNewRoom(peer, peerFolder);
    const env = { ...ground.env, [PEER_VARIABLE]: JSON.stringify(facts) };
    run = isDesktop ? await runSuiteOnDesktop(profile, bundle, env) : await runSuite(profile, bundle, env);
    for (const { title, state, error } of run.results?.tests ?? []) {
      const check = state === 'skipped' ? undefined : () => assert.equal(state, 'passed', error);
      this.test!.parent!.addTest(new Mocha.Test(title, check));
    }
  });

  after(async () => {
    await peer?.close();
    await ground?.close();
    removeProfile(profile);
  });

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
