import { randomBytes } from 'node:crypto';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';

/** The service with the test engine, bundled as the product is, and a storage folder. Removed by `dispose`. */
export class Workshop {
  /** Made by `build`: hooks do not run for tests that are left out. */
  readonly folder = path.join(fs.realpathSync(os.tmpdir()), `lora-service-${randomBytes(4).toString('hex')}`);
  readonly home = path.join(this.folder, 'home');
  readonly workerPath = path.join(this.folder, 'testWorker.js');
  readonly #shells = new Set<Shell>();

  async build(): Promise<this> {
    fs.mkdirSync(this.folder);
    await build({
      entryPoints: ['testWorker.ts', 'contender.ts'].map((name) => path.join(import.meta.dirname, name)),
      bundle: true,
      platform: 'node',
      format: 'cjs',
      outdir: this.folder,
      logLevel: 'warning',
    });
    return this;
  }

  /** Another process that opens the engine and then does its task. */
  start(task: 'stay' | 'get' | 'share', env: NodeJS.ProcessEnv = {}): Shell {
    const args = [path.join(this.folder, 'contender.js'), this.home, this.workerPath, task];
    const shell = new Shell(
      spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } }),
    );
    this.#shells.add(shell);
    return shell;
  }

  leaderLog(): string[] {
    return fs.readFileSync(path.join(this.home, 'leaders.log'), 'utf8').trimEnd().split('\n');
  }

  /** Removes what a test left in the storage folder. */
  async clear(): Promise<void> {
    await Promise.all([...this.#shells].map((shell) => shell.kill()));
    this.#shells.clear();
    fs.rmSync(this.home, { recursive: true, force: true });
  }

  async dispose(): Promise<void> {
    await this.clear();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

export class Shell {
  readonly lines: string[] = [];
  readonly exited: Promise<unknown>;
  readonly #waiting = new Set<() => void>();

  constructor(private readonly child: ChildProcess) {
    this.exited = once(child, 'close');
    createInterface({ input: child.stdout! }).on('line', (line) => {
      this.lines.push(line);
      for (const check of [...this.#waiting]) check();
    });
  }

  /** The first line that begins so. */
  async line(start: string): Promise<string> {
    return await new Promise((resolve, reject) => {
      const check = (): void => {
        const found = this.lines.find((line) => line.startsWith(start));
        if (found === undefined) return;
        this.#waiting.delete(check);
        resolve(found);
      };
      this.#waiting.add(check);
      void this.exited.then(() => reject(new Error(`ended without "${start}": ${this.lines.join(', ')}`)));
      check();
    });
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  /** Asks it to close, and waits for its end by itself. */
  async close(): Promise<void> {
    this.child.stdin!.end();
    await this.exited;
  }
}
