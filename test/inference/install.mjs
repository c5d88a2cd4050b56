// node install.mjs: puts llama.cpp for Node into this folder (85 MB), once. Always exits 0: what can't be installed is left
// out, and says so in one line.
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { folder, isInstalled, markerPath, platformPackage } from './platform.mjs';

if (isInstalled()) {
  console.log('inference: llama.cpp is here');
} else if (platformPackage === undefined) {
  console.log(`inference: left out, llama.cpp has no package for ${process.platform}-${process.arch}`);
} else {
  const problem = npm('ci', '--omit=optional') ?? npm('install', '--no-save', '--omit=optional', platformPackage);
  if (problem === undefined) writeFileSync(markerPath, platformPackage);
  console.log(problem === undefined ? 'inference: llama.cpp installed' : `inference: left out, ${problem}`);
}

/** Runs npm here, without the scripts of any package. Returns why it failed, in one line. */
function npm(...args) {
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--fetch-retries=1', '--loglevel=error'];
  const [command, ...first] = npmCommand();
  const { status, error, stderr } = spawnSync(command, [...first, ...args, ...flags], {
    cwd: folder,
    encoding: 'utf8',
    env: cleanEnvironment(),
    timeout: 300_000,
  });
  if (status === 0) return undefined;
  const reason = (stderr ?? '').split('\n').find((line) => /npm error (code|network)/i.test(line));
  return `npm ${args[0]} failed: ${reason?.replace(/^npm error /i, '') ?? error?.message ?? `exit code ${status}`}`;
}

/** npm by its script, so that no shell is needed on Windows. */
function npmCommand() {
  const beside = join(dirname(process.execPath), 'node_modules', 'npm', 'bin', 'npm-cli.js');
  const script = [process.env.npm_execpath, beside].find((path) => path?.endsWith('npm-cli.js') && existsSync(path));
  return script ? [process.execPath, script] : ['npm'];
}

/** Under `npm test` the outer npm hands its own settings down, `--omit` and the folder among them. */
function cleanEnvironment() {
  const own = /^npm_(package|lifecycle|config_(local_prefix|prefix|global_prefix|omit|include|save))/i;
  return Object.fromEntries(Object.entries(process.env).filter(([key]) => !own.test(key)));
}
