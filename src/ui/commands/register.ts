import * as vscode from 'vscode';
import { showError } from '../notify';

/** What VS Code hands over: the item that was clicked and, with several selected, all of them. */
export type Handler = (clicked: unknown, selected: unknown) => unknown;

/** Registers commands under `loraSwarm.`. A failure is reported here, once, for all of them. */
export function registerCommands(
  handlers: Readonly<Record<string, Handler>>,
  log: vscode.LogOutputChannel,
): vscode.Disposable[] {
  return Object.entries(handlers).map(([name, handler]) => {
    const id = `loraSwarm.${name}`;
    const run = async (clicked: unknown, selected: unknown): Promise<unknown> => {
      try {
        return await handler(clicked, selected);
      } catch (error) {
        // Not awaited: the command is over, whenever the user reads the notification.
        void showError(error, log, () => void run(clicked, selected));
        return undefined;
      }
    };
    return vscode.commands.registerCommand(id, run);
  });
}
