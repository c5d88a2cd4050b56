import * as vscode from 'vscode';
import { DEFAULT_SETTINGS, type SettingKey } from '../engine/settings';
import type { EngineHandle } from './engineHandle';
import { t } from './l10n';
import { showDone, showError } from './notify';

const SECTION = 'loraSwarm';
const KEYS = Object.keys(DEFAULT_SETTINGS) as SettingKey[];

/**
 * Hands the user's settings to the engine: those set explicitly at the start, each other one when it changes.
 *
 * The engine keeps what it was given and the command line can set it too, so a default is never pushed over it.
 */
export class SettingsSync implements vscode.Disposable {
  readonly #listening: vscode.Disposable;

  constructor(
    private readonly engine: EngineHandle,
    private readonly log: vscode.LogOutputChannel,
  ) {
    this.#listening = vscode.workspace.onDidChangeConfiguration((event) => {
      for (const key of KEYS) if (event.affectsConfiguration(`${SECTION}.${key}`)) void this.#push(key, true);
      if (event.affectsConfiguration(`${SECTION}.storage.path`)) void askForReload(this.log);
    });
  }

  async pushExplicit(): Promise<void> {
    for (const key of KEYS) if (userValue(key) !== undefined) await this.#push(key, false);
  }

  dispose(): void {
    this.#listening.dispose();
  }

  async #push(key: SettingKey, isLoud: boolean): Promise<void> {
    try {
      await this.engine.wish('setSetting', { key, value: userValue(key) ?? DEFAULT_SETTINGS[key] });
    } catch (error) {
      // At the start several may be wrong; the settings editor marks them, and one look at the log is enough.
      if (isLoud) await showError(error, this.log);
      else this.log.warn(`Setting ${key} was not taken: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
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
