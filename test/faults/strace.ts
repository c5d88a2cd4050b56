import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { isDeepStrictEqual } from 'node:util';

/** Calls that change the disk, or may fail for want of it. */
export const DISK_CALLS = [
  ...['openat', 'pwrite64', 'pwritev', 'write', 'fdatasync', 'fsync', 'ftruncate'],
  ...['mkdir', 'rmdir', 'rename', 'renameat2', 'link', 'unlink', 'unlinkat'],
];

/** The `when`-th time that one thread makes this call for this path. */
export interface CallPoint {
  readonly call: string;
  /** Relative to the home. */
  readonly path: string;
  readonly when: number;
}

/** Why nothing can be traced here. */
export function noStrace(): string | undefined {
  if (process.platform !== 'linux') return 'strace is there on Linux only';
  const probe = spawnSync('strace', ['-f', '-o', '/dev/null', '-e', 'trace=none', 'true']);
  if (probe.error) return 'strace is not installed';
  return probe.status === 0 ? undefined : `strace may not trace here: ${String(probe.stderr).trim()}`;
}

// With --seccomp-bpf it is quicker, but strace 6.1 loses signals of the main thread then.
const COMMON = ['strace', '-f', '-qq', '-e', 'signal=none'];

/** Why a program that runs can't be traced from here on. */
export function noAttaching(): string | undefined {
  const missing = noStrace();
  if (missing !== undefined || process.getuid?.() === 0) return missing;
  const scope = '/proc/sys/kernel/yama/ptrace_scope';
  if (!fs.existsSync(scope) || fs.readFileSync(scope, 'utf8').trim() === '0') return undefined;
  return 'only root may trace what runs already (kernel.yama.ptrace_scope)';
}

/** Writes every disk call to a file. */
export function tracing(file: string): string[] {
  return [...COMMON, '-y', '-s', '0', '-o', file, '-e', `trace=${DISK_CALLS.join(',')}`];
}

/** Kills at one call, before it does anything. */
export function injectingKill(home: string, point: CallPoint): string[] {
  return [...COMMON, ...aimedAt(home, point, 'signal=KILL')];
}

/** Has one call fail instead. */
export function injectingError(home: string, point: CallPoint, error: string): string[] {
  return [...COMMON, '--seccomp-bpf', ...aimedAt(home, point, `error=${error}`)];
}

/** Has every call of a kind fail from the n-th on, for any of these paths, and writes down each. */
export function injectingForGood(
  paths: readonly string[],
  {
    call,
    when,
    error,
    log,
  }: { readonly call: string; readonly when: number; readonly error: string; readonly log: string },
): string[] {
  const aims = paths.flatMap((path) => ['-P', path]);
  return [
    ...COMMON,
    '--seccomp-bpf',
    '-o',
    log,
    ...aims,
    '-e',
    `trace=${call}`,
    '-e',
    `inject=${call}:error=${error}:when=${when}+`,
  ];
}

/** Has every call of a kind for this file take longer. */
export function delaying(path: string, call: string, microseconds: number): string[] {
  return [
    ...COMMON,
    '-o',
    '/dev/null',
    '-P',
    path,
    '-e',
    `trace=${call}`,
    '-e',
    `inject=${call}:delay_enter=${microseconds}`,
  ];
}

/** Has each reading of this file take so long in a process that runs, until it is let go. */
export async function holdUpReading(pid: number, path: string, microseconds: number): Promise<() => Promise<void>> {
  const [program, ...args] = delaying(path, 'pread64', microseconds).filter((arg) => arg !== '-qq');
  const strace = spawn(program!, [...args, '-p', String(pid)], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(strace, 'close');
  await new Promise<void>((resolve, reject) => {
    let said = '';
    strace.stderr.on('data', (part: Buffer) => {
      said += part.toString();
      if (/attached/.test(said)) resolve();
    });
    ended.then(() => reject(new Error(`strace: ${said}`)), reject);
  });
  return async () => {
    strace.kill('SIGINT');
    await ended;
  };
}

function aimedAt(home: string, { call, path, when }: CallPoint, what: string): string[] {
  const full = path === '' ? home : `${home}/${path}`;
  return ['-o', '/dev/null', '-P', full, '-e', `trace=${call}`, '-e', `inject=${call}:${what}:when=${when}`];
}

/** All points of a traced run that are in the home, in the order in which they came. */
export function pointsOf(traceFile: string, home: string): CallPoint[] {
  const counts = new Map<string, number>();
  const points: CallPoint[] = [];
  for (const line of fs.readFileSync(traceFile, 'utf8').split('\n')) {
    const [, thread = '', call = '', rest = ''] = /^(\d+) +(\w+)\((.*)$/.exec(line) ?? [];
    const full =
      call === 'openat'
        ? /"([^"]*)"/.exec(rest)?.[1]
        : (/^\d+<([^>]*)>/.exec(rest)?.[1] ?? /"([^"]*)"/.exec(rest)?.[1]);
    if (full === undefined || (full !== home && !full.startsWith(`${home}/`))) continue;
    const path = full.slice(home.length + 1);
    const key = `${thread} ${call} ${path}`;
    const when = (counts.get(key) ?? 0) + 1;
    counts.set(key, when);
    const point = { call, path, when };
    // A second thread that makes the same call for the same path is struck at the same number as the first.
    if (!points.some((other) => isDeepStrictEqual(other, point))) points.push(point);
  }
  return points;
}
