import * as vscode from 'vscode';

/** Texts that are shown in full before the user decides. Read only, and nothing asks to save them. */
const SCHEME = 'lora-swarm-text';
/** Documents that stay open hold their text; more than these nobody reads at once. */
const MAX_KEPT = 16;

/** Shows longer texts of others in an editor of their own. */
export class Preview implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #texts = new Map<string, string>();
  readonly #registered = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);
  #next = 0;

  /** Opens the text as plain text, while the question in front of it keeps the focus. */
  async show(title: string, text: string): Promise<void> {
    // The title becomes the name of the tab, so only what a file may be called stays of it.
    const uri = vscode.Uri.from({
      scheme: SCHEME,
      path: `/${title.replace(/[^\p{L}\p{N} ._-]/gu, '-')}.txt`,
      query: String(this.#next++),
    });
    this.#texts.set(uri.toString(), text);
    if (this.#texts.size > MAX_KEPT) this.#texts.delete(this.#texts.keys().next().value!);
    const document = await vscode.workspace.openTextDocument(uri);
    const plain = await vscode.languages.setTextDocumentLanguage(document, 'plaintext');
    await vscode.window.showTextDocument(plain, { preview: true, preserveFocus: true });
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.#texts.get(uri.toString()) ?? '';
  }

  dispose(): void {
    this.#registered.dispose();
  }
}
