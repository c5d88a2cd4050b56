/**
 * How many there are, from draws out of all of them with repeats: the number for which so many draws are expected to bring so
 * many different ones, `different = n (1 - (1 - 1/n)^draws)`.
 *
 * @returns Infinity when no one came twice.
 */
export function estimateCount(draws: number, different: number): number {
  if (different <= 1) return different;
  if (different >= draws) return Infinity;
  const expected = (n: number): number => n * -Math.expm1(draws * Math.log1p(-1 / n));
  let low = different;
  let high = 2 * different;
  while (expected(high) < different) {
    low = high;
    high *= 2;
  }
  while (high - low > 0.5) {
    const middle = (low + high) / 2;
    if (expected(middle) < different) low = middle;
    else high = middle;
  }
  return Math.round(high);
}
