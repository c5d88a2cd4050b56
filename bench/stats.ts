/** The value below which this part of the samples lies, by nearest rank. @throws {RangeError} without samples. */
export function percentile(samples: readonly number[], part: number): number {
  if (samples.length === 0) throw new RangeError('no samples');
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)]!;
}

export const median = (samples: readonly number[]): number => percentile(samples, 0.5);

/** The run in the middle by one figure, whole: figures of different runs do not belong together. */
export function medianRun<T>(runs: readonly T[], figure: (run: T) => number): T {
  const middle = median(runs.map(figure));
  return runs.find((run) => figure(run) === middle)!;
}
