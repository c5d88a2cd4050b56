import { runTests } from '@vscode/test-electron';
import fs from 'node:fs';
import path from 'node:path';
import { format } from 'node:util';
import { ROOT } from '../run/machine';
import { openWindow } from './browser';
import type { SuiteBundle } from './bundleSuite';
import { RESULTS_VARIABLE, type HostResults } from './hostResults';
import type { Profile } from './profile';
import { startServer } from './server';

export interface SuiteRun {
  /** 0 when VS Code took the run for good. */
  readonly exitCode: number;
  /** Absent when the host ended before its tests did. */
  readonly results: HostResults | undefined;
  /** What the extension host logged. */
  readonly output: string;
  /** Requests to anything but loopback. */
  readonly external: readonly string[];
}

const LIMIT_MS = 180_000;

/** Runs mocha in the extension host of a VS Code server. What is tested has to be installed in the profile. */
export async function runSuite(profile: Profile, bundle: SuiteBundle, env: Record<string, string>): Promise<SuiteRun> {
  const resultsFile = path.join(profile.folder, 'results.json');
  const server = await startServer(profile, {
    env: { ...env, [RESULTS_VARIABLE]: resultsFile },
    withTestDriver: true,
  });
  const window = await openWindow();
  let output = '';
  let timer: NodeJS.Timeout | undefined;
  try {
    let end!: (code: number) => void;
    const ended = new Promise<number>((resolve) => (end = resolve));
    timer = setTimeout(end, LIMIT_MS, -1);
    // The two functions by which a workbench in a page tells its driver what a desktop one prints.
    await window.page.exposeFunction('codeAutomationExit', end);
    await window.page.exposeFunction('codeAutomationLog', (_type: string, args: unknown[]) => {
      output += `${format(...args)}\n`;
    });
    await window.page.goto(
      server.url([
        ['extensionDevelopmentPath', server.remoteUri(bundle.testExtension)],
        ['extensionTestsPath', server.remoteUri(bundle.entry)],
        ['enableProposedApi', ''],
      ]),
    );
    const exitCode = await ended;
    return { exitCode, results: readResults(resultsFile), output, external: window.external };
  } finally {
    clearTimeout(timer);
    await window.close();
    await server.stop();
  }
}

/** The same on a desktop VS Code, which is downloaded. For machines with internet and a display. */
export async function runSuiteOnDesktop(
  profile: Profile,
  bundle: SuiteBundle,
  env: Record<string, string>,
): Promise<SuiteRun> {
  const resultsFile = path.join(profile.folder, 'results.json');
  const exitCode = await runTests({
    extensionDevelopmentPath: [ROOT, bundle.testExtension],
    extensionTestsPath: bundle.entry,
    launchArgs: [profile.workspace, '--user-data-dir', profile.userData, '--extensions-dir', profile.extensions],
    extensionTestsEnv: { ...env, [RESULTS_VARIABLE]: resultsFile },
  }).catch(() => 1);
  return { exitCode, results: readResults(resultsFile), output: '', external: [] };
}

function readResults(file: string): HostResults | undefined {
  return fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, 'utf8')) as HostResults) : undefined;
}
