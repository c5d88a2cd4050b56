import { basename, dirname, relative } from 'node:path';
import * as vscode from 'vscode';
import type { FoundAdapter } from '../engine/wishes';
import type { EngineHandle } from './engineHandle';

/** An adapter in a run folder, and its path below the workspace folder. */
export type WorkspaceAdapter = FoundAdapter & { readonly label: string };

/** Run folders with many checkpoints repeat one adapter; past this the list helps nobody. */
const MAX_FOLDERS = 500;

/** Adapters in the folders of the workspace. Nothing is read in a workspace that the user does not trust. */
export async function findAdapters(engine: Pick<EngineHandle, 'wish'>): Promise<WorkspaceAdapter[]> {
  const folders = workspaceFolders();
  if (folders.length === 0) return [];
  const { adapters } = await engine.wish('find', { folders });
  return adapters.map((found) => ({ ...found, label: labelOf(found.path, folders) }));
}

/**
 * Folders that hold an adapter, for the explorer's menu: a `when` clause can look up a path in a list, but not look into a
 * folder. Both ways of writing a path are given, because the window may run on another system than the files.
 */
export async function adapterFolders(): Promise<string[]> {
  if (workspaceFolders().length === 0) return [];
  const configs = await vscode.workspace.findFiles('**/adapter_config.json', '**/node_modules/**', MAX_FOLDERS);
  const folders = configs.map((config) => vscode.Uri.joinPath(config, '..'));
  return [...new Set(folders.flatMap((uri) => [uri.fsPath, uri.path, uri.path.replaceAll('/', '\\')]))];
}

function workspaceFolders(): string[] {
  if (!vscode.workspace.isTrusted) return [];
  return (vscode.workspace.workspaceFolders ?? [])
    .filter(({ uri }) => uri.scheme === 'file')
    .map(({ uri }) => uri.fsPath);
}

/** `runs/2026-11-02/checkpoint-400`; for the workspace folder itself its name. */
function labelOf(path: string, folders: readonly string[]): string {
  const folder = folders.find((one) => path === one || !relative(one, path).startsWith('..'));
  if (folder === undefined) return path;
  const inside = relative(folder, path);
  const run = /\.safetensors$/i.test(inside) ? dirname(inside) : inside;
  return run === '' || run === '.' ? basename(folder) : run.replaceAll('\\', '/');
}
