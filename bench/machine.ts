import os from 'node:os';

/** What the figures were measured on. They can only be compared with others of the same machine. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  /** Of the last minute, before anything was measured: above zero, others were at work too. Always 0 on Windows. */
  readonly load: number;
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
  };
}
