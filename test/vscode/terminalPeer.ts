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
  #child: Child | undefined;

  private constructor(private readonly options: TerminalPeerOptions) {}

  /** Makes a private room and shares the adapter of a folder in it, until `close`. */
  static async share(options: TerminalPeerOptions, folder: string): Promise<[TerminalPeer, TestPeer]> {
    const peer = new TerminalPeer(options);
    const name = 'ana/sql-coder';
    try {
      const { code } = await peer.#result('room', 'create', 'lab');
      const { id } = await peer.#result('share', folder, '--room', 'lab', '--name', name);
      const weights = path.join(folder, 'adapter_model.safetensors');
      return [peer, { code: String(code), id: String(id), name, weights }];
    } catch (error) {
      await peer.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGINT');
    await ended;
  }

  /** Runs a verb and gives its result. A verb that stays, like `share`, goes on until `close`. */
  async #result(...verb: string[]): Promise<Line> {
    const { cli, home, env } = this.options;
    const args = [cli, '--home', home, '--json', ...verb];
    const child = spawn(findNode(), args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    for await (const text of createInterface({ input: child.stdout })) {
      const line = JSON.parse(text) as Line;
      if (line['type'] === 'error') throw new Error(`${verb.join(' ')}: ${String(line['message'])}`);
      if (line['type'] !== 'result') continue;
      child.stdout.resume();
      return line;
    }
    throw new Error(`${verb.join(' ')} ended without a result`);
  }
}

/** The command line that came with the installed package. */
export function installedCli(profile: Profile): string {
  const folder = fs.readdirSync(profile.extensions).find((name) => name.startsWith('lora-swarm.lora-swarm-'));
  if (folder === undefined) throw new Error('LoRA Swarm is not installed in this profile.');
  return path.join(profile.extensions, folder, 'dist', 'cli.js');
}
