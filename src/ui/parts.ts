import type * as vscode from 'vscode';
import type { PanelPage } from '../shared/panelProtocol';
import type { EngineHandle } from './engineHandle';
import type { MergePlaces } from './panel/mergePlaces';

/** What every command and view is made with. */
export interface UiParts {
  readonly engine: EngineHandle;
  readonly extensionUri: vscode.Uri;
  readonly log: vscode.LogOutputChannel;
  /** Small facts of this window's user: the rooms chosen last. */
  readonly memory: vscode.Memento;
  /** Shows a page of the panel. */
  readonly openPage: (page: PanelPage) => void;
  /** What the keys of the Merge page stand for. */
  readonly places: MergePlaces;
  /** Shows a longer text of somebody else in an editor, before the user decides about it. */
  readonly preview: (title: string, text: string) => Promise<void>;
  /** The row that is selected in the tree of transfers. */
  readonly selectedTransfer: () => string | undefined;
  /** Looks again at the workspace, at Ollama and at what peers offer. */
  readonly refresh: () => void;
  /** One more page of a long list. */
  readonly showMore: (parent: string) => void;
}
