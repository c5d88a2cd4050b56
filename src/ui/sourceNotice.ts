import * as vscode from 'vscode';
import type { Disposable } from '../engine/lifecycle';
import { t } from './l10n';
import { showDone } from './notify';
import type { UiParts } from './parts';
import { adapterName } from './text';

/**
 * Tells the user that a file of theirs is no longer what they shared: the only notification that they did not ask for, because
 * others wait for the adapter. With several windows open, the one in front tells it.
 */
export function watchSources(parts: UiParts): Disposable {
  return parts.engine.onDidHappen((event) => {
    if (event.type !== 'source:changed' || !vscode.window.state.focused) return;
    const shared = parts.engine.state.shared.find(({ id }) => id === event.id);
    const again = (path: string): unknown =>
      vscode.commands.executeCommand('loraSwarm.shareResource', vscode.Uri.file(path));
    const name = adapterName(event.name, event.id);
    void showDone(
      parts.log,
      t('{0} has changed or is gone since it was shared, so it is no longer served.', name),
      shared?.phase === 'changed' ? { [t('Share Again')]: () => again(shared.path) } : {},
      'warning',
    );
  });
}
