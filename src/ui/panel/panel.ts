import * as vscode from 'vscode';
import { DisposableStore, type Disposable } from '../../engine/lifecycle';
import type { Logger } from '../../engine/log';
import { parsePage, type PanelPage } from '../../shared/panelProtocol';
import type { EngineHandle } from '../engineHandle';
import { t } from '../l10n';
import type { PanelCommand } from './panelCommands';
import { pickAdapterOnDisk, pickNewFolder } from '../commands/pickFile';
import { findAdapters } from '../workspaceAdapters';
import type { MergePlaces } from './mergePlaces';
import { panelHtml } from './panelHtml';
import { pageTitle, PanelSession } from './panelSession';

export type { PanelPage } from '../../shared/panelProtocol';

/** Also in `activationEvents`, so that a panel left open comes back with the window. */
export const PANEL_TYPE = 'loraSwarm.panel';

export interface PanelParts {
  readonly engine: Pick<EngineHandle, 'wish' | 'state' | 'onDidChangeState'>;
  readonly extensionUri: vscode.Uri;
  readonly log: Logger;
  readonly places: MergePlaces;
}

/** The editor tab with the pages that a tree can't show. There is one, and it goes where it is asked to. */
export class Panel implements Disposable {
  static #current: Panel | undefined;
  readonly #owned = new DisposableStore();
  readonly #session: PanelSession;

  /** Opens the panel, or brings it to the front, on this page. */
  static show(parts: PanelParts, page: PanelPage): void {
    if (Panel.#current) {
      Panel.#current.#session.open(page);
      Panel.#current.tab.reveal();
      return;
    }
    const tab = vscode.window.createWebviewPanel(PANEL_TYPE, pageTitle(page), vscode.ViewColumn.Active);
    Panel.#current = new Panel(parts, tab, page);
  }

  /** Takes over a tab that the window kept over a restart. */
  static restore(parts: PanelParts, tab: vscode.WebviewPanel, page: PanelPage): void {
    if (Panel.#current) tab.dispose();
    else Panel.#current = new Panel(parts, tab, page);
  }

  private constructor(
    parts: PanelParts,
    private readonly tab: vscode.WebviewPanel,
    page: PanelPage,
  ) {
    const { webview } = tab;
    const bundle = vscode.Uri.joinPath(parts.extensionUri, 'dist', 'webview');
    const media = vscode.Uri.joinPath(parts.extensionUri, 'media');
    webview.options = { enableScripts: true, enableForms: false, localResourceRoots: [bundle, media] };
    tab.iconPath = vscode.Uri.joinPath(media, 'icon.svg');
    tab.title = pageTitle(page);

    this.#session = this.#owned.add(
      new PanelSession(
        {
          engine: parts.engine,
          log: parts.log,
          language: vscode.env.language,
          post: (message) => void webview.postMessage(message),
          run: (command) => runCommand(command, parts.log),
          copy: (text) => void vscode.env.clipboard.writeText(text),
          setTitle: (title) => (tab.title = title),
          places: parts.places,
          findAdapters: () => findAdapters(parts.engine),
          pickAdapter: () => pickAdapterOnDisk(t('Add an Adapter')),
          pickFolder: () => pickNewFolder(t('Folder of the Merged Adapter'), 'merged-adapter'),
        },
        page,
      ),
    );
    this.#owned.add(webview.onDidReceiveMessage((message: unknown) => this.#session.receive(message)));
    this.#owned.add(
      tab.onDidChangeViewState(() => {
        if (!tab.visible) this.#session.pause();
      }),
    );
    tab.onDidDispose(() => this.dispose());
    webview.html = panelHtml({
      cspSource: webview.cspSource,
      scriptUri: webview.asWebviewUri(vscode.Uri.joinPath(bundle, 'main.js')).toString(),
      styleUri: webview.asWebviewUri(vscode.Uri.joinPath(media, 'panel.css')).toString(),
      language: vscode.env.language,
    });
  }

  dispose(): void {
    if (Panel.#current === this) Panel.#current = undefined;
    this.#owned.dispose();
  }
}

/** For `registerWebviewPanelSerializer(PANEL_TYPE, …)`. The kept state is read like any input. */
export function panelSerializer(parts: PanelParts): vscode.WebviewPanelSerializer {
  return {
    deserializeWebviewPanel(tab, state: unknown) {
      const page = typeof state === 'object' && state !== null && 'page' in state ? parsePage(state.page) : undefined;
      Panel.restore(parts, tab, page ?? { page: 'explore' });
      return Promise.resolve();
    },
  };
}

function runCommand({ command, argument }: PanelCommand, log: Logger): void {
  const run = vscode.commands.executeCommand(command, ...(argument === undefined ? [] : [argument]));
  run.then(undefined, (error: unknown) => log.error(`${command} failed: ${String(error)}`));
}
