/** How much quicker one has to be to pass another: rates breathe, and rows that swap with every breath cannot be read. */
const LEAD = 1.25;
/** Bytes per second. Below this nobody is quick. */
const SLOW = 50_000;

export interface Ranked {
  readonly key: string;
  readonly rate: number;
}

/**
 * Quickest first, without a dance: whoever was above stays there until another is clearly quicker.
 *
 * @param before Keys in the order that was shown last.
 */
export function sourceOrder<T extends Ranked>(before: readonly string[], sources: readonly T[]): T[] {
  const known = new Map(before.map((key, at) => [key, at]));
  const isKnown = ({ key }: T): boolean => known.has(key);
  // Those who are new come in by their rate alone.
  const order = [...sources.filter(isKnown)].sort((a, b) => known.get(a.key)! - known.get(b.key)!);
  order.push(...sources.filter((source) => !isKnown(source)).sort((a, b) => b.rate - a.rate));
  // Insertion sort: each one moves up while it is clearly quicker than the one above.
  for (let at = 1; at < order.length; at++)
    for (let to = at; to > 0 && passes(order[to]!, order[to - 1]!); to--)
      [order[to - 1], order[to]] = [order[to]!, order[to - 1]!];
  return order;
}

function passes(below: Ranked, above: Ranked): boolean {
  return below.rate > Math.max(above.rate, SLOW) * LEAD || (below.rate > 0 && above.rate === 0);
}
