import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../run/machine';
import { MUTANTS, type Mutant } from './mutants';
import { runNode } from './runNode';

const FAULTS = ['--import', 'tsx', 'test/faults/main.ts'];
const COPIED = ['src', 'test/faults', 'test/helpers', 'test/run', 'test/service', 'package.json', 'tsconfig.json'];

/** Takes each guard out of a copy of the source and tries its fault. @returns the names of those that went unnoticed. */
export async function runMutants(faults: readonly string[]): Promise<string[]> {
  const survivors: string[] = [];
  for (const mutant of MUTANTS) {
    if (faults.length > 0 && !faults.includes(mutant.fault)) continue;
    const startedAt = performance.now();
    const { isNoticed, told } = await tryMutant(mutant);
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
    console.log(`${mutant.fault} ${isNoticed ? 'noticed' : 'UNNOTICED'}: ${mutant.name}, ${seconds} s\n    ${told}`);
    if (!isNoticed) survivors.push(mutant.name);
  }
  return survivors;
}

async function tryMutant({ edits, fault, only }: Mutant): Promise<{ isNoticed: boolean; told: string }> {
  // Inside the project, so that its packages are found.
  const folder = path.join(ROOT, 'out-test', `mutant-${process.pid}`);
  try {
    for (const name of COPIED) fs.cpSync(path.join(ROOT, name), path.join(folder, name), { recursive: true });
    for (const { file, from, to } of edits) {
      const target = path.join(folder, 'src/engine', file);
      const source = fs.readFileSync(target, 'utf8');
      if (!source.includes(from)) return { isNoticed: false, told: `${file} has no ${JSON.stringify(from)} any more` };
      fs.writeFileSync(
        target,
        source.replace(from, () => to),
      );
    }
    const { code, output } = await runNode(folder, [
      ...FAULTS,
      fault,
      ...(only === undefined ? ['--sample'] : ['--only', only]),
    ]);
    const failures = output.split('\n').filter((line) => line.includes('FAILED'));
    const [first] = failures.filter((line) => !line.includes('FAILED all of it'));
    if (code === 1 && first !== undefined) return { isNoticed: true, told: first.trim().slice(0, 160) };
    // All went well without the guard, or nothing could be tried, which shows nothing.
    return { isNoticed: false, told: code === 0 ? output.split('\n').at(-2)! : output };
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
