import fs from 'node:fs';
import os from 'node:os';

/** Of a virtual machine: in which pieces it reports free memory to its host, as a power of two of pages. */
const REPORTING = '/sys/module/page_reporting/parameters/page_reporting_order';
/** Linux has no larger pieces (MAX_PAGE_ORDER). */
const LARGEST_ORDER = 10;

/** What the figures were measured on. They can only be compared with others of the same machine. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  /** Of the last minute, before anything was measured: above zero, others were at work too. Always 0 on Windows. */
  readonly load: number;
  /** A virtual one that hands freed memory back to its host: writing into new memory takes as long as the host likes. */
  readonly givesMemoryBack: boolean;
}

export function thisMachine(): Machine {
  const cpus = os.cpus();
  return {
    cpu: cpus[0]?.model.trim() ?? 'unknown',
    cores: cpus.length,
    memoryGiB: Math.round(os.totalmem() / 1024 ** 3),
    system: `${os.type()} ${os.arch()}`,
    node: process.version,
    load: Math.round(os.loadavg()[0]! * 100) / 100,
    givesMemoryBack: reportsFreePages(),
  };
}

function reportsFreePages(): boolean {
  try {
    return Number(fs.readFileSync(REPORTING, 'utf8')) <= LARGEST_ORDER;
  } catch {
    return false;
  }
}
