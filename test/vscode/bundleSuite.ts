import { build } from 'esbuild';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../run/machine';

/** What the extension host loads, all CommonJS as it wants it. */
export interface SuiteBundle {
  /** The `run` function of the tests. */
  readonly entry: string;
  /** Folder of the extension that uses ours. */
  readonly testExtension: string;
}

/** Bundles the tests that run inside the extension host, and the extension that they use. */
export async function bundleSuite(): Promise<SuiteBundle> {
  const source = path.join(ROOT, 'test', 'vscode');
  const out = path.join(ROOT, 'out-test', 'vscode');
  const suite = path.join(source, 'suite');
  const tests = fs.readdirSync(suite).filter((name) => name.endsWith('.test.ts'));
  fs.rmSync(out, { recursive: true, force: true });
  await build({
    entryPoints: [
      ...['runInHost.ts', ...tests].map((name) => path.join(suite, name)),
      path.join(source, 'testExtension', 'extension.ts'),
    ],
    outbase: source,
    outdir: out,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node22',
    sourcemap: 'inline',
    external: ['vscode', 'mocha'],
    logLevel: 'warning',
  });
  const testExtension = path.join(out, 'testExtension');
  fs.copyFileSync(path.join(source, 'testExtension', 'package.json'), path.join(testExtension, 'package.json'));
  return { entry: path.join(out, 'suite', 'runInHost.js'), testExtension };
}
