import type { Readable } from 'node:stream';
import type { EngineOptions } from '../engine/engine';
import type { ServiceClient } from '../service/client';
import { pause } from '../service/pace';
import type { CliArgs } from './args';
import type { Output } from './output';

/** What a verb works with. */
export interface VerbContext {
  readonly args: CliArgs;
  readonly output: Output;
  /** Fires with Ctrl-C. */
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: () => Readable;
  /** Makes a path of the command absolute: the engine may run in a process with another folder. */
  readonly resolve: (path: string) => string;
  /** A path when there is a file, else an id or a name as it stands. */
  readonly resolveTarget: (target: string) => string;
  /** Address to bind, when one was named. */
  readonly host: string | undefined;
  readonly bootstrap: readonly string[];
  /** Attaches to the engine of the storage folder, or leads one for as long as the verb runs. */
  readonly engine: () => Promise<ServiceClient>;
  /** Opens the engine of a folder of the verb's own. Closed with the verb at the latest. */
  readonly engineOf: (options: Omit<EngineOptions, 'log'>) => Promise<ServiceClient>;
}

/** Does what was asked and writes its result. */
export type Verb = (context: VerbContext) => Promise<void>;

/**
 * Asks until the answer is good or the time is over; gives the last answer. For an engine that has just started and
 * meets its first peers: an empty list would only mean that it was asked too early.
 */
export async function settled<T>(
  ask: () => Promise<T>,
  isGood: (answer: T) => boolean,
  waitMs: number,
  signal: AbortSignal,
): Promise<T> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const answer = await ask();
    if (isGood(answer) || performance.now() > deadline || signal.aborted) return answer;
    await pause(200, signal);
  }
}

/** Resolves with Ctrl-C. */
export function cancelled(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Fields of a contract are always there: what is unknown is null. */
export function orNull<T>(value: T | undefined): T | null {
  return value ?? null;
}
