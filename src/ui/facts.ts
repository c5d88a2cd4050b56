import type { AdapterSummary, VerdictState } from '../engine/state';
import { formatNumber, t } from './l10n';
import { peerText } from './text';

// How numbers and facts read everywhere in the window: sizes by powers of ten, as disks and Ollama count them.

export function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${formatNumber(bytes / 1e3, bytes < 1e4 ? 1 : 0)} KB`;
  if (bytes < 1e9) return `${formatNumber(bytes / 1e6, bytes < 1e8 ? 1 : 0)} MB`;
  return `${formatNumber(bytes / 1e9, 1)} GB`;
}

/** @param rate Bytes per second. */
export function formatRate(rate: number): string {
  return `${formatNumber(rate / 1e6, rate < 1e5 ? 2 : rate < 1e7 ? 1 : 0)} MB/s`;
}

/** Rounded down: 100 % is said when nothing is missing. */
export function percentOf(done: number, total: number): number {
  return total > 0 ? Math.min(100, Math.floor((100 * done) / total)) : 0;
}

export function formatSeconds(seconds: number): string {
  if (seconds < 90) return t('{0} s', Math.ceil(seconds));
  if (seconds < 5_400) return t('{0} min', Math.round(seconds / 60));
  return t('{0} h', formatNumber(seconds / 3_600, 1));
}

export function countOf(count: number, one: string, many: string): string {
  return count === 1 ? one : many.replace('{0}', formatNumber(count));
}

export const countPeers = (count: number): string => countOf(count, t('1 peer'), t('{0} peers'));
export const countHolders = (count: number): string => countOf(count, t('1 peer has it'), t('{0} peers have it'));
export const countAdapters = (count: number): string => countOf(count, t('1 adapter'), t('{0} adapters'));
export const countSources = (count: number): string => countOf(count, t('1 source'), t('{0} sources'));

/** `k7f2…9q`: enough of a public key to tell two peers apart at a glance. The whole key is in the tooltip. */
export function shortKey(key: string): string {
  return key.length <= 8 ? key : `${key.slice(0, 4)}…${key.slice(-2)}`;
}

/** The base model without its organisation, as people say it. */
export function shortBase(baseModel: string | undefined): string | undefined {
  return baseModel === undefined ? undefined : peerText(baseModel.split('/').at(-1), 40) || undefined;
}

/** `Llama-3.2-3B · r16 · 24 MB`: what is known, in the order in which people choose. */
export function shortFacts(adapter: Pick<AdapterSummary, 'baseModel' | 'rank' | 'bytes'>): string {
  const rank = adapter.rank === undefined ? undefined : `r${String(adapter.rank)}`;
  return joinKnown([shortBase(adapter.baseModel), rank, formatBytes(adapter.bytes)]);
}

export function joinKnown(parts: readonly (string | undefined)[], separator = ' · '): string {
  return parts.filter((part) => part !== undefined && part !== '').join(separator);
}

/** A few words on whether it runs here; they name the base, so nothing else has to. */
export function verdictWords(verdict: VerdictState, baseModel: string | undefined): string {
  const base = peerText(verdict.base?.replace(/:latest$/, ''), 40);
  switch (verdict.verdict) {
    case 'exact':
      return t('fits {0}', base);
    case 'same-shape':
      return t('same shape as {0}', base);
    case 'base-missing':
      return t('needs {0}', shortBase(baseModel) ?? t('an unknown base'));
    case 'unfit':
      return t('does not fit');
  }
}

/** `fits llama3.2 · r16 · 24 MB`: the verdict first, because a narrow side bar cuts the end off. */
export function offerFacts(
  offer: Pick<AdapterSummary, 'baseModel' | 'rank' | 'bytes'> & { readonly verdict?: VerdictState },
): string {
  if (!offer.verdict) return shortFacts(offer);
  const rank = offer.rank === undefined ? undefined : `r${String(offer.rank)}`;
  return joinKnown([verdictWords(offer.verdict, offer.baseModel), rank, formatBytes(offer.bytes)]);
}

/** All facts of an adapter, one a line, for a plain tooltip. What is unknown is left out. */
export function factLines(adapter: AdapterSummary): string[] {
  const line = (label: string, value: string | number | undefined): string[] =>
    value === undefined || value === '' ? [] : [`${label}: ${String(value)}`];
  return [
    peerText(adapter.name),
    ...line(t('Base model'), peerText(adapter.baseModel, 120)),
    ...line(t('Architecture'), peerText(adapter.architecture)),
    ...line(t('Rank'), adapter.rank),
    ...line(t('Alpha'), adapter.alpha),
    ...line(t('Target modules'), peerText(adapter.targets.join(', '), 160)),
    ...line(t('Format'), joinKnown([adapter.format.toUpperCase(), peerText(adapter.dtype)])),
    ...line(t('Size'), formatBytes(adapter.bytes)),
    ...line(t('Licence'), peerText(adapter.license)),
    ...line(t('Tags'), peerText(adapter.tags.join(', '), 160)),
    ...(adapter.isRevoked ? [t('The key that signed this counts no more. It may be somebody else’s work.')] : []),
    ...line(t('Signed by'), adapter.authorKey === undefined ? undefined : shortKey(adapter.authorKey)),
    ...line(t('Id'), adapter.id.slice(0, 16)),
  ];
}
