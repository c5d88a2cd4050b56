import * as vscode from 'vscode';

/** What one drops on the library is shared, after the usual questions. */
export class LibraryDrop implements vscode.TreeDragAndDropController<string> {
  readonly dragMimeTypes: readonly string[] = [];
  readonly dropMimeTypes = ['text/uri-list'];

  async handleDrop(_target: string | undefined, data: vscode.DataTransfer): Promise<void> {
    const list = await data.get('text/uri-list')?.asString();
    const files = readUriList(list ?? '');
    if (files.length > 0) await vscode.commands.executeCommand('loraSwarm.share', files[0], files);
  }
}

/** Files of the machine on which this runs; in a remote window the explorer names them by another scheme. */
function readUriList(list: string): vscode.Uri[] {
  return list
    .split(/\r?\n/)
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => vscode.Uri.parse(line))
    .filter((uri) => uri.scheme === 'file' || (uri.scheme === 'vscode-remote' && vscode.env.remoteName !== undefined))
    .map((uri) => vscode.Uri.file(uri.scheme === 'file' ? uri.fsPath : uri.path));
}
