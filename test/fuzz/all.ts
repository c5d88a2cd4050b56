// npm run fuzz -- [--seconds N] [--only NAME] [--seed S] [--first NUMBER] [--input NUMBER|FILE]
//
// Gives every door of the program what strangers may send, for N seconds in all. What breaks a law is kept in `fuzz-found/`;
// give it a name and move it to `test/fuzz/corpus/TARGET/`, where every run takes it in again. `--input` takes in one input,
// by its number under this seed or from a file.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { keepInput } from './corpus';
import { Random } from './random';
import { leftOut, runAll } from './runAll';
import { table } from './table';
import { TARGETS } from './targets';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    only: { type: 'string' },
    input: { type: 'string' },
  },
});
const seed = Number(values.seed);
const targets = TARGETS.filter(({ name }) => values.only === undefined || name.includes(values.only));
// Memory, where there is a folder of it: files that are written for each input take long on a disk.
const scratch = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'lora-swarm-fuzz-'));

void (async () => {
  try {
    await (values.input === undefined ? fuzz() : takeOne(values.input));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
})();

async function fuzz(): Promise<void> {
  const limitMs = Number(values.seconds) * 1_000;
  const rows = await runAll(targets, { seed, first: Number(values.first), limitMs, scratch });
  console.log(table(rows));
  for (const line of leftOut(targets)) console.log(line);
  console.log(`seed ${seed}`);
  for (const { target, problems } of rows) {
    const told = new Set<string>();
    for (const { input, what, bytes } of problems) {
      const path = keepInput('fuzz-found', target, `${seed}-${input}`, bytes);
      const [kind = ''] = what.split('\n');
      if (!told.has(kind)) console.log(`\n${target}, input ${input} (${path}): ${what}`);
      told.add(kind);
    }
  }
  process.exitCode = rows.some(({ problems }) => problems.length > 0) ? 1 : 0;
}

/** Takes in one input and lets whatever comes up come up. */
async function takeOne(which: string): Promise<void> {
  const [target] = targets;
  if (!target) throw new Error('name the target by --only');
  const open = await target.open(scratch);
  const bytes = /^\d+$/.test(which) ? open.make(new Random(seed, Number(which))) : readFileSync(which);
  console.log(Buffer.from(bytes).toString('latin1').slice(0, 2_000));
  console.log(await open.take(bytes));
  await open.close?.();
}
