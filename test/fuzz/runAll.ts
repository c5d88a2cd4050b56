import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runTarget, type Row, type RunOptions } from './runTarget';
import type { Target } from './target';

/** Runs targets one after the other, each for its part of the time. */
export async function runAll(targets: readonly Target[], options: RunOptions): Promise<Row[]> {
  const rows: Row[] = [];
  const present = targets.filter(({ missing }) => missing?.() === undefined);
  for (const [i, target] of present.entries()) {
    const scratch = join(options.scratch, `${i}`);
    mkdirSync(scratch, { recursive: true });
    rows.push(await runTarget(target, { ...options, scratch, limitMs: options.limitMs / present.length }));
  }
  return rows;
}

/** Targets that this machine cannot run, and why. */
export function leftOut(targets: readonly Target[]): string[] {
  return targets.flatMap(({ name, missing }) => {
    const reason = missing?.();
    return reason === undefined ? [] : [`left out: ${name}: ${reason}`];
  });
}
