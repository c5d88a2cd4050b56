import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { killRunning, runChild } from './child';
import type { Counts } from './counts';
import { ROOT, findNode, findOllamas } from './machine';
import { KeptOutput, directly, type Output } from './output';
import { STAGES, lanes, testFiles, type Stage } from './stages';

const INFERENCE_INSTALLER = path.join('test', 'inference', 'install.mjs');

/** Named for the test machinery itself. Everything else that starts like this belongs to the user, not to the tests. */
const KEPT_VARIABLES = ['LORA_SWARM_VSCODE', 'LORA_SWARM_VSCODE_HOST', 'LORA_SWARM_CHROMIUM'];

/** Runs the named stages, all when none is named, and gives the exit code. */
export async function runTests(names: readonly string[]): Promise<number> {
  const known = new Set(STAGES.map(({ name }) => name));
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0) {
    console.error(`No stage ${unknown.join(', ')}. There are ${[...known].join(', ')}.`);
    return 2;
  }
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'lora-swarm-test-'));
  const removeScratch = () => fs.rmSync(scratch, { recursive: true, force: true });
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      killRunning();
      KeptOutput.endAll();
      removeScratch();
      process.exit(130);
    });

  const run = new TestRun(scratch);
  const chosen = STAGES.filter(({ name }) => names.length === 0 || names.includes(name));
  for (const stage of chosen) if (stage.lane === 'first') await run.stage(stage, directly);
  const rows = lanes(
    chosen.filter(({ lane }) => lane !== 'first'),
    os.availableParallelism(),
  );
  await Promise.all(rows.map((row) => run.row(row, rows.length > 1)));
  removeScratch();
  return run.report();
}

class TestRun {
  readonly #node = findNode();
  readonly #env = testEnvironment();
  readonly #counts: Counts = { passed: 0, failed: [], skipped: [] };
  readonly #leftOut: string[] = [];

  constructor(private readonly scratch: string) {}

  /** Runs stages one after the other. What each says comes in one piece when others run beside them. */
  async row(stages: readonly Stage[], hasOthersBeside: boolean): Promise<void> {
    for (const [i, stage] of stages.entries()) {
      const output = hasOthersBeside ? new KeptOutput(path.join(this.scratch, `${stage.lane}-${i}.log`)) : directly;
      await this.stage(stage, output);
      output.end();
    }
  }

  async stage(stage: Stage, output: Output): Promise<void> {
    const files = stage.command ? [] : testFiles(stage);
    if (!stage.command && files.length === 0) return;
    output.say(heading(stage.title));
    const startedAt = Date.now();

    const missing =
      stage.missing?.() ?? (stage.name === 'inference' ? await this.#installInference(output) : undefined);
    if (missing !== undefined) {
      this.#leftOut.push(`${stage.title}: ${missing}`);
      output.say(`left out: ${missing}`);
      return;
    }
    const without = stage.without?.();
    if (without !== undefined) this.#leftOut.push(without);

    const isFine = stage.command
      ? await this.#program(stage, stage.command, output)
      : await this.#mocha(stage, files, output);
    output.say(`${isFine ? 'ok' : 'FAILED'}: ${stage.title}, ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
  }

  /** What failed and what was left out, each with its reason, then the counts as the very last line. */
  report(): number {
    const { passed, failed, skipped } = this.#counts;
    console.log(heading('Result'));
    for (const { title, why } of failed) console.log(`failed: ${title}${why === '' ? '' : `: ${why}`}`);
    for (const line of this.#leftOut) console.log(`left out: ${line}`);
    console.log(`${passed} passed, ${failed.length} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`);
    return failed.length === 0 && passed > 0 ? 0 : 1;
  }

  async #program(stage: Stage, command: readonly string[], output: Output): Promise<boolean> {
    const { ok, problem } = await this.#run(command, output, stage.limitMs);
    if (ok) this.#counts.passed++;
    else this.#fail(stage, problem);
    return ok;
  }

  async #mocha(stage: Stage, files: readonly string[], output: Output): Promise<boolean> {
    const endedFile = path.join(this.scratch, `${stage.name}.json`);
    const reporter = path.join('test', 'run', 'specAndCounts.ts');
    const mocha = ['node_modules/mocha/bin/mocha.js', '--reporter', reporter, '--reporter-option', `file=${endedFile}`];
    const { ok, problem } = await this.#run([...mocha, ...files], output, stage.limitMs, endedFile);

    const ran = fs.existsSync(endedFile) ? (JSON.parse(fs.readFileSync(endedFile, 'utf8')) as Counts) : undefined;
    this.#counts.passed += ran?.passed ?? 0;
    for (const { title, why } of ran?.failed ?? [])
      this.#counts.failed.push({ title: `${stage.title}: ${title}`, why });
    this.#counts.skipped.push(...(ran?.skipped ?? []));
    for (const title of ran?.skipped ?? []) this.#leftOut.push(`${stage.title}: ${title}`);
    // Tests may all pass in a run that did not end as it should, and a file that does not load has no tests at all.
    if (problem !== undefined || !ran || (!ok && ran.failed.length === 0))
      this.#fail(stage, problem ?? 'the run ended with an error outside its tests');
    return ok;
  }

  /** llama.cpp for the inference tests, in a folder of its own. Gives the reason when it can't be had here. */
  async #installInference(output: Output): Promise<string | undefined> {
    if (!fs.existsSync(path.join(ROOT, INFERENCE_INSTALLER))) return undefined;
    const { ok, problem } = await this.#run([INFERENCE_INSTALLER], output, 5 * 60_000);
    return ok ? undefined : `${INFERENCE_INSTALLER}: ${problem ?? 'llama.cpp could not be installed'}`;
  }

  #run(args: readonly string[], output: Output, limitMs: number, endedFile?: string): ReturnType<typeof runChild> {
    const options = { cwd: ROOT, env: this.#env, limitMs, output: output.target };
    return runChild(this.#node, args, { ...options, ...(endedFile && { endedFile }) });
  }

  #fail(stage: Stage, problem: string | undefined): void {
    this.#counts.failed.push({ title: stage.title, why: problem ?? '' });
  }
}

/** The user's own swarm, room codes and Ollama are none of the tests' business. */
function testEnvironment(): NodeJS.ProcessEnv {
  const clean: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env))
    if (!/^(LORA_SWARM_|OLLAMA_)/.test(name) || KEPT_VARIABLES.includes(name)) clean[name] = value;
  const ollamas = findOllamas();
  if (ollamas.length > 0) clean['OLLAMA_BIN'] = ollamas.join(path.delimiter);
  clean['PATH'] = [path.join(ROOT, 'node_modules', '.bin'), process.env['PATH']].join(path.delimiter);
  return clean;
}

function heading(text: string): string {
  return `\n── ${text} ${'─'.repeat(Math.max(0, 76 - text.length))}`;
}
