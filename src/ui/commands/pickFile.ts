import { homedir } from 'node:os';
import * as vscode from 'vscode';
import { shortFacts } from '../facts';
import { t } from '../l10n';
import type { UiParts } from '../parts';
import { peerText } from '../text';
import { findAdapters } from '../workspaceAdapters';

/** Asks for an adapter: one of those in the workspace, or any file or folder of this machine. */
export async function pickAdapterFile(parts: UiParts, title: string): Promise<string | undefined> {
  const found = await findAdapters(parts.engine);
  // Without a single find the list would hold nothing but the way to the dialog.
  if (found.length === 0) return pickAdapterOnDisk(title);
  const browse = { label: `$(folder-opened) ${t('Browse…')}`, description: '', alwaysShow: true, path: undefined };
  const items = found.map((adapter) => ({
    label: `$(layers) ${peerText(adapter.label, 120)}`,
    description: shortFacts(adapter),
    path: adapter.path,
  }));
  const placeHolder = t('Adapters in this workspace');
  const picked = await vscode.window.showQuickPick([...items, browse], { title, placeHolder });
  if (!picked) return undefined;
  return picked.path ?? pickAdapterOnDisk(title);
}

/** Asks for a weights file of this machine. */
export async function pickAdapterOnDisk(title: string): Promise<string | undefined> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const picked = await vscode.window.showOpenDialog({
    title,
    openLabel: t('Choose'),
    canSelectFiles: true,
    canSelectFolders: false,
    filters: { [t('LoRA adapters')]: ['safetensors', 'gguf'] },
    ...(folder ? { defaultUri: folder } : {}),
  });
  return picked?.[0]?.fsPath;
}

/** Asks where a new folder shall be. */
export function pickNewFolder(title: string, name: string): Promise<string | undefined> {
  return pickNewPath({ title, name });
}

/** Asks where a new file shall be. */
export function pickNewFile(title: string, name: string, extension: string): Promise<string | undefined> {
  return pickNewPath({ title, name: `${name}.${extension}`, filters: { [extension.toUpperCase()]: [extension] } });
}

async function pickNewPath(asked: {
  readonly title: string;
  readonly name: string;
  readonly filters?: Record<string, string[]>;
}): Promise<string | undefined> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.Uri.file(homedir());
  const picked = await vscode.window.showSaveDialog({
    title: asked.title,
    saveLabel: t('Merge Here'),
    defaultUri: vscode.Uri.joinPath(folder, asked.name),
    ...(asked.filters ? { filters: asked.filters } : {}),
  });
  return picked?.fsPath;
}
