import * as vscode from 'vscode';
import { isAbort } from '../../engine/errors';
import type { AdapterEntry } from '../../engine/wishes';
import { joinKnown, offerFacts } from '../facts';
import { t } from '../l10n';
import { showError } from '../notify';
import type { UiParts } from '../parts';
import { peerText } from '../text';

/** As fast as one reads while typing, and slow enough to ask once a word. */
const DEBOUNCE_MS = 150;
/** More rows than a screen; a longer search term is quicker than scrolling. */
const MAX_ROWS = 50;
/** As the panel's search box. */
const MAX_SEARCH_LENGTH = 200;

interface EntryItem extends vscode.QuickPickItem {
  readonly entry: AdapterEntry;
}

/** Searches what all joined rooms offer as the user types. The full-text index answers; the list never comes here whole. */
export function searchAdapters(
  parts: UiParts,
  title: string,
): Promise<{ kind: 'adapter'; id: string; room?: string } | undefined> {
  const pick = vscode.window.createQuickPick<EntryItem>();
  pick.title = title;
  pick.placeholder = t('Search by name, base model, author or tag');
  let running = new AbortController();
  let timer: NodeJS.Timeout | undefined;

  const search = async (text: string): Promise<void> => {
    running.abort();
    running = new AbortController();
    const { signal } = running;
    pick.busy = true;
    try {
      const { adapters, total } = await parts.engine.wish(
        'list',
        { search: text.slice(0, MAX_SEARCH_LENGTH), limit: MAX_ROWS },
        { signal },
      );
      if (signal.aborted) return; // A later search has begun.
      pick.items = adapters.filter(({ isMine }) => !isMine).map(entryItem);
      pick.title = total > MAX_ROWS ? joinKnown([title, t('{0} of {1}', MAX_ROWS, total)]) : title;
    } catch (error) {
      if (!isAbort(error) && !signal.aborted) void showError(error, parts.log);
    } finally {
      if (!signal.aborted) pick.busy = false;
    }
  };

  pick.onDidChangeValue((text) => {
    clearTimeout(timer);
    timer = setTimeout(() => void search(text), DEBOUNCE_MS);
  });
  return new Promise((resolve) => {
    pick.onDidAccept(() => {
      const entry = pick.activeItems[0]?.entry;
      if (!entry) return;
      const room = entry.rooms[0];
      resolve({ kind: 'adapter', id: entry.id, ...(room === undefined ? {} : { room }) });
      pick.hide();
    });
    pick.onDidHide(() => {
      clearTimeout(timer);
      running.abort();
      resolve(undefined);
      pick.dispose();
    });
    pick.show();
    void search('');
  });
}

function entryItem(entry: AdapterEntry): EntryItem {
  return {
    label: `$(${entry.isDownloaded ? 'layers-active' : 'layers'}) ${peerText(entry.name)}`,
    description: offerFacts(entry),
    detail: joinKnown([entry.isDownloaded ? t('downloaded') : undefined, peerText(entry.tags.join(', '))]),
    alwaysShow: true, // The index has already chosen; filtering again by letters would hide what it found.
    entry,
  };
}
