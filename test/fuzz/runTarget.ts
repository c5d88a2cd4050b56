import { inspect } from 'node:util';
import { usedBytes } from './collect';
import { readCorpus } from './corpus';
import { costSince, started } from '../helpers/processorTime';
import { cheapest } from './cost';
import { Random } from './random';
import type { OpenTarget, Taken, Target } from './target';

/** Of a processor. */
const MAX_MS = 50;
/** Nothing takes so long, however busy the machine is: it hangs. */
const HANG_MS = 20_000;
/** Memory may not follow the number of inputs. Caches that are bounded are full by `WARM_SHARE` of the time. */
const MAX_GROWTH_BYTES = 8 * 1024 ** 2;
const WARM_SHARE = 0.4;
/** Slower targets say how many. Where the machine is too busy for them, there is more time. */
const LEAST = 50;
const MAX_OVERTIME = 8;
/** A target that breaks has shown enough. */
const MAX_PROBLEMS = 20;

export interface RunOptions {
  readonly seed: number;
  /** Number of the first input. */
  readonly first?: number;
  readonly count?: number;
  readonly limitMs: number;
  readonly scratch: string;
}

export interface Problem {
  /** Of a generated input, or name of one that is kept. */
  readonly input: number | string;
  readonly bytes: Uint8Array;
  readonly what: string;
}

const NOTHING = { input: 'none', bytes: new Uint8Array() };

/** One line of the table. */
export interface Row {
  readonly target: string;
  /** Fewer inputs show nothing. */
  readonly least: number;
  inputs: number;
  accepted: number;
  refused: number;
  slowestMs: number;
  growthBytes: number;
  readonly problems: Problem[];
}

/** Takes the kept inputs of a target in, and then made ones for as long as there is time. */
export async function runTarget(target: Target, options: RunOptions): Promise<Row> {
  const open = await target.open(options.scratch);
  const run = new TargetRun(target, open, options);
  try {
    return await run.all();
  } finally {
    run.stopListening();
    await open.close?.();
  }
}

class TargetRun {
  readonly #row: Row;
  #current: Pick<Problem, 'input' | 'bytes'> = NOTHING;
  readonly #onUncaught = (error: unknown): void => this.#problem(`uncaught: ${inspect(error)}`);
  readonly #others = process.listeners('uncaughtException');

  constructor(
    target: Target,
    private readonly open: OpenTarget,
    private readonly options: RunOptions,
  ) {
    const { name, least = LEAST } = target;
    this.#row = { target: name, least, inputs: 0, accepted: 0, refused: 0, slowestMs: 0, growthBytes: 0, problems: [] };
    for (const listener of this.#others) process.off('uncaughtException', listener);
    process.on('uncaughtException', this.#onUncaught);
    process.on('unhandledRejection', this.#onUncaught);
  }

  async all(): Promise<Row> {
    const { seed, first = 0, count = Infinity, limitMs } = this.options;
    for (const { name, bytes } of readCorpus(this.#row.target)) await this.#run({ input: name, bytes });
    const begun = performance.now();
    let warm: number | undefined;
    for (let number = first; number < first + count; number++) {
      const passed = performance.now() - begun;
      const hasEnough = this.#row.inputs >= this.#row.least;
      if (passed > (hasEnough ? limitMs : limitMs * MAX_OVERTIME)) break;
      if (this.#row.problems.length >= MAX_PROBLEMS) break;
      if (passed > limitMs * WARM_SHARE) warm ??= await usedBytes();
      await this.#run({ input: number, bytes: this.open.make(new Random(seed, number)) });
    }
    await settled();
    this.#current = NOTHING;
    if (warm !== undefined) this.#row.growthBytes = (await usedBytes()) - warm;
    if (this.#row.growthBytes > MAX_GROWTH_BYTES) this.#problem(`memory grew by ${this.#row.growthBytes} bytes`);
    return this.#row;
  }

  stopListening(): void {
    process.off('uncaughtException', this.#onUncaught);
    process.off('unhandledRejection', this.#onUncaught);
    for (const listener of this.#others) process.on('uncaughtException', listener);
  }

  async #run(input: Pick<Problem, 'input' | 'bytes'>): Promise<void> {
    this.#current = input;
    try {
      const taken = await cheapest(
        MAX_MS,
        ({ slowestMs }: Taken) => slowestMs,
        () => this.#once(input.bytes),
      );
      this.#row.inputs += taken.count;
      this.#row[taken.verdict] += taken.count;
      this.#row.slowestMs = Math.max(this.#row.slowestMs, taken.slowestMs);
      if (taken.slowestMs > MAX_MS) this.#problem(`took ${taken.slowestMs.toFixed(0)} ms`);
    } catch (error) {
      this.#row.inputs++;
      this.#problem(inspect(error));
    }
  }

  async #once(bytes: Uint8Array): Promise<Taken> {
    const since = started();
    const taking = this.open.take(bytes);
    const verdict = taking instanceof Promise ? await inTime(taking) : taking;
    return typeof verdict === 'string' ? { verdict, count: 1, slowestMs: costSince(since) } : verdict;
  }

  #problem(what: string): void {
    this.#row.problems.push({ ...this.#current, what });
  }
}

/** @throws when what it waits for never comes. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`did not end in ${HANG_MS / 1000} s`)), HANG_MS);
  });
  return Promise.race([work, hang]).finally(() => clearTimeout(timer));
}

/** Promises that nobody keeps say so by then. */
async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}
