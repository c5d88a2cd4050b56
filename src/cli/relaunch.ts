import { spawn } from 'node:child_process';
import os from 'node:os';

/** How long a child that was told twice to end may take before it is ended. */
const KILL_MS = 1000;

/** Set for the child, so that a Node that is again too old does not start another. */
export const RELAUNCHED = 'LORA_SWARM_RELAUNCHED';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs the same command in another Node and gives its exit code. Signals go over the IPC channel, because a terminal
 * sends Ctrl-C to both processes: so the child counts it once. The child ends when the channel does, even by SIGKILL.
 */
export function relaunch(node: string, script: string, argv: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(node, [script, ...argv], {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, [RELAUNCHED]: '1' },
    });
    let told = 0;
    const tell = (signal: NodeJS.Signals): void => {
      if (child.connected) child.send({ signal }, () => undefined);
      if (++told > 1) setTimeout(() => child.kill('SIGKILL'), KILL_MS).unref();
    };
    for (const signal of SIGNALS) process.on(signal, tell);
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      for (const name of SIGNALS) process.off(name, tell);
      resolve(code ?? 128 + (signal ? os.constants.signals[signal] : 1));
    });
  });
}
