import * as vscode from 'vscode';
import { LoraSwarmError } from '../../engine/errors';
import { t } from '../l10n';
import { showDone } from '../notify';
import type { UiParts } from '../parts';
import { askPick, BACK } from '../steps';
import { parseTargets } from '../targets';
import { isModelName } from '../../shared/panelFields';
import { peerText } from '../text';
import type { Handler } from './register';
import { alone } from './rooms';

export function chatCommands(parts: UiParts): Record<string, Handler> {
  return {
    chat: (clicked) => chat(parts, clicked),
    startOllama: () => startOllama(),
    changeOllama: () => vscode.commands.executeCommand('workbench.action.openSettings', 'loraSwarm.ollama.url'),
  };
}

/** A conversation in a terminal. The name becomes an argument of the program: no shell reads it. */
export function openChat(parts: UiParts, model: string): void {
  if (!isModelName(model))
    throw new LoraSwarmError('OLLAMA_MODEL_UNKNOWN', t('This model has a name that Ollama would not give.'));
  const url = parts.engine.state.ollama?.url;
  const terminal = vscode.window.createTerminal({
    name: `Ollama: ${model}`,
    shellPath: 'ollama',
    shellArgs: ['run', model],
    iconPath: new vscode.ThemeIcon('comment-discussion'),
    ...(url === undefined ? {} : { env: { OLLAMA_HOST: url } }),
  });
  terminal.show();
}

async function chat(parts: UiParts, clicked: unknown): Promise<void> {
  const [target] = parseTargets(clicked);
  const made =
    target?.kind === 'model'
      ? [target.name]
      : parts.engine.state.library
          .filter(({ id }) => target?.kind !== 'adapter' || target.id === id)
          .flatMap(({ models }) => models);
  const model = made.length > 1 ? await pickModel(made) : made[0];
  if (model !== undefined) openChat(parts, model);
  else if (made.length === 0)
    void showDone(parts.log, t('No adapter is installed in Ollama yet.'), {
      [t('Install in Ollama…')]: () => vscode.commands.executeCommand('loraSwarm.install'),
    });
}

async function pickModel(models: readonly string[]): Promise<string | undefined> {
  const items = models.map((name) => ({ label: peerText(name), name }));
  const picked = await askPick(alone(t('Chat')), { items, placeholder: t('Choose a model') });
  return picked === undefined || picked === BACK ? undefined : picked[0]?.name;
}

/** In a terminal of its own, so that the user sees what it says and ends it. */
function startOllama(): void {
  const terminal = vscode.window.createTerminal({ name: 'Ollama', shellPath: 'ollama', shellArgs: ['serve'] });
  terminal.show();
}
