import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '../..');

/** The built command line. */
export const CLI = path.join(ROOT, 'dist', 'cli.js');

export interface RunOptions {
  /** The program to run it with; that of the tests unless it says otherwise. */
  readonly node?: string;
  readonly cli?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly input?: string;
}

export type JsonLine = Readonly<Record<string, unknown>> & { readonly type: string };

/** Where commands run: a folder that is removed with everything that still runs in it. */
export class Terminal {
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lora-cli-'));
  readonly #commands = new Set<Command>();

  start(
    args: readonly string[],
    { node = process.execPath, cli = CLI, env = {}, cwd, input }: RunOptions = {},
  ): Command {
    const child = spawn(node, [cli, ...args], {
      cwd: cwd ?? this.folder,
      env: { ...bareEnvironment(), LORA_SWARM_HOME: path.join(this.folder, 'home'), ...env },
      stdio: 'pipe',
      detached: process.platform !== 'win32', // A process group, as a terminal makes one for each command.
    });
    if (input !== undefined) child.stdin.end(input);
    const command = new Command(child);
    this.#commands.add(command);
    return command;
  }

  /** Runs a command to its end. */
  async run(args: readonly string[], options?: RunOptions): Promise<Command> {
    const command = this.start(args, options);
    await command.exited;
    return command;
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#commands].map((command) => command.kill()));
    fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

export class Command {
  stdout = '';
  stderr = '';
  code: number | null = null;
  readonly exited: Promise<unknown>;
  readonly #waiting = new Set<() => void>();

  constructor(readonly child: ChildProcess) {
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      for (const check of [...this.#waiting]) check();
    });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.exited = once(child, 'close').then(([code]) => {
      this.code = code as number | null;
      for (const check of [...this.#waiting]) check();
    });
  }

  /** The lines of `--json`, whole ones only. */
  get lines(): JsonLine[] {
    return this.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as JsonLine);
  }

  /** The one line that ends the output. */
  get last(): JsonLine {
    const line = this.lines.at(-1);
    if (!line) throw new Error(`no output; stderr: ${this.stderr}`);
    return line;
  }

  /** The first line of this type. */
  line(type: string): Promise<JsonLine> {
    return this.lineWhere((line) => line.type === type);
  }

  lineWhere(isIt: (line: JsonLine) => boolean): Promise<JsonLine> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const found = this.lines.find(isIt);
        if (!found && this.code === null && this.child.exitCode === null && this.child.signalCode === null) return;
        this.#waiting.delete(check);
        if (found) resolve(found);
        else reject(new Error(`ended with ${this.code} without that line: ${this.stdout} ${this.stderr}`));
      };
      this.#waiting.add(check);
      check();
    });
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** What Ctrl-C does in a terminal: every process of the command gets it. */
  pressCtrlC(): void {
    if (process.platform === 'win32') this.signal('SIGINT');
    else process.kill(-this.child.pid!, 'SIGINT');
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }
}

/** Without what the tests' own surroundings say about the product or about Node. */
function bareEnvironment(): NodeJS.ProcessEnv {
  const own = /^(LORA_SWARM_|OLLAMA_|NODE_|npm_)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
}
