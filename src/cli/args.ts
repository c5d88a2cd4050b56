import { parseArgs } from 'node:util';
import { LoraSwarmError } from '../engine/errors';
import { GLOBAL_OPTIONS, OPTIONS, type OptionName, usageText, VERBS, type VerbName, verbSpec } from './verbs';

/** Values of the options as they stand in the command, all verbs together. */
export type OptionValues = ReturnType<
  typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true; strict: true }>
>['values'];

/** One command, checked against what its verb takes. */
export interface CliArgs {
  readonly verb: VerbName;
  /** What stands after the verb. */
  readonly words: readonly string[];
  readonly options: OptionValues;
}

export type ParsedArgs = CliArgs | { readonly verb: undefined; readonly options: OptionValues };

/**
 * Reads a command. Options may stand anywhere. `verb` is undefined when there is none, which is fine with `--help` or
 * `--version` only.
 *
 * @throws {LoraSwarmError} `USAGE` with what the verb takes.
 */
export function parseCommand(argv: readonly string[]): ParsedArgs {
  const { values: options, positionals } = parse(argv);
  const { verb, words } = splitVerb(positionals);
  if (verb === undefined) {
    if (options.help || options.version) return { verb, options };
    throw usage(`What shall it do?\n\n${usageText()}`);
  }
  if (options.help || options.version) return { verb, words, options };

  const spec = verbSpec(verb);
  for (const name of Object.keys(options) as OptionName[])
    if (!GLOBAL_OPTIONS.includes(name) && !spec.options.includes(name))
      throw usage(`${verb} has no option --${name}. Use: ${usageText(verb)}`);
  const [least, most] = spec.words;
  if (words.length < least) throw usage(`Something is missing. Use: ${usageText(verb)}`);
  if (words.length > most) throw usage(`"${words[most]}" is too much. Use: ${usageText(verb)}`);
  return { verb, words, options };
}

/** An option that has to be one of a few words. @throws {LoraSwarmError} `USAGE` */
export function oneOf<T extends string>(
  name: OptionName,
  value: string | undefined,
  allowed: readonly T[],
): T | undefined {
  if (value === undefined) return undefined;
  const found = allowed.find((item) => item === value);
  if (found === undefined) throw usage(`--${name} takes one of ${allowed.join(', ')}, not "${value}".`);
  return found;
}

/** An option that is one room although others take several. @throws {LoraSwarmError} `USAGE` */
export function oneRoom({ room }: OptionValues): string | undefined {
  if (room && room.length > 1) throw usage('Only one --room is possible here.');
  return room?.[0];
}

export function usage(message: string, cause?: unknown): LoraSwarmError {
  return new LoraSwarmError('USAGE', message, undefined, { cause });
}

function parse(argv: readonly string[]): { values: OptionValues; positionals: string[] } {
  // `--ollama` has a value for `demo` alone. Which verb it is shows only when it is taken for a flag.
  const options = { ...OPTIONS, ollama: { type: 'boolean' } } as const;
  const { positionals } = parseArgs({ args: [...argv], options, allowPositionals: true, strict: false });
  const args = positionals[0] === 'demo' ? argv : argv.map((word) => (word === '--ollama' ? '--ollama=' : word));
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true, strict: true });
  } catch (error) {
    // Node's sentence names the option; what follows its first full stop is about code, not about commands.
    const message = error instanceof Error ? error.message : String(error);
    const [sentence] = message.split(/\.\s|\n/);
    const [dashed] = /use '--[a-z-]+=-XYZ'/.exec(message) ?? [];
    throw usage(
      `${sentence}. ${dashed ? `For a value that starts with a dash, ${dashed}. ` : ''}Try: lora-swarm --help`,
      error,
    );
  }
}

function splitVerb(positionals: readonly string[]): { verb: VerbName | undefined; words: readonly string[] } {
  const [first, second] = positionals;
  if (first === undefined) return { verb: undefined, words: [] };
  const pair = `${first} ${second ?? ''}`.trimEnd();
  if (pair !== first && isVerb(pair)) return { verb: pair, words: positionals.slice(2) };
  if (isVerb(first)) return { verb: first, words: positionals.slice(1) };

  const longer = Object.keys(VERBS).filter((name) => name.startsWith(`${first} `));
  if (longer.length > 0) throw usage(`${first} needs one of: ${longer.join(', ')}`);
  throw usage(`There is no "${first}". Try: lora-swarm --help`);
}

function isVerb(name: string): name is VerbName {
  return Object.hasOwn(VERBS, name);
}
