import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Ground } from '../ground';
import type { ConvertCalls, Work } from '../peers/convertPeer';
import type { Cargo } from './cargo';
import { diskBytesOf, type Carried } from './carried';

// What one process does with the same file: the least that a download has to do too.

/** As the system copies, and synced, as a download is. */
export async function runCopy(ground: Ground, cargo: Cargo, scratch: string): Promise<Carried> {
  const file = cargo.in(scratch);
  const work = await alone(ground, (peer) => peer.ask('copy', { from: cargo.file, to: file }));
  return { ...work, diskBytes: diskBytesOf(scratch), file };
}

export function runSha256(ground: Ground, cargo: Cargo): Promise<Carried> {
  return alone(ground, (peer) => peer.ask('hash', { path: cargo.file }));
}

/** The program of the system. */
export async function runSha256sum(cargo: Cargo): Promise<Carried> {
  const start = performance.now();
  const child = spawn('sha256sum', [cargo.file], { stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  await once(child, 'close');
  const ms = performance.now() - start;
  if (!said.includes(cargo.digest))
    throw new Error(`sha256sum of ${path.basename(cargo.file)} is not what it should be`);
  return { ms };
}

async function alone(ground: Ground, work: (peer: ReturnType<typeof start>) => Promise<Work>): Promise<Carried> {
  const peer = start(ground);
  try {
    const { ms, ...taking } = await work(peer);
    return { ms, taking };
  } finally {
    await peer.kill();
  }
}

function start(ground: Ground) {
  return ground.start<ConvertCalls>('convertPeer');
}
