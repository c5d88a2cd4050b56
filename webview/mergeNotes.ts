import type { MergeChoice } from '../src/shared/mergeProtocol';
import type { MergeMethod } from '../src/shared/panelProtocol';
import type { Words } from './words';

/** What a merge will be, before it is made. */
export interface MergeForecast {
  readonly text: string;
  readonly isExact: boolean;
}

/** @param rank The rank that is asked for; concatenating has none of its own. */
export function forecast(
  words: Words,
  choices: readonly MergeChoice[],
  method: MergeMethod,
  rank: number | undefined,
): MergeForecast | undefined {
  if (choices.length < 2) return undefined;
  const ranks = choices.map((choice) => choice.rank);
  const known = ranks.filter((one) => one !== undefined);
  const sum = known.length === ranks.length ? known.reduce((a, b) => a + b, 0) : undefined;
  if (method === 'concat') {
    const text = sum === undefined ? words.text('mergeExactUnknown') : words.text('mergeExact', known.join(' + '), sum);
    return { text, isExact: true };
  }
  if (rank === undefined) return undefined;
  const text =
    sum === undefined || method !== 'svd' ? words.text('mergeRankUnknown', rank) : words.text('mergeRankOf', rank, sum);
  return { text, isExact: false };
}

/** The base models that the adapters name, when they are not one. */
export function differingBases(choices: readonly MergeChoice[]): string[] {
  const named = choices.map(({ baseModel }) =>
    baseModel
      ?.split('/')
      .at(-1)
      ?.replace(/:latest$/, ''),
  );
  const bases = [...new Set(named.filter((base) => base !== undefined && base !== ''))] as string[];
  return bases.length > 1 ? bases : [];
}

/** What one starts with where a rank has to be given: that of the largest part. */
export function usualRank(choices: readonly MergeChoice[]): number {
  return Math.max(...choices.map(({ rank }) => rank ?? 0), 0) || 16;
}
