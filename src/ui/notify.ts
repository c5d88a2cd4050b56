import { inspect } from 'node:util';
import * as vscode from 'vscode';
import { isAbort, LoraSwarmError, type UserAction } from '../engine/errors';
import { engineText } from './engineText';
import { t } from './l10n';
import { isModelName } from '../shared/panelFields';

/** Our sentences are shorter; what an error quotes from elsewhere must not fill the screen. */
const MAX_MESSAGE = 400;

/** Reports a failure once: details to the log, one sentence and the helpful button to the user. */
export async function showError(error: unknown, log: vscode.LogOutputChannel, retry?: () => void): Promise<void> {
  if (isAbort(error) || isCancelled(error)) return; // The user cancelled. There is nothing to say.
  log.error(inspect(error)); // Stack and causes; `log.error(error)` drops the causes.

  const known = error instanceof LoraSwarmError ? error : undefined;
  const action = helpfulAction(known?.action, retry);
  const message =
    engineText(known?.message, MAX_MESSAGE) || t('Something went wrong in LoRA Swarm. The log has the details.');
  const label = action?.label ?? t('Show Log');
  const picked = await vscode.window.showErrorMessage(message, label);
  if (picked !== label) return;
  if (action) await action.run();
  else log.show();
}

/** Tells what the user asked for, with the buttons for what comes next. Never rejects, so nobody has to wait for it. */
export async function showDone(
  log: vscode.LogOutputChannel,
  message: string,
  actions: Readonly<Record<string, () => unknown>> = {},
  severity: 'info' | 'warning' = 'info',
): Promise<void> {
  const show = severity === 'info' ? vscode.window.showInformationMessage : vscode.window.showWarningMessage;
  try {
    const picked = await show(message, ...Object.keys(actions));
    if (picked !== undefined) await actions[picked]?.();
  } catch (error) {
    await showError(error, log);
  }
}

/** Asks before something that others will see or that is gone afterwards. */
export async function confirm(message: string, detail: string, label: string): Promise<boolean> {
  return (await vscode.window.showWarningMessage(message, { modal: true, detail }, label)) === label;
}

function helpfulAction(
  action: UserAction | undefined,
  retry: (() => void) | undefined,
): { label: string; run: () => unknown } | undefined {
  switch (action?.kind) {
    case 'openSetting':
      return {
        label: t('Open Setting'),
        run: () => vscode.commands.executeCommand('workbench.action.openSettings', `loraSwarm.${action.key}`),
      };
    case 'openUrl':
      if (!/^https:\/\//.test(action.url)) return undefined;
      return { label: t('Open Page'), run: () => vscode.env.openExternal(vscode.Uri.parse(action.url, true)) };
    case 'pullModel':
      // Only copied: what a peer calls the base is never fetched by itself.
      if (!isModelName(action.model)) return undefined;
      return {
        label: t('Copy Command'),
        run: () => vscode.env.clipboard.writeText(`ollama pull ${action.model}`),
      };
    case 'retry':
      return retry && { label: t('Try Again'), run: retry };
    case undefined:
      return undefined;
  }
}

function isCancelled(error: unknown): boolean {
  return error instanceof LoraSwarmError && error.code === 'DOWNLOAD_CANCELLED';
}
