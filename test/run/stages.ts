import fs from 'node:fs';
import path from 'node:path';
import { missingTools } from '../faults/tools';
import { ROOT, findBrowser, findOllamas, findVscodeHost } from './machine';

/** One program, which counts as one test, or one mocha run over the files of a folder. */
export interface Stage {
  /** What `npm test -- NAME` calls it. */
  readonly name: string;
  readonly title: string;
  /** Arguments for Node. Absent: mocha over `test/NAME`. */
  readonly command?: readonly string[];
  readonly limitMs: number;
  /** Why this machine can't run the stage at all. */
  readonly missing?: () => string | undefined;
  /** What its tests have to do without on this machine, and why. */
  readonly without?: () => string | undefined;
}

const MINUTE_MS = 60_000;

/** Everything that `npm test` runs, in order. */
export const STAGES: readonly Stage[] = [
  program('build', 'Build', ['esbuild.mjs']),
  program('types', 'Type check', packageScript('typescript/bin/tsc', '--noEmit', '-p', '.')),
  program('types', 'Type check of the webview', packageScript('typescript/bin/tsc', '--noEmit', '-p', 'webview')),
  program('lint', 'Lint', packageScript('eslint/bin/eslint.js', '.')),
  program('lint', 'Format', packageScript('prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.')),
  suite('unit', 'Unit', 2),
  suite('security', 'Security', 5),
  suite('service', 'Service: one engine, several processes', 5),
  suite('swarm', 'Swarm: several engines on a local DHT', 8),
  { ...suite('faults', 'Faults: a sample of npm run test:faults', 5), without: missingTools },
  { ...suite('ollama', 'Ollama', 15), without: withoutOllama },
  suite('inference', 'Inference', 5),
  suite('webview', 'Webview', 3),
  suite('cli', 'Command line', 8),
  suite('package', 'Package', 3),
  { ...suite('vscode', 'VS Code', 10), missing: whyNoVscode },
];

/** Test files of a mocha stage, relative to the root. What is in `test/vscode/suite` runs in the editor, not in Node. */
export function testFiles(stage: Stage): string[] {
  const folder = path.join(ROOT, 'test', stage.name);
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts') && !file.split(path.sep).includes('node_modules'))
    .filter((file) => stage.name !== 'vscode' || path.dirname(file) === '.')
    .map((file) => path.join('test', stage.name, file))
    .sort();
}

function program(name: string, title: string, command: readonly string[]): Stage {
  return { name, title, command, limitMs: 5 * MINUTE_MS };
}

function suite(name: string, title: string, limitMinutes: number): Stage {
  return { name, title, limitMs: limitMinutes * MINUTE_MS };
}

function packageScript(script: string, ...args: string[]): string[] {
  return [path.join('node_modules', script), ...args];
}

function whyNoVscode(): string | undefined {
  if (process.env['LORA_SWARM_VSCODE'] === 'electron') return undefined;
  if (!findVscodeHost()) return 'no host in .vscode-test/host; run .ci/install-vscode-host.sh';
  if (!findBrowser()) return 'no Chromium on the PATH; install it, or name it in LORA_SWARM_CHROMIUM';
  return undefined;
}

function withoutOllama(): string | undefined {
  if (findOllamas().length > 0) return undefined;
  return 'real Ollama: none in OLLAMA_BIN, .vscode-test/ollama or on the PATH; run .ci/install-ollama.sh';
}
