import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import type { WishName, Wishes } from '../../src/engine/wishes';
import type { Asked, Told } from './engineShell';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** Shells with the built engine, each a process of its own, and the folder that they live in. */
export class EngineShells {
  readonly #shells = new Set<EngineShell>();

  /**
   * @param bootstrap of the DHT that all of them use.
   * @param folder where they live; made, and removed in the end.
   */
  constructor(
    private readonly bootstrap: () => readonly string[],
    readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lora-shells-')),
  ) {}

  /** Takes a copy of the engine as `npm run build` made it, so that a build meanwhile changes nothing. */
  async build(): Promise<void> {
    fs.cpSync(path.join(ROOT, 'dist', 'worker.js'), path.join(this.folder, 'worker.js'));
    fs.cpSync(path.join(ROOT, 'dist', 'prebuilds'), path.join(this.folder, 'prebuilds'), { recursive: true });
    await build({
      entryPoints: [path.join(import.meta.dirname, 'engineShell.ts')],
      bundle: true,
      platform: 'node',
      format: 'cjs',
      outdir: this.folder,
      logLevel: 'warning',
    });
  }

  home(name: string): string {
    return path.join(this.folder, 'homes', name);
  }

  /** Another process that opens the engine of a storage folder. */
  async start(name: string): Promise<EngineShell> {
    const shell = this.launch(name);
    await shell.told((told) => told.type === 'ready');
    return shell;
  }

  /** The same, whatever comes of it. */
  launch(name: string): EngineShell {
    const options = {
      home: this.home(name),
      workerPath: path.join(this.folder, 'worker.js'),
      host: '127.0.0.1',
      bootstrap: this.bootstrap(),
      ollamaHost: 'http://127.0.0.1:9',
    };
    const args = [path.join(this.folder, 'engineShell.js'), JSON.stringify(options)];
    const shell = new EngineShell(spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] }));
    this.#shells.add(shell);
    return shell;
  }

  async clear(): Promise<void> {
    await Promise.all([...this.#shells].map((shell) => shell.kill()));
    this.#shells.clear();
    fs.rmSync(path.join(this.folder, 'homes'), { recursive: true, force: true });
  }

  async dispose(): Promise<void> {
    await this.clear();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

export class EngineShell {
  readonly all: Told[] = [];
  /** Nothing that it said is still to come. */
  readonly exited: Promise<unknown>;
  /** What it said last about leading. */
  isLeader = false;
  readonly #waiting = new Set<() => void>();
  #nextId = 1;

  constructor(private readonly child: ChildProcess) {
    this.exited = once(child, 'close');
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const told = JSON.parse(line) as Told;
      if (told.type === 'leads') this.isLeader = told.isLeader;
      this.all.push(told);
      for (const check of [...this.#waiting]) check();
    });
  }

  get isAlive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The first line, from `from` on, that fits. */
  async told(fits: (told: Told) => boolean, from = 0): Promise<Told> {
    return await new Promise((resolve, reject) => {
      const check = (): void => {
        const found = this.all.slice(from).find(fits);
        if (!found) return;
        this.#waiting.delete(check);
        resolve(found);
      };
      this.#waiting.add(check);
      void this.exited.then(() => reject(new Error(`ended before that: ${JSON.stringify(this.all.slice(-5))}`)));
      check();
    });
  }

  async wish<N extends WishName>(name: N, params: Wishes[N]['params']): Promise<Wishes[N]['result']> {
    return await this.ask(name, params).result;
  }

  /** A wish whose progress is of interest: `id` is in its lines. */
  ask<N extends WishName>(
    name: N,
    params: Wishes[N]['params'],
  ): { readonly id: number; readonly result: Promise<Wishes[N]['result']> } {
    const id = this.#nextId++;
    this.child.stdin!.write(`${JSON.stringify({ id, name, params } satisfies Asked)}\n`);
    const isEnd = (told: Told): boolean => (told.type === 'answer' || told.type === 'error') && told.id === id;
    const result = this.told(isEnd).then((told) => {
      if (told.type === 'answer') return told.result as Wishes[N]['result'];
      throw new Error(told.type === 'error' ? `${told.code}: ${told.message}` : told.type);
    });
    result.catch(() => undefined); // The shell may be killed before anybody waits for it.
    return { id, result };
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    if (this.isAlive) await this.exited;
  }

  /** Asks it to close, and waits for its end by itself. */
  async close(): Promise<void> {
    this.child.stdin!.end();
    await this.exited;
  }
}
