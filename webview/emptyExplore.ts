import type { PanelAction, PanelEngine, PanelQuery } from '../src/shared/panelProtocol';
import { button } from './components';
import { el } from './dom';
import { icon, type IconName } from './icons';
import type { Shell } from './page';

/** Why the list is empty, which decides what would fill it. */
export type EmptyKind = 'noMatch' | 'off' | 'noRooms' | 'noPeers' | 'noAdapters';

export function emptyKind(query: PanelQuery, engine: PanelEngine | undefined): EmptyKind {
  if (Object.keys(query).length > 0) return 'noMatch';
  if (engine?.network.mode === 'off') return 'off';
  if (!engine || engine.rooms.length === 0) return 'noRooms';
  return engine.peerCount === 0 ? 'noPeers' : 'noAdapters';
}

/** Says what is missing and offers the next step, the likeliest one first. */
export function emptyPage(shell: Shell, kind: EmptyKind, onClearFilters: () => void): HTMLElement[] {
  const { text } = shell.words;
  const run =
    (action: PanelAction): (() => void) =>
    () =>
      shell.post({ type: 'run', action });
  const openDoctor = (): void => shell.post({ type: 'open', page: { page: 'doctor' } });
  switch (kind) {
    case 'noMatch':
      return say('search', text('noMatchTitle'), text('noMatch'), [
        button({ label: text('clearFilters'), look: 'primary', onPress: onClearFilters }),
      ]);
    case 'off':
      return say('error', text('noPeersTitle'), text('networkOff'), [
        button({ label: text('openSettings'), look: 'primary', onPress: run('openSettings') }),
      ]);
    case 'noRooms':
      return say('rooms', text('noRoomsTitle'), text('noRooms'), [
        button({ label: text('joinLocalRoom'), look: 'primary', onPress: run('joinLocalRoom') }),
        button({ label: text('createRoom'), onPress: run('createRoom') }),
        button({ label: text('joinRoom'), onPress: run('joinRoom') }),
        button({ label: text('joinGeneralRoom'), onPress: run('joinGeneralRoom') }),
      ]);
    case 'noPeers':
      return say('rooms', text('noPeersTitle'), text('noPeers'), [
        button({ label: text('openDoctor'), look: 'primary', onPress: openDoctor }),
      ]);
    case 'noAdapters':
      return say('adapter', text('noAdaptersTitle'), text('noAdapters'), [
        button({ label: text('shareAdapter'), look: 'primary', onPress: run('shareAdapter') }),
      ]);
  }
}

function say(iconName: IconName, title: string, message: string, buttons: readonly HTMLElement[]): HTMLElement[] {
  const sign = el('div', { class: 'empty-icon' });
  sign.append(icon(iconName));
  return [sign, el('h2', {}, title), el('p', {}, message), el('div', { class: 'empty-buttons' }, ...buttons)];
}
