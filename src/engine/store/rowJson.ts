/**
 * Reads a JSON column. SQLite sums no pages, so any of them may be damaged, and one row must not keep all others from being
 * read.
 *
 * @returns undefined when it is no JSON.
 */
export function readJson(column: unknown): unknown {
  try {
    return JSON.parse(String(column)) as unknown;
  } catch {
    return undefined;
  }
}

/** The texts of a list, and nothing else of it. */
export function readTexts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
