import type { ModelfileExtra, ModelfileExtras } from '../../engine/deployWishes';
import { t } from '../l10n';
import { peerLines, peerText } from '../text';

/** What fits under a row. Anything longer, or of several lines, is opened beside the question before it is ticked. */
const MAX_ROW = 120;
/** A release holds 2 KiB of each. */
const MAX_TEXT = 8_192;

export interface ExtraRow {
  readonly extra: ModelfileExtra;
  readonly label: string;
  readonly detail: string;
}

/** What the author proposes, in the order in which it is shown. */
export function proposed(extras: ModelfileExtras | undefined): ModelfileExtra[] {
  return (['system', 'template', 'parameters'] as const).filter((extra) => fullText(extras ?? {}, extra) !== '');
}

export function extraRows(extras: ModelfileExtras): ExtraRow[] {
  return proposed(extras).map((extra) => ({
    extra,
    label: extraName(extra),
    detail: peerText(fullText(extras, extra).replaceAll('\n', ' ⏎ '), MAX_ROW),
  }));
}

/** Whether a row cannot show all of it. */
export function needsPreview(extras: ModelfileExtras): boolean {
  return proposed(extras).some((extra) => {
    const text = fullText(extras, extra);
    return text.includes('\n') || peerText(text, MAX_ROW) !== text;
  });
}

/** All of it, one part below the other, for reading before ticking. */
export function extrasText(extras: ModelfileExtras): string {
  const parts = proposed(extras).map((extra) => `${extraName(extra)}\n\n${indented(fullText(extras, extra))}\n`);
  return [t('What the author proposes for this model. Nothing of it is used unless you tick it.'), '', ...parts].join(
    '\n',
  );
}

function extraName(extra: ModelfileExtra): string {
  switch (extra) {
    case 'system':
      return t('System prompt');
    case 'template':
      return t('Template');
    case 'parameters':
      return t('Parameters');
  }
}

function fullText(extras: ModelfileExtras, extra: ModelfileExtra): string {
  if (extra !== 'parameters') return peerLines(extras[extra] ?? '', MAX_TEXT).trim();
  return Object.entries(extras.parameters ?? {})
    .map(([name, value]) => `${peerText(name)} ${parameterText(value)}`)
    .join('\n');
}

function parameterText(value: NonNullable<ModelfileExtras['parameters']>[string]): string {
  if (typeof value === 'object') return value.map((one) => JSON.stringify(peerLines(one, MAX_TEXT))).join(' ');
  return typeof value === 'string' ? JSON.stringify(peerLines(value, MAX_TEXT)) : String(value);
}

/** Set off from our own words, so that a proposal can't pass for one of them. */
function indented(text: string): string {
  return text.replace(/^/gm, '    ');
}
