import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { findNode } from '../run/machine';
import type { VictimCommand, VictimOrder, VictimWord } from './victimOrders';

/** Of one who fetches. One that hangs has to end as a failure, not as a test run that does not end. */
const LIMIT_MS = 150_000;

export interface VictimOptions {
  /** Program and arguments that Node is started with, such as strace. */
  readonly wrap?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly limitMs?: number;
}

/** A victim that runs, and all that it said. */
export class Victim {
  readonly words: VictimWord[] = [];
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  readonly #listeners = new Set<(word: VictimWord) => void>();
  readonly #errors: Buffer[] = [];
  #end: { code: number | null; signal: NodeJS.Signals | null } | undefined;

  constructor(script: string, order: VictimOrder, { wrap = [], env = {}, limitMs = LIMIT_MS }: VictimOptions = {}) {
    const [program, ...args] = [...wrap, findNode(), script, JSON.stringify(order)];
    this.child = spawn(program, args, {
      // One thread for files: strace counts calls by thread.
      env: { ...process.env, UV_THREADPOOL_SIZE: '1', NODE_NO_WARNINGS: '1', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child.stdin!.on('error', () => undefined); // It died; `exited` says so.
    this.child.stderr!.on('data', (part: Buffer) => this.#errors.push(part));
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      const word = JSON.parse(line) as VictimWord;
      this.words.push(word);
      for (const listener of [...this.#listeners]) listener(word);
    });
    let isLate = false;
    const hang = (): void => {
      isLate = true;
      this.kill();
    };
    const limit = order.get === undefined ? undefined : setTimeout(hang, limitMs);
    this.exited = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code, signal) => {
        clearTimeout(limit);
        // strace ends as its victim did; where it can't, it exits with 128 and the number of the signal.
        this.#end = code === 137 ? { code: null, signal: 'SIGKILL' } : { code, signal };
        for (const listener of [...this.#listeners]) listener({ kind: 'closed', peakRss: 0, calls: 0 });
        if (isLate) reject(new Error(`it hangs: ${JSON.stringify(this.words.slice(-3))}`));
        else resolve(this.#end);
      });
    });
    this.exited.catch(() => undefined); // Whoever waits for it hears.
  }

  readonly child: ChildProcess;

  get errors(): string {
    return Buffer.concat(this.#errors).toString();
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  said<K extends VictimWord['kind']>(kind: K): (VictimWord & { readonly kind: K }) | undefined {
    return this.words.findLast((word) => word.kind === kind) as (VictimWord & { readonly kind: K }) | undefined;
  }

  /** Resolves with the first word that fits, of those said before too. @throws when it ends without. */
  async until<T extends VictimWord>(fits: (word: VictimWord) => word is T): Promise<T>;
  async until(fits: (word: VictimWord) => boolean): Promise<VictimWord>;
  async until(fits: (word: VictimWord) => boolean): Promise<VictimWord> {
    const before = this.words.find(fits);
    if (before) return before;
    return await new Promise((resolve, reject) => {
      const listener = (word: VictimWord): void => {
        if (!fits(word) && !this.hasEnded) return;
        this.#listeners.delete(listener);
        if (fits(word)) resolve(word);
        else reject(new Error(`it ended without: ${this.errors} ${JSON.stringify(this.words.slice(-3))}`));
      };
      this.#listeners.add(listener);
      if (this.hasEnded) listener({ kind: 'closed', peakRss: 0, calls: 0 });
    });
  }

  command(command: VictimCommand): void {
    this.child.stdin!.write(`${JSON.stringify(command)}\n`);
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    if (signal === 'SIGKILL') this.child.stdin!.destroy(); // Who runs under strace outlives it, and ends without its input.
    this.child.kill(signal);
  }
}
