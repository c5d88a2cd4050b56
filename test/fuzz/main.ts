// npm run fuzz:adapters -- [--count N] [--seed S] [--first NUMBER] [--only NUMBER] [--no-llama]
//
// Damages the adapters of the fixtures N times and has them read, converted and loaded in llama.cpp. Nothing may crash, take long
// or grow, every error has a name, and llama.cpp takes whatever was accepted. `--only` runs one input of a seed again and keeps
// its files.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { hasInference } from '../helpers/logits';
import { fuzzAdapters, type FuzzReport } from './fuzz';
import { Inputs } from './input';
import { readInput } from './readInput';
import { readSamples } from './samples';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    only: { type: 'string' },
    'no-llama': { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
// Memory, where there is a folder of it: a million files that are synced to a disk take hours.
const scratch = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'lora-swarm-fuzz-'));
void (values.only === undefined ? runAll() : runOne(Number(values.only)));

async function runOne(number: number): Promise<void> {
  const samples = await readSamples(scratch);
  const input = new Inputs(samples, scratch, seed).write(number);
  console.log(input);
  console.log(await readInput(input, samples, join(scratch, 'out.gguf')));
}

async function runAll(): Promise<void> {
  const isLoading = !values['no-llama'] && hasInference();
  if (!isLoading) console.log('left out: llama.cpp');
  const startedAt = Date.now();
  let shown = startedAt;
  const onProgress = (report: FuzzReport): void => {
    if (Date.now() - shown < 30_000) return;
    shown = Date.now();
    console.log(line(report));
  };
  try {
    const report = await fuzzAdapters({
      seed,
      first: Number(values.first),
      count: Number(values.count),
      isLoading,
      scratch,
      onProgress,
    });
    console.log(line(report));
    console.log(report.refused);
    for (const problem of report.problems) console.log(problem);
    console.log(`${report.problems.length} problems, ${((Date.now() - startedAt) / 1000).toFixed(0)} s, seed ${seed}`);
    process.exitCode = report.problems.length === 0 ? 0 : 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function line({ inputs, accepted, merged, distinct, loaded, slowest, memory, problems }: FuzzReport): string {
  const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
  return [
    `${inputs} inputs, ${accepted} accepted (${merged} merged), ${distinct} of them distinct, ${loaded} loaded in llama.cpp`,
    `slowest ${slowest.ms.toFixed(0)} ms (input ${slowest.number}), memory ${mib(memory.warm)} warm, ${mib(memory.now)} now`,
    `${problems.length} problems`,
  ].join('; ');
}
