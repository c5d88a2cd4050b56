import type { ModelfileExtras } from '../src/shared/panelProtocol';
import { el, foreign } from './dom';
import type { Words } from './words';

/** What the author proposes for a Modelfile, to read. Nothing here can be switched on: that is asked at the install. */
export function proposals(words: Words, extras: ModelfileExtras | undefined): HTMLElement[] {
  if (!extras || Object.keys(extras).length === 0) return [];
  const { text } = words;
  const block = (label: string, value: string | undefined): HTMLElement[] =>
    value === undefined
      ? []
      : [el('h3', {}, label), el('pre', { dir: 'auto', tabindex: 0, role: 'group', 'aria-label': label }, value)];
  return [
    el('h2', {}, text('proposals')),
    el(
      'div',
      { class: 'card proposals' },
      el('p', { class: 'muted' }, text('proposalsHelp')),
      ...block(text('proposalSystem'), extras.system),
      ...block(text('proposalTemplate'), extras.template),
      ...(extras.parameters ? [el('h3', {}, text('proposalParameters')), parameters(extras.parameters)] : []),
    ),
  ];
}

function parameters(values: NonNullable<ModelfileExtras['parameters']>): HTMLElement {
  const rows = Object.entries(values).map(([name, value]) =>
    el(
      'tr',
      {},
      el('th', { scope: 'row' }, foreign(name)),
      el('td', {}, foreign(typeof value === 'object' ? value.join(' ') : String(value))),
    ),
  );
  return el('table', {}, el('tbody', {}, ...rows));
}
