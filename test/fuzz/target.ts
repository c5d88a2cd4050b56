import { LoraSwarmError, type ErrorCode } from '../../src/engine/errors';
import type { Random } from './random';

/** What became of an input. */
export type Verdict = 'accepted' | 'refused';

/** One door through which bytes of strangers come in. */
export interface Target {
  readonly name: string;
  /** Inputs that have to be among those of a share for it to show something. */
  readonly least?: number;
  /** Why this machine cannot run it. */
  readonly missing?: () => string | undefined;
  /** Opens what stands behind the door. */
  open(scratch: string): OpenTarget | Promise<OpenTarget>;
}

/**
 * An input is bytes whatever it stands for: a file, a message, a row of steps. So one that once did harm is kept as a file
 * and taken in again at every run.
 */
export interface OpenTarget {
  make(random: Random): Uint8Array;
  /** @throws whatever breaks a law. */
  take(input: Uint8Array): Verdict | Taken | Promise<Verdict | Taken>;
  close?(): Promise<void>;
}

/** Of an input that is many, such as a row of messages. */
export interface Taken {
  readonly verdict: Verdict;
  /** How many it was. */
  readonly count: number;
  /** The slowest of them. */
  readonly slowestMs: number;
}

/** Longer ones fill logs and dialogs with what a stranger wrote. */
const MAX_MESSAGE_LENGTH = 2_000;

/**
 * Runs a parser. An error with one of these codes is a refusal.
 *
 * @throws any other error, and a refusal that repeats the input at length.
 */
export function tried(codes: readonly ErrorCode[], work: () => unknown): Verdict {
  try {
    work();
    return 'accepted';
  } catch (error) {
    return refused(codes, error);
  }
}

/** As `tried`, for what takes time. */
export async function triedLater(codes: readonly ErrorCode[], work: () => Promise<unknown>): Promise<Verdict> {
  try {
    await work();
    return 'accepted';
  } catch (error) {
    return refused(codes, error);
  }
}

function refused(codes: readonly ErrorCode[], error: unknown): Verdict {
  if (!(error instanceof LoraSwarmError) || !codes.includes(error.code)) throw error;
  if (error.message.length > MAX_MESSAGE_LENGTH)
    throw new Error(`an error of ${error.message.length} characters: ${error.message.slice(0, 80)}…`);
  return 'refused';
}
