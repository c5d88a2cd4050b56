/** Since when, of the processor. */
export type Started = NodeJS.CpuUsage;

/** Node before 22.19 only knows the sum over all threads. */
const usage = (since?: Started): NodeJS.CpuUsage =>
  (process as Partial<typeof process>).threadCpuUsage?.(since) ?? process.cpuUsage(since);

export const started = (): Started => usage();

/**
 * Milliseconds of a processor since then, on this thread: as long as nothing else of it could run. What others on this machine do
 * is not among them, nor what the compiler and the collector of V8 do beside it.
 */
export function costSince(since: Started): number {
  const { user, system } = usage(since);
  return (user + system) / 1_000;
}
