import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { findNode } from '../run/machine';
import type { Profile } from './profile';

/** What the suite inside the extension host has to know of the peer that it meets. */
export interface TestPeer {
  /** Of the private room that the peer made. */
  readonly code: string;
  /** Content id of what it shares there. */
  readonly id: string;
  readonly name: string;
  /** The weights that it shares, to compare. */
  readonly weights: string;
}

export interface TerminalPeerOptions {
  /** Path of `cli.js`. */
  readonly cli: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
}

type Child = ChildProcessByStdio<null, Readable, null>;
type Line = Readonly<Record<string, unknown>>;

/** A user in a terminal: the command line in a process and a home of its own. */
export class TerminalPeer {
  #staying: Child | undefined;

  constructor(private readonly options: TerminalPeerOptions) {}

  /** Runs a verb to its end and gives its result. */
  async run(...verb: string[]): Promise<Line> {
    const child = this.#start(verb);
    const line = await lineOf(child, verb, 'result');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    return line;
  }

  /** Starts a verb that stays, such as `share` and `serve`, and gives what it says when peers can reach it. */
  async stay(...verb: string[]): Promise<Line> {
    this.#staying = this.#start(verb);
    return lineOf(this.#staying, verb, 'ready');
  }

  /** Ends what stayed, as Ctrl-C does. */
  async close(): Promise<void> {
    const child = this.#staying;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGINT');
    await ended;
  }

  #start(verb: readonly string[]): Child {
    const { cli, home, env } = this.options;
    return spawn(findNode(), [cli, '--home', home, '--json', ...verb], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }
}

/** Makes a private room and shares the adapter of a folder in it, until the peer is closed. */
export async function shareInNewRoom(peer: TerminalPeer, folder: string): Promise<TestPeer> {
  const name = 'ana/sql-coder';
  const { code } = await peer.run('room', 'create', 'lab');
  const { id } = await peer.stay('share', folder, '--room', 'lab', '--name', name);
  return { code: String(code), id: String(id), name, weights: path.join(folder, 'adapter_model.safetensors') };
}

async function lineOf(child: Child, verb: readonly string[], type: string): Promise<Line> {
  const lines = createInterface({ input: child.stdout });
  try {
    for await (const text of lines) {
      const line = JSON.parse(text) as Line;
      if (line['type'] === 'error') throw new Error(`${verb.join(' ')}: ${String(line['message'])}`);
      if (line['type'] === type) return line;
    }
    throw new Error(`${verb.join(' ')} ended and never said ${type}`);
  } finally {
    child.stdout.resume(); // What it says later is nobody's, but it must not block.
  }
}

/** The command line that came with the installed package. */
export function installedCli(profile: Profile): string {
  const folder = fs.readdirSync(profile.extensions).find((name) => name.startsWith('lora-swarm.lora-swarm-'));
  if (folder === undefined) throw new Error('LoRA Swarm is not installed in this profile.');
  return path.join(profile.extensions, folder, 'dist', 'cli.js');
}
