import fs from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface Usage {
  /** All threads. */
  readonly cpuSeconds: number;
  /** Since the process began. */
  readonly peakRssBytes: number;
  /** Of the thread that asks, as `monitorEventLoopDelay` gives it: an idle one reads its resolution of 2 ms. */
  readonly loopP99Ms: number;
  readonly loopMaxMs: number;
}

/** Starts to watch this process. @returns what ends it and tells. */
export function watchUsage(): () => Usage {
  const before = process.cpuUsage();
  const delays = monitorEventLoopDelay({ resolution: 2 });
  delays.enable();
  return () => {
    delays.disable();
    const { user, system } = process.cpuUsage(before);
    return {
      cpuSeconds: (user + system) / 1e6,
      peakRssBytes: peakRssBytes(),
      loopP99Ms: delays.percentile(99) / 1e6,
      loopMaxMs: delays.max / 1e6,
    };
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
