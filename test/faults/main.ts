// npm run test:faults -- [R01 R02 …] [--sample] [--only REGEX] [--minutes N] [--mutants]
//
// Strikes the transfer engine with every fault of the reliability plan and says in a table what it came to. `--sample` takes
// the points that `npm test` takes, `--only` those whose name fits;
// `--minutes` is how long what leaks is looked for. `--mutants` takes guards out of a copy of the source and expects the faults to notice.
import { parseArgs } from 'node:util';
import { FAULTS } from './all';
import { Bout, type Outcome } from './fault';
import { Ground } from './ground';
import { runMutants } from './runMutants';
import { tableOf } from './table';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: 'boolean', default: false },
    only: { type: 'string' },
    minutes: { type: 'string', default: '10' },
    mutants: { type: 'boolean', default: false },
  },
});
void main();

async function main(): Promise<void> {
  const unknown = positionals.filter((id) => !FAULTS.some((fault) => fault.id === id));
  if (unknown.length > 0) {
    console.error(`No fault ${unknown.join(', ')}. There are ${FAULTS.map(({ id }) => id).join(', ')}.`);
    process.exitCode = 2;
    return;
  }
  if (values.mutants) {
    const survivors = await runMutants(positionals);
    console.log(survivors.length === 0 ? 'every missing guard was noticed' : `unnoticed: ${survivors.join('; ')}`);
    process.exitCode = survivors.length === 0 ? 0 : 1;
    return;
  }
  const chosen = FAULTS.filter(({ id }) => positionals.length === 0 || positionals.includes(id));
  let ground: Promise<Ground> | undefined;
  const outcomes: Outcome[] = [];
  for (const fault of chosen) {
    console.log(`${fault.id} ${fault.title}`);
    const outcome = await Bout.try(fault, {
      isSample: values.sample,
      minutes: Number(values.minutes),
      ...(values.only === undefined ? {} : { only: new RegExp(values.only) }),
      ground: () => (ground ??= Ground.open()),
      onFailure: (what, error) =>
        console.log(`  FAILED ${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
    });
    outcomes.push(outcome);
    for (const text of outcome.notes) console.log(`  ${text}`);
    for (const text of outcome.leftOut) console.log(`  left out: ${text}`);
  }
  await (await ground)?.close();
  console.log(tableOf(outcomes));
  process.exitCode = outcomes.some(({ failures }) => failures.length > 0) ? 1 : 0;
}
