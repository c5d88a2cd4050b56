import { text } from 'node:stream/consumers';
import type { CompareSide, MergeAdaptersResult, MergeIntoBaseResult } from '../engine/deployWishes';
import { oneOf, usage, type OptionValues } from './args';
import { facts, formatBytes, table } from './format';
import { numberOf, weightedTarget } from './targets';
import { orNull, type Verb } from './verbContext';

/** Modules of a merge whose error is told to people; programs get all of them. */
const WORST_MODULES = 5;

/** Adapters into one adapter, or with `--into` into a copy of the base. */
export const merge: Verb = async (context) => {
  const { args, engine, output, resolve, signal } = context;
  const { into, out } = args.options;
  const parts = args.words.map((word) => weightedTarget(word, context));
  const options = { signal, onProgress: output.progress };
  if (into !== undefined) {
    only(args.options, ['method', 'rank', 'density', 'seed', 'base'], 'goes without --into');
    if (out === undefined) throw usage('Where to? Name the file with -o OUT.gguf.');
    const type = oneOf('type', args.options.type, ['keep', 'f32', 'f16', 'q8_0']);
    const request = { parts, into: fileOrModel(into, resolve), out: resolve(out), ...(type ? { type } : {}) };
    const made = await (await engine()).wish('mergeIntoBase', request, options);
    output.result(made, baseLines(made));
    return;
  }

  only(args.options, ['type'], 'goes with --into');
  if (out === undefined) throw usage('Where to? Name the folder with -o DIR, or the base with --into BASE.gguf|MODEL.');
  const method = oneOf('method', args.options.method, ['concat', 'svd', 'ties', 'dare']);
  const [rank, density, seed] = (['rank', 'density', 'seed'] as const).map((name) =>
    numberOf(name, args.options[name]),
  );
  const { base } = args.options;
  const request = {
    parts,
    out: resolve(out),
    ...(method ? { method } : {}),
    ...(rank === undefined ? {} : { rank }),
    ...(density === undefined ? {} : { density }),
    ...(seed === undefined ? {} : { seed }),
    ...(base === undefined ? {} : { base: fileOrModel(base, resolve) }),
  };
  const made = await (await engine()).wish('mergeAdapters', request, options);
  output.result({ ...made, rank: orNull(made.rank) }, adapterLines(made));
};

/** The same prompt to two models, side after side. */
export const compare: Verb = async ({ args, engine, output, signal, stdin }) => {
  const [base = '', model = '', word = ''] = args.words;
  const prompt = word === '-' ? await text(stdin()) : word;
  const tokens = numberOf('tokens', args.options.tokens);
  const request = { base, model, prompt, ...(tokens === undefined ? {} : { tokens }) };
  const client = await engine();

  const said = await client.wish('compare', request, { signal, onProgress: output.progress });

  const sideLines = (name: string, side: CompareSide): string[] => [
    output.bold(`${name}  ${side.tokens} tokens in ${side.seconds.toFixed(1)} s`),
    ...side.text.split('\n'),
  ];
  output.result(said, [
    ...sideLines(base, said.base),
    '',
    ...sideLines(model, said.model),
    ...(said.base.text === said.model.text ? ['', output.red('Both say the same.')] : []),
  ]);
};

function baseLines({ path, bytes, tensors, changed, retyped }: MergeIntoBaseResult): string[] {
  const types = new Map<string, number>();
  for (const { from, to } of retyped) types.set(`${from} → ${to}`, (types.get(`${from} → ${to}`) ?? 0) + 1);
  return [
    `${path}  ${formatBytes(bytes)}`,
    ...facts([
      ['changed', `${changed} of ${tensors} tensors, the others byte for byte`],
      ['other type', types.size > 0 ? [...types].map(([name, count]) => `${count} × ${name}`).join(', ') : undefined],
    ]),
  ];
}

function adapterLines({ path, method, bytes, pairs, rank, parents, error }: MergeAdaptersResult): string[] {
  const worst = [...error.modules].sort((one, other) => other.error - one.error).slice(0, WORST_MODULES);
  return [
    `${path}  ${formatBytes(bytes)}`,
    ...facts([
      ['method', method],
      ['rank', rank ?? 'differs by module'],
      ['modules', pairs],
      ['parents', parents.length > 0 ? parents.map((id) => id.slice(0, 8)).join(', ') : undefined],
      ['error', error.whole === 0 ? 'none: it is exact' : percent(error.whole)],
    ]),
    ...(error.whole === 0
      ? []
      : table(
          ['MODULE', 'ERROR'],
          worst.map((one) => [one.name, percent(one.error)]),
        )),
  ];
}

/** Below a thousandth of a percent it is rounding, which still is not nothing. */
function percent(error: number): string {
  return error < 1e-5 ? `${(100 * error).toExponential(0)} %` : `${(100 * error).toFixed(3)} %`;
}

function only(options: OptionValues, names: readonly (keyof OptionValues)[], when: string): void {
  const wrong = names.find((name) => options[name] !== undefined);
  if (wrong !== undefined) throw usage(`--${wrong} ${when} only.`);
}

/** A base is a file by its name, whether it is there or not: no model of Ollama is called so. */
function fileOrModel(base: string, resolve: (path: string) => string): string {
  return /\.gguf$|^\.{0,2}[\\/]|^[a-z]:[\\/]/i.test(base) ? resolve(base) : base;
}
