import * as vscode from 'vscode';
import { DEFAULT_SETTINGS, type SettingKey } from '../engine/settings';
import type { EngineHandle } from './engineHandle';
import { t } from './l10n';
import { showDone, showError } from './notify';

const SECTION = 'loraSwarm';
const KEYS = Object.keys(DEFAULT_SETTINGS) as SettingKey[];

/** Hands each setting of the user to the engine when it changes. */
export class SettingsSync implements vscode.Disposable {
  readonly #listening: vscode.Disposable;

  constructor(engine: EngineHandle, log: vscode.LogOutputChannel) {
    this.#listening = vscode.workspace.onDidChangeConfiguration((event) => {
      for (const key of KEYS)
        if (event.affectsConfiguration(`${SECTION}.${key}`))
          void push(engine, key).catch((error: unknown) => showError(error, log));
      if (event.affectsConfiguration(`${SECTION}.storage.path`)) void askForReload(log);
    });
  }

  dispose(): void {
    this.#listening.dispose();
  }
}

/**
 * Hands an engine that was just opened what the user set explicitly, before anything else is asked of it.
 *
 * The engine keeps what it was given and the command line can set it too, so a default is never pushed over it.
 */
export async function pushExplicit(engine: Pick<EngineHandle, 'wish'>, log: vscode.LogOutputChannel): Promise<void> {
  for (const key of KEYS) {
    if (userValue(key) === undefined) continue;
    try {
      await push(engine, key);
    } catch (error) {
      // Several may be wrong; the settings editor marks them, and one look at the log is enough.
      log.warn(`Setting ${key} was not taken: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

async function push(engine: Pick<EngineHandle, 'wish'>, key: SettingKey): Promise<void> {
  await engine.wish('setSetting', { key, value: userValue(key) ?? DEFAULT_SETTINGS[key] });
}

/** What the user chose. A workspace must not decide about addresses, folders or what is installed, so it is not asked. */
export function userValue(key: string): unknown {
  return vscode.workspace.getConfiguration(SECTION).inspect(key)?.globalValue;
}

async function askForReload(log: vscode.LogOutputChannel): Promise<void> {
  await showDone(log, t('The new storage folder is used after a reload of the window.'), {
    [t('Reload Window')]: () => vscode.commands.executeCommand('workbench.action.reloadWindow'),
  });
}
