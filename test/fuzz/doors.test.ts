import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { leftOut, runAll } from './runAll';
import { table } from './table';
import { TARGETS } from './targets';

/** The share of `npm run fuzz` that every run can afford. Inputs depend on nothing but the seed. */
const SHARE = { seed: 20_263, limitMs: 60_000 };

describe('every door that bytes of strangers come in', function () {
  this.timeout(300_000);
  let scratch: string;

  before(async () => {
    // Memory, where there is a folder of it.
    const parent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
    scratch = await mkdtemp(join(parent, 'lora-swarm-fuzz-'));
  });
  after(() => rm(scratch, { recursive: true, force: true }));

  it('takes or refuses what comes, by name, at once and without growing', async () => {
    const rows = await runAll(TARGETS, { ...SHARE, scratch });

    console.log([`\n${table(rows)}`, ...leftOut(TARGETS), ''].join('\n'));
    const problems = rows.flatMap(({ target, problems: found }) =>
      found.map(({ input, what }) => `${target}, input ${input}: ${what}`),
    );
    assert.deepEqual(problems, []);
    for (const { target, inputs, least, accepted, refused } of rows) {
      assert.ok(inputs >= least, `${target}: ${inputs} inputs`);
      // Damage that is all taken, or all refused, would show nothing.
      assert.ok(accepted > 0 && refused > 0, `${target}: ${accepted} accepted, ${refused} refused`);
    }
  });
});
