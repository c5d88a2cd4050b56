import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

export interface ChildOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly limitMs: number;
  /** Where its output goes: an open file. Absent: where ours goes. */
  readonly output?: number | 'inherit';
  /** Appears when the tests have ended. From then on the process has `GRACE_MS` to end itself. */
  readonly endedFile?: string;
  /** What its own children may take to end after it. */
  readonly settleMs?: number;
}

export interface ChildResult {
  readonly ok: boolean;
  /** A sentence when the program did not end by itself as it should. */
  readonly problem?: string;
}

/** A test run that stays longer than this after its last test holds something open. */
const GRACE_MS = 15_000;

/** What is ended when the user presses Ctrl-C. */
const running = new Set<ChildProcess>();

/** Runs a program in a process group of its own, and leaves nothing of the group behind. */
export async function runChild(program: string, args: readonly string[], options: ChildOptions): Promise<ChildResult> {
  const { output = 'inherit' } = options;
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env,
    stdio: ['ignore', output, output],
    detached: process.platform !== 'win32',
  });
  running.add(child);
  const overdue = watchTime(child, options);

  const end = await new Promise<{ isFine: boolean; why?: string }>((resolve) => {
    child.once('error', (error) => resolve({ isFine: false, why: error.message }));
    child.once('exit', (code, signal) =>
      resolve({ isFine: code === 0, ...(signal !== null && { why: `ended by ${signal}` }) }),
    );
  });
  const leftovers = await leftRunning(child.pid, options.settleMs ?? 2000);
  killGroup(child);
  running.delete(child);

  const late = overdue();
  const left = leftovers.length > 0 ? `left running: ${leftovers.join(', ')}` : '';
  const problem = late ?? end.why ?? left;
  return problem === '' ? { ok: end.isFine } : { ok: false, problem };
}

/** Ends everything that runs now. */
export function killRunning(): void {
  for (const child of running) killGroup(child);
}

/** Kills the child when its time is over. The result ends the watch and says what was wrong. */
function watchTime(child: ChildProcess, { limitMs, endedFile }: ChildOptions): () => string | undefined {
  const startedAt = Date.now();
  let endedAt: number | undefined;
  let problem: string | undefined;
  const timer = setInterval(() => {
    if (endedFile !== undefined && fs.existsSync(endedFile)) endedAt ??= Date.now();
    if (endedAt !== undefined && Date.now() > endedAt + GRACE_MS)
      problem = 'its tests ended, but something kept the process running';
    else if (Date.now() > startedAt + limitMs) problem = `did not end in ${limitMs / 1000} s`;
    if (problem !== undefined) killGroup(child);
  }, 250);
  return () => {
    clearInterval(timer);
    return problem;
  };
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform !== 'win32') process.kill(-child.pid, 'SIGKILL');
    else if (child.exitCode === null)
      spawnSync('taskkill', ['/pid', String(child.pid), '/t', '/f'], { stdio: 'ignore' });
  } catch {
    // The group is gone, which is what we want.
  }
}

/** Waits until the process group has ended, and names what is left of it then. Only Linux can tell; elsewhere none. */
export async function leftRunning(group: number | undefined, settleMs: number): Promise<string[]> {
  const until = Date.now() + settleMs;
  for (;;) {
    const names = groupMembers(group);
    if (names.length === 0 || Date.now() > until) return names;
    await wait(100);
  }
}

function groupMembers(group: number | undefined): string[] {
  if (process.platform !== 'linux' || group === undefined) return [];
  return fs.readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    const stat = readStat(pid);
    // "pid (name) state parent group …", where the name may hold spaces and brackets.
    const match = /^\d+ \((.*)\) (\S) \d+ (\d+) /s.exec(stat);
    const isThere = match !== null && Number(match[3]) === group && match[2] !== 'Z' && match[2] !== 'X';
    return isThere ? [`${match[1]!} (${pid})`] : [];
  });
}

function readStat(pid: string): string {
  try {
    return fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return ''; // It ended while we looked.
  }
}
