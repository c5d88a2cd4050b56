import type { Source, SourceRank } from './source';

/** What nearer sources do in this time is not asked of others: these may be slow, cost money, or be needed elsewhere. */
const SOON_MS = 3_000;
/** So long a near source may show how quick it is before others begin too. */
const PROVING_MS = 300;

/**
 * Those of the sources that are to work now, nearest first. One further away stays idle while nearer ones will have done
 * what is left in a few seconds.
 *
 * @param leftBytes what is not here yet, asked or not.
 */
export function workers(sources: readonly Source[], leftBytes: number, now: number): readonly Source[] {
  const [first] = sources;
  if (first === undefined || sources.every(({ rank }) => rank === first.rank)) return sources;
  const sorted = [...sources].sort((a, b) => a.rank - b.rank);
  for (const rank of RANKS) {
    const near = sorted.filter((source) => source.rank < rank);
    if (near.length > 0 && near.length < sorted.length && areEnough(near, leftBytes, now)) return near;
  }
  return sorted;
}

const RANKS: readonly SourceRank[] = [1, 2];

function areEnough(near: readonly Source[], leftBytes: number, now: number): boolean {
  const whole = near.filter(({ have }) => have === 'full'); // A part may not have what is left.
  if (whole.some((source) => !source.hasGiven && now - source.openedAt < PROVING_MS)) return true;
  const rate = whole.reduce((sum, source) => sum + source.rate, 0);
  return rate * SOON_MS >= leftBytes * 1_000;
}
