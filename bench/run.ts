// npm run bench [-- NAME...] [--json | --markdown] [--size 1G] [--runs 3] [--samples 20] [--only ROW,...] [--on tmpfs,disk]
import { parseArgs } from 'node:util';
import { benchConvert } from './convert';
import { benchDiscovery } from './discovery';
import { Ground } from './ground';
import { LINK_BENCHMARKS } from './links/benchmarks';
import { thisMachine, type Machine } from './machine';
import { benchMerge } from './merge';
import { parseCount, parseNames, parseSize, type BenchOptions } from './options';
import { dataOf, markdownOf, tableOf, type Section } from './section';
import { benchStartup } from './startup';
import { PLACE_NAMES } from './transfer/place';
import { benchTransfer } from './transfer/transfer';
import { WAY_KEYS } from './transfer/ways';
import { benchVerdict } from './verdict';

type Benchmark = (ground: Ground, options: BenchOptions) => Promise<Section | readonly Section[]>;

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  transfer: benchTransfer,
  startup: benchStartup,
  discovery: benchDiscovery,
  convert: benchConvert,
  merge: benchMerge,
  verdict: benchVerdict,
  ...LINK_BENCHMARKS,
};

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      markdown: { type: 'boolean', default: false },
      size: { type: 'string', default: '1G' },
      runs: { type: 'string', default: '3' },
      samples: { type: 'string', default: '20' },
      only: { type: 'string', default: '' },
      on: { type: 'string', default: PLACE_NAMES.join(',') },
    },
  });
  const names = positionals.length > 0 ? positionals : Object.keys(BENCHMARKS);
  const unknown = names.find((name) => !Object.hasOwn(BENCHMARKS, name));
  if (unknown !== undefined)
    throw new RangeError(`There is no benchmark ${unknown}. Choose of ${Object.keys(BENCHMARKS).join(', ')}.`);
  const options: BenchOptions = {
    size: parseSize(values.size),
    runs: parseCount(values.runs),
    samples: parseCount(values.samples),
    only: parseNames('only', values.only, WAY_KEYS),
    places: parseNames('on', values.on, PLACE_NAMES),
    say: (line) => void process.stderr.write(`${line}\n`),
  };

  const textOf = values.markdown ? markdownOf : tableOf;
  const machine = thisMachine();
  const sections: Section[] = [];
  const ground = new Ground();
  const stop = (): void => void ground.dispose().then(() => process.exit(130));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    await ground.prepare();
    if (!values.json) process.stdout.write(`${describe(machine)}\n`);
    for (const name of names) {
      const found = [await BENCHMARKS[name]!(ground, options)].flat();
      sections.push(...found);
      if (!values.json) for (const section of found) process.stdout.write(`\n${textOf(section)}\n`);
    }
  } finally {
    await ground.dispose();
  }
  if (!values.json) return;
  const data = Object.fromEntries(sections.map((section) => [section.name, dataOf(section)]));
  process.stdout.write(`${JSON.stringify({ machine, ...data }, null, 2)}\n`);
}

function describe({ cpu, cores, memoryGiB, system, node, load, givesMemoryBack }: Machine): string {
  const line = `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node ${node}, load ${load} before the first run`;
  if (!givesMemoryBack) return line;
  return `${line}\nThis machine gives freed memory back to its host: rates of writing vary by chance, see docs/performance.md.`;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof RangeError ? error.message : String((error as Error).stack ?? error)}\n`);
  process.exitCode = 1;
});
