/** Since when, of the processor. */
export type Started = NodeJS.CpuUsage;

export const started = (): Started => process.cpuUsage();

/** Milliseconds of a processor, on all threads of this process, since then. What others on this machine do is not among them. */
export function costSince(since: Started): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1_000;
}
