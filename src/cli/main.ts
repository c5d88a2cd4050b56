import fs from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { isAbort } from '../engine/errors';
import type { EngineOptions } from '../engine/engine';
import type { Logger } from '../engine/log';
import { parseSetting } from '../engine/settings';
import { openEngine, type ServiceClient } from '../service/client';
import { LOG_LEVELS, PRODUCT_VERSION } from '../service/protocol';
import { within } from '../service/pace';
import { abortError } from '../service/wireErrors';
import { type CliArgs, type OptionValues, parseCommand } from './args';
import { terminalText } from './format';
import { defaultHome } from './home';
import { EXIT_CANCELLED, EXIT_DONE, Output, type OutputStream } from './output';
import { cancelled, type Verb, type VerbContext } from './verbContext';
import { loadVerb } from './verbTable';
import { usageText } from './verbs';

/** What a wish gets to notice that it was cancelled, out of the 3 s that closing may take. */
const CANCEL_MS = 500;

export interface CliSurroundings {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: () => Readable;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Fires with Ctrl-C. */
  readonly signal: AbortSignal;
  /** The bundled `worker.js`. */
  readonly workerPath: string;
}

/** Runs one command and gives its exit code. */
export async function runCli(around: CliSurroundings): Promise<number> {
  const { argv, stdout, stderr, env, signal } = around;
  const output = new Output({ stdout, stderr, env, isJson: argv.includes('--json') });
  try {
    const args = parseCommand(argv);
    if (args.options.version) output.result({ version: PRODUCT_VERSION }, [PRODUCT_VERSION]);
    else if (args.options.help || args.verb === undefined)
      output.result({ usage: usageText(args.verb) }, usageText(args.verb).split('\n'));
    else await runVerb(around, args, output);
    return signal.aborted ? EXIT_CANCELLED : EXIT_DONE;
  } catch (error) {
    return output.error(signal.aborted && !isAbort(error) ? abortError() : error);
  }
}

async function runVerb(around: CliSurroundings, args: CliArgs, output: Output): Promise<void> {
  const { cwd, env, signal, stdin } = around;
  const verb: Verb = await loadVerb(args.verb);
  let opening: Promise<ServiceClient> | undefined;
  const opened: Promise<ServiceClient>[] = [];
  const engineOf = (options: Omit<EngineOptions, 'log'>): Promise<ServiceClient> => {
    const client = openEngine({
      ...options,
      log: logTo(around.stderr, env['LORA_SWARM_LOG']),
      workerPath: around.workerPath,
    });
    opened.push(client);
    return client;
  };
  const network = networkOf(args.options, env);
  const context: VerbContext = {
    args,
    output,
    signal,
    env,
    stdin,
    ...network,
    resolve: (file) => path.resolve(cwd, file),
    resolveTarget: (target) => (fs.existsSync(path.resolve(cwd, target)) ? path.resolve(cwd, target) : target),
    engine: () => (opening ??= open(around, args.options, network, output, engineOf)),
    engineOf,
  };
  try {
    const work = verb(context);
    await Promise.race([work, cancelled(signal)]);
    // A verb that ignores Ctrl-C is left behind: its engine is closed below.
    const isDone = await within(
      CANCEL_MS,
      work.then(() => true),
    );
    if (!isDone) throw abortError();
  } finally {
    await Promise.all(
      opened.map((opening) =>
        opening.then(
          (client) => client.close(),
          () => undefined,
        ),
      ),
    );
  }
}

interface Network {
  readonly host: string | undefined;
  readonly bootstrap: readonly string[];
}

function networkOf(options: OptionValues, env: CliSurroundings['env']): Network {
  return {
    host: options.host ?? (env['LORA_SWARM_HOST'] || undefined),
    bootstrap: parseSetting('network.bootstrap', options.bootstrap ?? env['LORA_SWARM_BOOTSTRAP'] ?? ''),
  };
}

async function open(
  around: CliSurroundings,
  options: OptionValues,
  { host, bootstrap }: Network,
  output: Output,
  engineOf: VerbContext['engineOf'],
): Promise<ServiceClient> {
  const { cwd, env } = around;
  const ollamaHost = env['OLLAMA_HOST'];
  const client = await engineOf({
    home: path.resolve(cwd, options.home ?? (env['LORA_SWARM_HOME'] || defaultHome(env))),
    ...(bootstrap.length > 0 ? { bootstrap } : {}),
    ...(host === undefined ? {} : { host }),
    ...(ollamaHost ? { ollamaHost } : {}),
  });
  if (!client.isLeader && (options.bootstrap ?? options.host))
    output.note('An engine runs already for this folder; it keeps its own --bootstrap and --host.');
  return client;
}

/** The log on stderr, from a level on. Without one only errors: they are the details of "something went wrong". */
function logTo(stderr: OutputStream, least = 'error'): Logger {
  const from = LOG_LEVELS.findIndex((level) => level === least);
  const write =
    (level: (typeof LOG_LEVELS)[number]) =>
    (message: string): void => {
      if (from >= 0 && LOG_LEVELS.indexOf(level) >= from) stderr.write(`${level}: ${terminalText(message)}\n`);
    };
  return {
    trace: write('trace'),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
  };
}
