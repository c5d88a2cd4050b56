import { inspect } from 'node:util';
import { isAbort, LoraSwarmError, type UserAction } from '../engine/errors';
import type { EngineEvent, WishProgress } from '../engine/wishes';
import { describeEvent } from './describeEvent';
import { terminalText } from './format';
import { ProgressBar } from './progressBar';

export const EXIT_DONE = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
export const EXIT_CANCELLED = 130;

/** What `bold`, `green` and `red` write. In a group, so that `split` keeps them. */
const OWN_STYLES = /(\u001b\[(?:1|22|31|32|39)m)/;

export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface OutputOptions {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly isJson: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What happens while a verb runs, for `--json`: the events of the engine and those of the command line itself. */
export type CliEvent =
  | EngineEvent
  | ({ readonly type: 'ready' | 'listening'; readonly host: string; readonly port: number | null } & Record<
      string,
      unknown
    >)
  | ({ readonly type: 'progress' } & Exclude<WishProgress, { readonly kind: 'transfer' }>);

/**
 * Where a command writes. For people: short lines on stdout, everything on the way on stderr. With `--json`: one object
 * a line on stdout, exactly one `result` or `error`, and nothing after it.
 */
export class Output {
  readonly isJson: boolean;
  readonly #bar: ProgressBar | undefined;
  readonly #hasColour: boolean;
  #isFinished = false;

  constructor(private readonly options: OutputOptions) {
    const { stdout, stderr, isJson, env } = options;
    this.isJson = isJson;
    this.#hasColour = stdout.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
    this.#bar = stderr.isTTY && !isJson ? new ProgressBar(stderr) : undefined;
  }

  /** Something on the way. People see the events that mean something to them. */
  event(event: CliEvent): void {
    if (this.isJson) {
      if (!this.#isFinished) this.#write(event);
      return;
    }
    const text = describeEvent(event);
    if (text !== undefined) this.note(text);
  }

  /** How far a wish is. */
  readonly progress = (progress: WishProgress): void => {
    if (progress.kind === 'transfer') {
      const { kind: _, ...fields } = progress;
      if (this.isJson) this.event({ type: 'transfer:progress', ...fields });
    } else if (this.isJson) this.event({ type: 'progress', ...progress });

    if (progress.kind === 'wait') this.note(waitText(progress));
    else if (progress.kind === 'find' || progress.kind === 'install') this.note(progress.message);
    else if (progress.kind !== 'compare') this.#bar?.draw(progress);
  };

  /** A remark for people, on stderr. */
  note(text: string): void {
    if (this.isJson) return;
    this.#bar?.clear();
    this.options.stderr.write(`${terminalText(text)}\n`);
  }

  /** Something that is done already, of a verb that does several things. On stdout for people, too. */
  step(step: string, fields: object, lines: readonly string[]): void {
    if (this.#isFinished) return;
    this.#bar?.clear();
    if (this.isJson) this.#write({ type: 'step', step, ...fields });
    else this.#print(lines);
  }

  /** What the verb found or did: `fields` for programs, `lines` for people. Once. */
  result(fields: object, lines: readonly string[]): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#bar?.clear();
    if (this.isJson) this.#write({ type: 'result', ...fields });
    else this.#print(lines);
  }

  /** Reports a failure once, and gives the exit code for it. */
  error(error: unknown): number {
    const { code, message, action, exit } = explain(error);
    if (code === 'UNEXPECTED') this.options.stderr.write(`${inspect(error)}\n`);
    this.#bar?.clear();
    if (this.isJson) {
      if (!this.#isFinished) this.#write({ type: 'error', code, message, action: action ?? null });
    } else if (exit !== EXIT_CANCELLED) {
      this.note(`lora-swarm: ${message}${hint(action)}`);
    }
    this.#isFinished = true;
    return exit;
  }

  bold(text: string): string {
    return this.#hasColour ? `\u001b[1m${text}\u001b[22m` : text;
  }

  green(text: string): string {
    return this.#hasColour ? `\u001b[32m${text}\u001b[39m` : text;
  }

  red(text: string): string {
    return this.#hasColour ? `\u001b[31m${text}\u001b[39m` : text;
  }

  /** Lines may hold what peers wrote. Of what a terminal obeys only our own styles pass. */
  #print(lines: readonly string[]): void {
    const plain = (text: string): string => terminalText(text).replaceAll('\n', ' ');
    for (const line of lines) {
      const parts = this.#hasColour
        ? line.split(OWN_STYLES).map((part, i) => (i % 2 ? part : plain(part)))
        : [plain(line)];
      this.options.stdout.write(`${parts.join('')}\n`);
    }
  }

  #write(value: object): void {
    this.options.stdout.write(`${asciiControls(JSON.stringify(value))}\n`);
  }
}

/** JSON escapes controls up to U+001F only; a terminal obeys some others. Still the same JSON. */
function asciiControls(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function waitText({ place, problem }: Extract<WishProgress, { readonly kind: 'wait' }>): string {
  if (place !== undefined) return `waits for its turn: place ${place} in the queue`;
  return problem?.message ?? 'paused';
}

interface Explanation {
  readonly code: string;
  readonly message: string;
  readonly action?: UserAction;
  readonly exit: number;
}

function explain(error: unknown): Explanation {
  if (isAbort(error)) return { code: 'CANCELLED', message: 'Cancelled.', exit: EXIT_CANCELLED };
  if (error instanceof LoraSwarmError) {
    const { code, message, action } = error;
    const exit = code === 'USAGE' ? EXIT_USAGE : EXIT_FAILED;
    return { code, message: HINTS[code] ? `${message} ${HINTS[code]}` : message, ...(action ? { action } : {}), exit };
  }
  return { code: 'UNEXPECTED', message: 'Something went wrong in LoRA Swarm.', exit: EXIT_FAILED };
}

/** What an error of the engine means for who sits at a terminal. */
const HINTS: Readonly<Record<string, string>> = {
  CONFIRM_NEEDED: 'Add --yes to confirm.',
};

function hint(action: UserAction | undefined): string {
  switch (action?.kind) {
    case 'openSetting':
      return action.key === 'storage.path'
        ? '\n  Another folder: --home DIR'
        : `\n  To change it: lora-swarm config set ${action.key} VALUE`;
    case 'pullModel':
      return `\n  To get it: ollama pull ${action.model}`;
    case 'openUrl':
      return `\n  See ${action.url}`;
    default:
      return '';
  }
}
