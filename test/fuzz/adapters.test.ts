import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fuzzAdapters } from './fuzz';

/** The share of `npm run fuzz:adapters` that every run can afford. Inputs depend on nothing but the seed. */
const SHARE = { seed: 20_261, count: 4000, limitMs: 15_000 };

describe('readers of adapters', function () {
  this.timeout(60_000);
  let scratch: string;

  before(async () => (scratch = await mkdtemp(join(tmpdir(), 'lora-swarm-fuzz-'))));
  after(() => rm(scratch, { recursive: true }));

  it('names what is wrong with every damaged adapter, at once and without growing', async () => {
    const report = await fuzzAdapters({ ...SHARE, isLoading: false, scratch });

    assert.deepEqual(report.problems, []);
    // Damage that is all refused, or refused for one reason, would show nothing.
    assert.ok(report.inputs > 500, `${report.inputs} inputs`);
    assert.ok(report.distinct > 10, `${report.distinct} of these were accepted`);
    for (const code of ['ADAPTER_UNREADABLE', 'ADAPTER_CONFIG_INVALID', 'ADAPTER_CONTRADICTION', 'CONVERT_UNSUPPORTED'])
      assert.ok((report.refused[code] ?? 0) > 0, code);
  });
});
