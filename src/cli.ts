import path from 'node:path';
import { LoraSwarmError } from './engine/errors';
import { findBundledNode, isNodeNewEnough } from './cli/findNode';
import { watchInterrupts } from './cli/interrupts';
import { EXIT_CANCELLED, Output } from './cli/output';
import { relaunch, RELAUNCHED } from './cli/relaunch';

// The entry of the command line, bundled as dist/cli.js. It has to start on Node 20, which has no SQLite: then it runs
// itself again in the newer Node that npm brought. So nothing of the engine is imported before that is settled.

/** Time for the last handles to go. Whatever is left then does not keep a finished command alive. */
const LINGER_MS = 500;

async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  if (!isNodeNewEnough()) {
    process.exitCode = await runInNewerNode(argv);
    return;
  }

  const signal = watchInterrupts(EXIT_CANCELLED);
  const { runCli } = await import('./cli/main');
  process.exitCode = await runCli({
    argv,
    env: process.env,
    cwd: process.cwd(),
    stdin: () => process.stdin, // Opened by who reads it only: an open one can keep the process alive.
    stdout: process.stdout,
    stderr: process.stderr,
    signal,
    workerPath: path.join(__dirname, 'worker.js'),
  });
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

async function runInNewerNode(argv: readonly string[]): Promise<number> {
  const output = new Output({
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    isJson: argv.includes('--json'),
  });
  const node = process.env[RELAUNCHED] === undefined ? findBundledNode(__filename) : undefined;
  try {
    if (node !== undefined) return await relaunch(node, __filename, argv);
    return output.error(nodeTooOld());
  } catch (error) {
    return output.error(nodeTooOld(error));
  }
}

function nodeTooOld(cause?: unknown): LoraSwarmError {
  return new LoraSwarmError(
    'NODE_TOO_OLD',
    `LoRA Swarm needs Node 22.13 or newer, and this is ${process.version}. Install a newer one from https://nodejs.org, ` +
      'or run npm install in the folder of lora-swarm, which brings one along.',
    { kind: 'openUrl', url: 'https://nodejs.org' },
    { cause },
  );
}

void main();
