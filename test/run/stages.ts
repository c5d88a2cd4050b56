import fs from 'node:fs';
import path from 'node:path';
import { missingTools } from '../faults/tools';
import { ROOT, findBrowser, findOllamas, findVscodeHost } from './machine';

/**
 * Stages of one lane run one after the other, and the lanes side by side. `first` runs before both.
 *
 * Engines of one machine hear each other on loopback whatever DHT they use, so all suites whose engines may be in the room of the
 * local network are of the lane `engines`. It mostly waits; what mostly computes is in the other one.
 */
export type Lane = 'first' | 'engines' | 'others';

/** One program, which counts as one test, or one mocha run over the files of a folder. */
export interface Stage {
  /** What `npm test -- NAME` calls it. */
  readonly name: string;
  readonly title: string;
  readonly lane: Lane;
  /** Arguments for Node. Absent: mocha over `test/NAME`. */
  readonly command?: readonly string[];
  readonly limitMs: number;
  /** Why this machine can't run the stage at all. */
  readonly missing?: () => string | undefined;
  /** What its tests have to do without on this machine, and why. */
  readonly without?: () => string | undefined;
}

const MINUTE_MS = 60_000;

/** Everything that `npm test` runs. Within a lane, in order. */
export const STAGES: readonly Stage[] = [
  program('first', 'build', 'Build', ['esbuild.mjs']),

  program('others', 'types', 'Type check', packageScript('typescript/bin/tsc', '--noEmit', '-p', '.')),
  program(
    'others',
    'types',
    'Type check of the webview',
    packageScript('typescript/bin/tsc', '--noEmit', '-p', 'webview'),
  ),
  program('others', 'lint', 'Lint', packageScript('eslint/bin/eslint.js', '.')),
  program(
    'others',
    'lint',
    'Format',
    packageScript('prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'),
  ),
  suite('others', 'unit', 'Unit', 6),
  suite('others', 'fuzz', 'Fuzz: a share of npm run fuzz', 8),
  { ...suite('others', 'ollama', 'Ollama', 15), without: withoutOllama },
  suite('others', 'inference', 'Inference', 6),
  suite('others', 'webview', 'Webview', 8),
  suite('others', 'package', 'Package', 3),

  suite('engines', 'security', 'Security', 8),
  suite('engines', 'service', 'Service: one engine, several processes', 5),
  suite('engines', 'swarm', 'Swarm: several engines on a local DHT', 12),
  { ...suite('engines', 'faults', 'Faults: a sample of npm run test:faults', 8), without: missingTools },
  suite('engines', 'cli', 'Command line', 10),
  { ...suite('engines', 'vscode', 'VS Code', 10), missing: whyNoVscode },
];

/** What runs side by side, each row in its order: two rows, or one when there is one processor. */
export function lanes(stages: readonly Stage[], processors: number): readonly (readonly Stage[])[] {
  if (processors < 2) return [stages];
  const rows = (['engines', 'others'] as const).map((name) => stages.filter(({ lane }) => lane === name));
  return rows.filter((row) => row.length > 0);
}

/** Test files of a mocha stage, relative to the root. What is in `test/vscode/suite` runs in the editor, not in Node. */
export function testFiles({ name }: Pick<Stage, 'name'>): string[] {
  const folder = path.join(ROOT, 'test', name);
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts') && !file.split(path.sep).includes('node_modules'))
    .filter((file) => name !== 'vscode' || path.dirname(file) === '.')
    .map((file) => path.join('test', name, file))
    .sort();
}

function program(lane: Lane, name: string, title: string, command: readonly string[]): Stage {
  return { lane, name, title, command, limitMs: 5 * MINUTE_MS };
}

function suite(lane: Lane, name: string, title: string, limitMinutes: number): Stage {
  return { lane, name, title, limitMs: limitMinutes * MINUTE_MS };
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
