import { inspect } from 'node:util';
import * as vscode from 'vscode';
import { createApi, type LoraSwarmApi } from './api';
import { contribute } from './ui/contributions';
import { EditorEngine, type OpenedEngine } from './ui/editorEngine';
import { engineSurroundings } from './ui/engineOptions';
import { useSentences } from './ui/engineText';
import { identitySeed } from './ui/identity';
import { useTranslation } from './ui/l10n';
import { showError } from './ui/notify';
import { pushExplicit, SettingsSync, userValue } from './ui/settingsSync';

let engine: EditorEngine | undefined;

/** Registers what package.json promises and returns at once; the engine opens afterwards and nothing waits for the network. */
export function activate(context: vscode.ExtensionContext): LoraSwarmApi {
  useTranslation((message, ...args) => vscode.l10n.t(message, ...args), vscode.env.language);
  useSentences(Object.keys(vscode.l10n.bundle ?? {}));
  const log = vscode.window.createOutputChannel('LoRA Swarm', { log: true });
  const opened = new EditorEngine(async () => {
    const ours = await openWindowEngine(context, log);
    await pushExplicit(ours, log);
    return ours;
  });
  engine = opened;
  const { extensionUri, globalState: memory } = context;
  const settings = new SettingsSync(opened, log);
  context.subscriptions.push(log, settings, ...contribute({ engine: opened, extensionUri, log, memory }));

  setImmediate(() => void start(opened, log));
  return createApi(opened);
}

/** VS Code waits for this, not for `dispose`. */
export async function deactivate(): Promise<void> {
  await engine?.close();
}

async function start(opened: EditorEngine, log: vscode.LogOutputChannel): Promise<void> {
  try {
    await opened.start();
  } catch (error) {
    if (opened.phase === 'closed')
      log.debug(inspect(error)); // The window closed while it was opening.
    else await showError(error, log);
  }
}

async function openWindowEngine(context: vscode.ExtensionContext, log: vscode.LogOutputChannel): Promise<OpenedEngine> {
  const storagePath = userValue('storage.path');
  const surroundings = engineSurroundings(
    process.env,
    typeof storagePath === 'string' ? storagePath : '',
    context.globalStorageUri.fsPath,
  );
  const seedOf = async (): Promise<string | undefined> => {
    const seed = await identitySeed(context.secrets, surroundings.home);
    if (seed === undefined) log.info(`Using the identity that the command line made in ${surroundings.home}.`);
    return seed;
  };
  // Loaded now, not with the bundle: the RPC library is the larger part of our start.
  const { openEngine } = await import('./service/client');
  return openEngine({
    ...surroundings,
    identitySeed: seedOf,
    log,
    uriScheme: vscode.env.uriScheme,
    workerPath: vscode.Uri.joinPath(context.extensionUri, 'dist', 'worker.js').fsPath,
  });
}
