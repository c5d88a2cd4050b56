import type { Ground } from './ground';

/** One way in which something goes wrong, at many points. */
export interface Fault {
  /** As in the reliability plan: R01 to R26. */
  readonly id: string;
  readonly title: string;
  /** No part of it is small enough for a sample. */
  readonly isLong?: true;
  strike(bout: Bout): Promise<void>;
}

/** How a fault went. */
export interface Outcome {
  readonly id: string;
  readonly title: string;
  /** Points at which it struck. */
  readonly points: number;
  readonly failures: readonly string[];
  /** Most bytes that a download fetched although it had had them, what was in flight included. */
  readonly worstRefetched: number;
  /** Figures beside those of the table. */
  readonly notes: readonly string[];
  /** What this machine can't do, and why. */
  readonly leftOut: readonly string[];
  readonly seconds: number;
}

/** What one point of a fault has to tell. */
export interface PointResult {
  readonly refetched?: number;
}

export interface BoutOptions {
  readonly isSample: boolean;
  readonly ground: () => Promise<Ground>;
  /** For what is only seen in time, in the full run. */
  readonly minutes?: number;
  /** Points whose name does not fit are left alone. */
  readonly only?: RegExp;
  /** Called for each point that failed, as soon as it did. */
  readonly onFailure?: (what: string, error: unknown) => void;
}

/** One fault while it is tried: counts its points and goes on after one that failed. */
export class Bout {
  readonly isSample: boolean;
  readonly #failures: string[] = [];
  readonly #notes: string[] = [];
  readonly #leftOut: string[] = [];
  #points = 0;
  #worstRefetched = 0;

  constructor(private readonly options: BoutOptions) {
    this.isSample = options.isSample;
  }

  /** Engines, homes and adapters; made when the first fault needs them. */
  get ground(): Promise<Ground> {
    return this.options.ground();
  }

  get minutes(): number {
    return this.options.minutes ?? 10;
  }

  /** All points in the full run, some of them, evenly spread, in the sample. */
  pick<T>(all: readonly T[], sample: number): T[] {
    if (!this.isSample || all.length <= sample) return [...all];
    return Array.from({ length: sample }, (_, i) => all[Math.floor(((i + 0.5) * all.length) / sample)]!);
  }

  /** How many rounds of something random. */
  rounds(full: number, sample: number): number {
    return this.isSample ? sample : full;
  }

  /** Tries one point. An error is a failure of the point, not of the run. */
  async point(what: string, work: () => Promise<PointResult | undefined>): Promise<void> {
    if (this.options.only?.test(what) === false) return;
    this.#points++;
    try {
      const result = await work();
      this.#worstRefetched = Math.max(this.#worstRefetched, result?.refetched ?? 0);
    } catch (error) {
      this.#fail(what, error);
    }
  }

  #fail(what: string, error: unknown): void {
    this.#failures.push(
      `${what}: ${error instanceof Error ? error.message.split('\n').slice(0, 6).join(' ') : String(error)}`,
    );
    this.options.onFailure?.(what, error);
  }

  note(text: string): void {
    this.#notes.push(text);
  }

  leaveOut(what: string): void {
    this.#leftOut.push(what);
  }

  static async try(fault: Fault, options: BoutOptions): Promise<Outcome> {
    const bout = new Bout(options);
    const startedAt = performance.now();
    try {
      await fault.strike(bout);
    } catch (error) {
      bout.#fail('all of it', error);
    }
    return {
      id: fault.id,
      title: fault.title,
      points: bout.#points,
      failures: bout.#failures,
      worstRefetched: bout.#worstRefetched,
      notes: bout.#notes,
      leftOut: bout.#leftOut,
      seconds: (performance.now() - startedAt) / 1_000,
    };
  }
}

/** Works on all items with a few at a time, each lane with a number of its own. */
export async function inLanes<T>(
  items: readonly T[],
  lanes: number,
  work: (item: T, lane: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(lanes, items.length) }, async (_, lane) => {
      while (next < items.length) await work(items[next++]!, lane);
    }),
  );
}
