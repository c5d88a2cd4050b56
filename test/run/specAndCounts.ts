import Mocha from 'mocha';
import { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import type { Counts, FailedTest } from './counts';

/** Sooner than the runner ends what still runs. */
const STILL_OPEN_MS = 10_000;
/** The whole error stands with its test; this is for the list at the end. */
const WHY_CHARS = 600;

/** Mocha's spec reporter, which also writes the counts to the file of `--reporter-option file=…` when the run has ended. */
export default class SpecAndCounts extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const { file } = options.reporterOptions as { file: string };
    const counts: Counts = { passed: 0, failed: [], skipped: [] };

    runner.on('pass', () => counts.passed++);
    runner.on('fail', (test, error: unknown) => counts.failed.push(failedTest(test.fullTitle(), error)));
    runner.on('pending', (test) => counts.skipped.push(test.fullTitle()));
    runner.once('end', () => {
      // Renamed, so that the file is whole as soon as it is there.
      fs.writeFileSync(`${file}.part`, JSON.stringify(counts));
      fs.renameSync(`${file}.part`, file);
      // Keeps nothing open itself, so it is said only when something else does.
      setTimeout(() => console.error(`still open: ${openThings().join(', ')}`), STILL_OPEN_MS).unref();
    });
  }
}

function failedTest(title: string, error: unknown): FailedTest {
  const text = error instanceof Error ? error.message : String(error);
  return { title, why: text.replace(/\s+/g, ' ').trim().slice(0, WHY_CHARS) };
}

/** Processes by their commands, and of all else the kind. */
function openThings(): string[] {
  const node = process as unknown as { _getActiveHandles(): readonly object[] };
  const children = node._getActiveHandles().filter((handle) => handle instanceof ChildProcess);
  const commands = children.map(({ spawnargs }) => spawnargs.join(' '));
  return [...commands, ...process.getActiveResourcesInfo()];
}
