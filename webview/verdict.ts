import type { VerdictKind, VerdictState } from '../src/shared/panelProtocol';
import type { PanelTexts } from '../src/shared/panelTexts';
import { el } from './dom';
import { icon, type IconName } from './icons';
import type { Words } from './words';

const LOOKS: Readonly<Record<VerdictKind, { icon: IconName; tone: string; text: keyof PanelTexts }>> = {
  exact: { icon: 'pass', tone: 'good', text: 'verdictExact' },
  'same-shape': { icon: 'similar', tone: 'fair', text: 'verdictSameShape' },
  'base-missing': { icon: 'circle', tone: 'muted', text: 'verdictBaseMissing' },
  unfit: { icon: 'error', tone: 'bad', text: 'verdictUnfit' },
};

/** Whether it fits here, as a sign and in words: colour is never the only carrier. */
export function verdictMark(words: Words, verdict: VerdictState | undefined): HTMLElement {
  if (!verdict) return el('span', { class: 'mark muted' }, icon('circle'), words.text('verdictUnknown'));
  const look = LOOKS[verdict.verdict];
  return el('span', { class: `mark ${look.tone}` }, icon(look.icon), words.text(look.text));
}
