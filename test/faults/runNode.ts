import { spawn } from 'node:child_process';
import { findNode } from '../run/machine';

interface NodeRun {
  readonly code: number | null;
  /** All that it said, both streams in the order in which it came. */
  readonly output: string;
}

/** Runs a program of Node in a folder to its end. */
export async function runNode(cwd: string, args: readonly string[], env = process.env): Promise<NodeRun> {
  const child = spawn(findNode(), args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const parts: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => parts.push(part));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { code, output: Buffer.concat(parts).toString() };
}
