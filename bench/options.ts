export interface BenchOptions {
  /** Bytes of the adapter that is carried or converted. */
  readonly size: number;
  /** How often it is carried; the median run counts. */
  readonly runs: number;
  /** How often two engines meet. */
  readonly samples: number;
  /** Rows of the transfers that are measured; empty for all. */
  readonly only: readonly string[];
  /** Where files are carried. */
  readonly places: readonly string[];
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

/** A list with commas. @throws {RangeError} for a name that is not known. */
export function parseNames<T extends string>(option: string, text: string, known: readonly T[]): T[] {
  const names = text.split(',').filter((name) => name !== '');
  const unknown = names.find((name) => !known.includes(name as T));
  if (unknown !== undefined) throw new RangeError(`--${option} knows no ${unknown}. Choose of ${known.join(', ')}.`);
  return names as T[];
}
