import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runTarget, type Row, type RunOptions } from './runTarget';
import type { Target } from './target';

/** Runs targets one after the other, each for its part of the time. */
export async function runAll(targets: readonly Target[], options: RunOptions): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [i, target] of targets.entries()) {
    const scratch = join(options.scratch, `${i}`);
    mkdirSync(scratch, { recursive: true });
    rows.push(await runTarget(target, { ...options, scratch, limitMs: options.limitMs / targets.length }));
  }
  return rows;
}
