export interface BenchOptions {
  /** Bytes of the adapter that is carried or converted. */
  readonly size: number;
  /** How often it is carried; the median run counts. */
  readonly runs: number;
  /** How often two engines meet. */
  readonly samples: number;
  /** Tells whoever waits what is going on. */
  readonly say: (line: string) => void;
}

/** Bytes, or KiB, MiB, GiB with a letter. @throws {RangeError} */
export function parseSize(text: string): number {
  const [, digits, unit] = /^(\d+)([KMG]?)$/i.exec(text) ?? [];
  const bytes = Number(digits) * 1024 ** ['', 'K', 'M', 'G'].indexOf(unit?.toUpperCase() ?? '');
  if (!Number.isSafeInteger(bytes) || bytes === 0) throw new RangeError(`--size takes a size like 256M, not ${text}.`);
  return bytes;
}

/** @throws {RangeError} */
export function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) throw new RangeError(`A count is 1 or more, not ${text}.`);
  return count;
}
