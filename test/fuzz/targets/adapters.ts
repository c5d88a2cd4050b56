import { join } from 'node:path';
import { mkdirSync } from 'node:fs';
import { costSince, started } from '../../helpers/processorTime';
import { Inputs } from '../input';
import { readInput } from '../readInput';
import { readSamples } from '../samples';
import type { Target } from '../target';

/**
 * Adapters and bases, damaged as `fuzz:adapters` damages them: safetensors, GGUF and configs, read as before an install and
 * written anew. An input is the number of one, so that files need not be kept.
 */
export const adapters: Target = {
  name: 'adapters',
  least: 80, // One in ten is accepted.
  open: async (scratch) => {
    const samples = await readSamples(scratch);
    const folder = join(scratch, 'inputs');
    mkdirSync(folder);
    const inputs = new Inputs(samples, folder, SEED);
    return {
      make: (random) => Buffer.from(`${random.below(2 ** 31)}`),
      take: async (input) => {
        const written = inputs.write(Number(Buffer.from(input).toString('utf8')));
        const since = started();
        const outcome = await readInput(written, samples, join(scratch, 'out.gguf'));
        const ms = costSince(since);
        if (outcome.kind === 'bug') throw outcome.error;
        const verdict = outcome.kind === 'refused' ? 'refused' : 'accepted';
        return { verdict, count: 1, slowestMs: ms / (written.what === 'merge' ? MERGE_WORK : 1) };
      },
    };
  },
};

const SEED = 20_264;
/** Writing a whole model is the work of so many adapters. */
const MERGE_WORK = 10;
