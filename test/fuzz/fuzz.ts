import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { usedBytes } from './collect';
import { costSince, started } from '../helpers/processorTime';
import { cheapest } from './cost';
import { Inputs, type Input } from './input';
import { loadAll, type Accepted } from './load';
import { readInput, type Outcome } from './readInput';
import { readSamples, type Samples } from './samples';

/** No input may cost more, of a processor. Writing a merged model is more than reading an adapter. */
const MAX_MS = { adapter: 50, base: 50, merge: 500 } as const;
/** Memory may not follow the number of inputs. What was accepted is remembered here, to tell who is like another. */
const MAX_GROWTH_BYTES = 32 * 1024 * 1024;
const BATCH = 200;
/** Code is compiled and pools are filled by then. */
const WARM_INPUTS = 1000;

export interface FuzzOptions {
  readonly seed: number;
  /** Number of the first input. */
  readonly first?: number;
  readonly count: number;
  /** Ends earlier than `count` after this time. */
  readonly limitMs?: number;
  /** Loads what was accepted in llama.cpp. */
  readonly isLoading: boolean;
  readonly scratch: string;
  readonly onProgress?: (report: FuzzReport) => void;
}

export interface FuzzReport {
  inputs: number;
  accepted: number;
  /** Of these, written into the weights of a base. */
  merged: number;
  /** Accepted ones that no earlier one is like. These are loaded. */
  distinct: number;
  loaded: number;
  readonly refused: Record<string, number>;
  slowest: { readonly number: number; readonly ms: number };
  /** In use when warm, and now. */
  memory: { readonly warm: number; readonly now: number };
  /** `input NUMBER: what was wrong`. */
  readonly problems: string[];
}

/** Runs inputs `first` … through readers, converter and llama.cpp. The same seed and number give the same input. */
export async function fuzzAdapters(options: FuzzOptions): Promise<FuzzReport> {
  const { scratch, seed, first = 0, count, limitMs = Infinity } = options;
  const samples = await readSamples(scratch);
  const fuzz = new Fuzz(samples, new Inputs(samples, scratch, seed), options);
  const until = Date.now() + limitMs;
  try {
    for (let number = first; number < first + count && Date.now() < until; number++) await fuzz.run(number);
    return await fuzz.end();
  } finally {
    fuzz.stopListening();
  }
}

class Fuzz {
  readonly #report: FuzzReport = {
    ...{ inputs: 0, accepted: 0, merged: 0, distinct: 0, loaded: 0, refused: {}, problems: [] },
    ...{ slowest: { number: -1, ms: 0 }, memory: { warm: 0, now: 0 } },
  };
  readonly #seen = new Set<string>();
  readonly #acceptedFolder: string;
  readonly #out: string;
  #waiting: Accepted[] = [];
  #current = -1;
  /** A promise that nobody keeps lets the process end, as if all were well. */
  readonly #onExit = (): void => {
    console.error(`input ${this.#current}: never ended`);
    process.exitCode = 1;
  };
  readonly #onUncaught = (error: unknown): void => this.#problem(this.#current, `uncaught: ${inspect(error)}`);

  constructor(
    private readonly samples: Samples,
    private readonly inputs: Inputs,
    private readonly options: FuzzOptions,
  ) {
    this.#acceptedFolder = join(options.scratch, 'accepted');
    this.#out = join(options.scratch, 'out.gguf');
    mkdirSync(this.#acceptedFolder, { recursive: true });
    process.on('uncaughtException', this.#onUncaught);
    process.on('unhandledRejection', this.#onUncaught);
    process.on('exit', this.#onExit);
  }

  async run(number: number): Promise<void> {
    this.#current = number;
    const input = this.inputs.write(number);
    const { outcome, ms } = await cheapest(
      MAX_MS[input.what],
      (done) => done.ms,
      () => this.#once(input),
    );
    this.#report.inputs++;
    if (input.what !== 'merge' && ms > this.#report.slowest.ms) this.#report.slowest = { number, ms };
    if (ms > MAX_MS[input.what]) this.#problem(number, `took ${ms.toFixed(0)} ms`);
    if (outcome.kind === 'bug') this.#problem(number, inspect(outcome.error));
    if (outcome.kind === 'refused') this.#report.refused[outcome.code] = (this.#report.refused[outcome.code] ?? 0) + 1;
    if (outcome.kind === 'accepted') this.#accept(number, input, outcome.signature);
    if (this.#waiting.length >= BATCH) await this.#load();
    if (this.#report.inputs % WARM_INPUTS === 0) await this.#measure();
  }

  async end(): Promise<FuzzReport> {
    await this.#load();
    return this.#report;
  }

  stopListening(): void {
    process.off('uncaughtException', this.#onUncaught);
    process.off('unhandledRejection', this.#onUncaught);
    process.off('exit', this.#onExit);
  }

  async #once(input: Input): Promise<{ outcome: Outcome; ms: number }> {
    const since = started();
    const outcome = await readInput(input, this.samples, this.#out);
    return { outcome, ms: costSince(since) };
  }

  #accept(number: number, { base, what }: Input, signature: string): void {
    this.#report.accepted++;
    if (what === 'merge') this.#report.merged++;
    const key = createHash('sha1').update(signature).digest('base64');
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#report.distinct++;
    if (!this.options.isLoading) return;
    const path = join(this.#acceptedFolder, `${number}.gguf`);
    copyFileSync(this.#out, path);
    this.#waiting.push({ number, base, path, isModel: what === 'merge' });
  }

  async #load(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    for (const { number, problem } of await loadAll(batch)) {
      this.#report.loaded++;
      if (problem !== undefined) this.#problem(number, `accepted, but llama.cpp: ${problem}`);
    }
    for (const { path } of batch) rmSync(path);
  }

  async #measure(): Promise<void> {
    const { memory, inputs } = this.#report;
    const now = await usedBytes();
    this.#report.memory = { warm: memory.warm || now, now };
    if (now - this.#report.memory.warm > MAX_GROWTH_BYTES)
      this.#problem(this.#current, `memory grew to ${now} bytes after ${inputs} inputs`);
    this.options.onProgress?.(this.#report);
  }

  #problem(number: number, what: string): void {
    this.#report.problems.push(`input ${number}: ${what}`);
  }
}
