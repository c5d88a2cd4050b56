import fs from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** As `monitorEventLoopDelay` gives it: a thread that does nothing reads its resolution of 2 ms. */
export interface LoopDelay {
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface Usage {
  /** All threads. */
  readonly cpuSeconds: number;
  /** Since the process began. */
  readonly peakRssBytes: number;
  /** Of the thread that asks. */
  readonly loopP99Ms: number;
  readonly loopMaxMs: number;
}

/** Starts to watch this process. @returns what ends it and tells. */
export function watchUsage(): () => Usage {
  const before = process.cpuUsage();
  const endLoop = watchLoop();
  return () => {
    const { p99Ms, maxMs } = endLoop();
    const { user, system } = process.cpuUsage(before);
    return {
      cpuSeconds: (user + system) / 1e6,
      peakRssBytes: peakRssBytes(),
      loopP99Ms: p99Ms,
      loopMaxMs: maxMs,
    };
  };
}

/** Of the thread that calls it. */
export function watchLoop(): () => LoopDelay {
  const delays = monitorEventLoopDelay({ resolution: 2 });
  delays.enable();
  return () => {
    delays.disable();
    return { p99Ms: delays.percentile(99) / 1e6, maxMs: delays.max / 1e6 };
  };
}

/** Calls of a process that is watched while it works. */
export function usageCalls() {
  let end: (() => Usage) | undefined;
  return {
    watch: (): Promise<void> => {
      end = watchUsage();
      return Promise.resolve();
    },
    usage: (): Promise<Usage> => Promise.resolve(end!()),
  };
}

/** Linux counts the memory of whoever started a process into its `maxRSS`, so there the kernel's own mark is read. */
function peakRssBytes(): number {
  if (process.platform === 'linux') {
    const mark = /^VmHWM:\s+(\d+) kB/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))?.[1];
    if (mark !== undefined) return Number(mark) * 1024;
  }
  return process.resourceUsage().maxRSS * 1024;
}
