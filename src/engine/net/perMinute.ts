const MINUTE_MS = 60_000;
/** Addresses that are counted at once. Who floods from more than that is stopped by the limit on connections. */
const MAX_COUNTED = 4_096;

/** Counts what happens in a minute that begins with the first time, for each of a bounded number of names. */
export class PerMinute {
  readonly #counts = new Map<string, { readonly since: number; count: number }>();

  /** @param now a clock that only goes forward, in milliseconds. */
  constructor(private readonly now: () => number) {}

  /** It happened once more. @returns how often in this minute. */
  count(name: string): number {
    const entry = this.#entry(name) ?? { since: this.now(), count: 0 };
    entry.count++;
    this.#counts.delete(name);
    this.#counts.set(name, entry); // The newest last, so that the oldest goes when there are too many.
    if (this.#counts.size > MAX_COUNTED) this.#counts.delete(this.#counts.keys().next().value!);
    return entry.count;
  }

  /** How often in this minute. */
  of(name: string): number {
    return this.#entry(name)?.count ?? 0;
  }

  #entry(name: string): { readonly since: number; count: number } | undefined {
    const entry = this.#counts.get(name);
    return entry && this.now() - entry.since < MINUTE_MS ? entry : undefined;
  }
}
