import type { DoctorCheck } from '../engine/wishes';
import { oneOf, usage } from './args';
import { facts, formatBytes, formatCount } from './format';
import { pathOrOllama } from './targets';
import { orNull, type Verb } from './verbContext';

export const inspectAdapter: Verb = async ({ args, engine, output, resolve, signal }) => {
  const client = await engine();
  const found = await client.wish('inspect', { path: pathOrOllama(args.words[0]!, resolve) }, { signal });

  const { baseModel, architecture, rank, alpha, scale, dtype } = found;
  const fields = {
    ...found,
    baseModel: orNull(baseModel),
    architecture: orNull(architecture),
    rank: orNull(rank),
    alpha: orNull(alpha),
    scale: orNull(scale),
    dtype: orNull(dtype),
  };
  output.result(fields, [
    ...facts([
      ['format', found.format],
      ['base model', baseModel ?? 'unknown'],
      ['architecture', architecture],
      ['rank', rank ?? 'differs by module'],
      ['alpha', alpha ?? 'unknown'],
      ['scale', scale],
      ['targets', found.targets.join(', ')],
      ['modules', found.pairs],
      ['parameters', formatCount(found.parameters)],
      ['size', `${formatBytes(found.bytes)}${dtype ? `, ${dtype}` : ''}`],
      ['licence', found.license],
      ['kept private', found.privateValues.length > 0 ? found.privateValues.join(', ') : undefined],
    ]),
    ...facts(found.problems.map((problem) => [problem.severity === 'refuse' ? 'refused' : 'note', problem.message])),
  ]);
};

export const verdict: Verb = async ({ args, engine, output, resolveTarget, signal }) => {
  const client = await engine();
  const { base } = args.options;
  const found = await client.wish(
    'verdict',
    { target: resolveTarget(args.words[0]!), ...(base === undefined ? {} : { base }) },
    { signal },
  );
  output.result(
    { ...found, base: orNull(found.base) },
    facts([
      ['verdict', found.verdict],
      ['base', found.base],
      ['reason', found.reason],
    ]),
  );
};

export const convert: Verb = async ({ args, engine, output, resolve, resolveTarget, signal }) => {
  const { out, base } = args.options;
  if (out === undefined) throw usage('Where to? Name the file with -o OUT.gguf.');
  if (base === undefined) throw usage('For which base model? Name it with --base MODEL or --base BASE.gguf.');
  const type = oneOf('type', args.options.type, ['source', 'f32', 'f16', 'bf16']);

  const client = await engine();
  const made = await client.wish(
    'convert',
    { path: resolveTarget(args.words[0]!), out: resolve(out), base: resolveTarget(base), ...(type ? { type } : {}) },
    { signal, onProgress: output.progress },
  );
  output.result(made, [`${made.path}  ${formatBytes(made.bytes)}, ${made.tensors} tensors, alpha ${made.alpha}`]);
};

export const doctor: Verb = async ({ engine, output, signal }) => {
  const client = await engine();
  const { checks } = await client.wish('doctor', {}, { signal, onProgress: output.progress });
  const width = Math.max(0, ...checks.map(({ id }) => id.length));
  const line = (check: DoctorCheck): string[] => [
    `${check.ok ? output.green('ok  ') : output.red('fail')}  ${check.id.padEnd(width)}  ${check.detail}`,
    ...(check.fix === undefined ? [] : [`${' '.repeat(width + 8)}${check.fix}`]),
  ];
  output.result({ checks }, checks.flatMap(line));
};
