import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fuzzAdapters } from '../fuzz/fuzz';
import { hasInference } from '../helpers/logits';

/** The share of `npm run fuzz:adapters` that every run can afford. */
const SHARE = { seed: 20_262, count: 3000, limitMs: 15_000 };

describe('damaged adapters in llama.cpp', function () {
  this.timeout(120_000);
  if (!hasInference()) {
    it('left out: llama.cpp is not installed; run node test/inference/install.mjs');
    return;
  }
  let scratch: string;

  before(async () => (scratch = await mkdtemp(join(tmpdir(), 'lora-swarm-fuzz-'))));
  after(() => rm(scratch, { recursive: true }));

  it('load, each that was accepted', async () => {
    const report = await fuzzAdapters({ ...SHARE, isLoading: true, scratch });

    assert.deepEqual(report.problems, []);
    assert.equal(report.loaded, report.distinct);
    assert.ok(report.loaded > 10, `${report.loaded} of ${report.inputs} inputs`);
  });
});
