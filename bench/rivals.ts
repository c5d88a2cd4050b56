import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';

/** Where programs of others are looked for, beside those of the project. */
export const RIVALS_FOLDER = path.join(import.meta.dirname, 'node_modules');

/** Of a whole installation of just these versions. */
const MARKER = path.join(RIVALS_FOLDER, '.installed');
const TIMEOUT_MS = 600_000;

let installing: Promise<string | undefined> | undefined;

/**
 * Puts WebTorrent and Hyperdrive into this folder, unless they are there: no script of any package runs, and the project
 * itself never sees them.
 *
 * @returns why that can't be, in one line.
 */
export function installRivals(say: (line: string) => void): Promise<string | undefined> {
  return (installing ??= install(say));
}

async function install(say: (line: string) => void): Promise<string | undefined> {
  const lock = createHash('sha256').update(fs.readFileSync(path.join(import.meta.dirname, 'package-lock.json')));
  const wanted = lock.digest('hex');
  if (fs.existsSync(MARKER) && fs.readFileSync(MARKER, 'utf8') === wanted) return undefined;

  say('installing WebTorrent and Hyperdrive into bench/node_modules (230 MB, once)');
  const why = await npm('ci', '--ignore-scripts', '--no-audit', '--no-fund', '--fetch-retries=1', '--loglevel=error');
  if (why === undefined) fs.writeFileSync(MARKER, wanted);
  return why;
}

/** By its script, which `npm run` tells, so that no shell is needed on Windows. @returns why it failed. */
async function npm(...args: readonly string[]): Promise<string | undefined> {
  const script = process.env['npm_execpath'];
  const [program, ...first] = script?.endsWith('.js') ? [process.execPath, script] : ['npm'];
  const child = spawn(program, [...first, ...args], {
    cwd: import.meta.dirname,
    env: cleanEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: TIMEOUT_MS,
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    if (code === 0) return undefined;
    const line = errors.split('\n').find((text) => /npm error (code|network)/i.test(text));
    return `npm ci failed: ${line?.replace(/^npm error /i, '') ?? (code === null ? 'no end in time' : `exit code ${code}`)}`;
  } catch (error) {
    return `npm can't be started: ${(error as Error).message}`;
  }
}

/** Under `npm run` the outer npm hands down its own settings, and with them the folder of the project. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const own = /^npm_(package|lifecycle|config_(local_prefix|prefix|global_prefix|omit|include|save))/i;
  return Object.fromEntries(Object.entries(process.env).filter(([key]) => !own.test(key)));
}
