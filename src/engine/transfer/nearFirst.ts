import type { Source, SourceRank } from './source';

/** What nearer sources do in this time is not asked of others: these may be slow, cost money, or be needed elsewhere. */
const SOON_MS = 3_000;
/** So long a near source may show how quick it is before others begin too. */
const PROVING_MS = 300;

const RANKS: readonly SourceRank[] = [0, 1, 2];

/**
 * Says who is to work. Those further away stay idle while nearer ones will have done what is left in a few seconds; once they
 * were needed they stay to the end, unless somebody near comes.
 */
export class NearFirst {
  /** The furthest that is needed. */
  #widest: SourceRank = 0;

  /** Somebody near may be enough. */
  joined({ rank }: Source): void {
    if (rank < this.#widest) this.#widest = rank;
  }

  /** @param leftBytes what is not here yet, asked or not. @returns those of the sources that are to work now. */
  workers(sources: readonly Source[], leftBytes: number, now: number): readonly Source[] {
    for (const rank of RANKS) {
      const near = sources.filter((source) => source.rank <= rank);
      if (near.length === sources.length) return near;
      if (rank >= this.#widest && near.length > 0 && areEnough(near, leftBytes, now)) return near;
      // Only who is silent or gone makes room for a moment; who is too slow makes room for good.
      if (near.length > 0) this.#widest = Math.max(this.#widest, rank + 1) as SourceRank;
    }
    return sources;
  }
}

function areEnough(near: readonly Source[], leftBytes: number, now: number): boolean {
  const whole = near.filter(({ have }) => have === 'full'); // A part may not have what is left.
  if (whole.some((source) => now - source.provingSince < PROVING_MS)) return true;
  const rate = whole.reduce((sum, source) => sum + source.rate, 0);
  return rate * SOON_MS >= leftBytes * 1_000;
}
