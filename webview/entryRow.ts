import type { AdapterEntry, PanelEngine, TransferState } from '../src/shared/panelProtocol';
import { adapterName, el, fill, foreign } from './dom';
import { icon } from './icons';
import { verdictMark } from './verdict';
import type { Words } from './words';

/** The download of an adapter that is not over, if there is one. */
export function downloadOf(engine: PanelEngine | undefined, id: string): TransferState | undefined {
  return engine?.transfers.find(
    (transfer) =>
      transfer.id === id &&
      transfer.direction === 'download' &&
      transfer.phase !== 'done' &&
      transfer.phase !== 'cancelled',
  );
}

/** Draws one adapter of the list: name, what it is for, whether it fits here. */
export function drawEntryRow(
  words: Words,
  row: HTMLElement,
  entry: AdapterEntry | undefined,
  download: TransferState | undefined,
): void {
  if (!entry) {
    fill(row, el('span', { class: 'row-main muted' }, words.text('loading')));
    return;
  }
  const facts = [
    ...(entry.rank === undefined ? [] : [words.text('rank', entry.rank)]),
    words.bytes(entry.bytes),
    ...(entry.sources.length > 0 ? [words.count('sources', entry.sources.length)] : []),
  ];
  const base = entry.baseModel ? shortBase(entry.baseModel) : el('span', { class: 'base' }, words.text('baseUnknown'));
  fill(
    row,
    icon('adapter', 'row-icon'),
    el(
      'span',
      { class: 'row-main' },
      el('span', { class: 'line' }, adapterName(entry.name), badgeOf(words, entry, download)),
      el('span', { class: 'line secondary' }, base, el('span', { class: 'row-facts' }, ` · ${facts.join(' · ')}`)),
      el('span', { class: 'line secondary' }, verdictMark(words, entry.verdict)),
    ),
  );
}

/** Without its organisation, as people say it. The whole name stands on the adapter's page. */
function shortBase(baseModel: string): HTMLElement {
  const base = foreign(baseModel.split('/').at(-1) ?? baseModel, 'base');
  base.title = baseModel;
  return base;
}

function badgeOf(words: Words, entry: AdapterEntry, download: TransferState | undefined): HTMLElement | undefined {
  const badge = (name: 'pause' | 'download' | 'warning' | 'rooms' | 'check', label: string): HTMLElement =>
    el('span', { class: 'row-badge' }, icon(name), label);
  if (download)
    return badge(
      download.phase === 'paused' ? 'pause' : 'download',
      words.percent(download.bytesDone, download.bytesTotal),
    );
  if (entry.isRevoked) return badge('warning', words.text('isRevoked'));
  if (entry.isMine) return badge('rooms', words.text('isMine'));
  return entry.isDownloaded ? badge('check', words.text('isDownloaded')) : undefined;
}
