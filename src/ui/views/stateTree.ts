import * as vscode from 'vscode';
import { DisposableStore } from '../../engine/lifecycle';
import { changedBranches, indexBranches, spokenLabel, type Branch } from './branch';

export interface StateTreeParts {
  /** Everything that is known without asking. */
  readonly build: () => Branch[];
  /** Children of a row that are asked for when it is opened. */
  readonly load?: (id: string) => Promise<Branch[]>;
}

/**
 * A tree drawn from plain branches. It keeps no state but what is on screen, to redraw only the rows that changed.
 *
 * Elements are the ids themselves: the same text is the same row, so selection and expansion survive every redraw.
 */
export class StateTree implements vscode.TreeDataProvider<string>, vscode.Disposable {
  readonly #owned = new DisposableStore();
  readonly #changed = this.#owned.add(new vscode.EventEmitter<string[] | undefined>());
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #loaded = new Map<string, readonly Branch[]>();
  #drawn: readonly Branch[] = [];
  #rows = new Map<string, Branch>();

  constructor(private readonly parts: StateTreeParts) {}

  /** Compares with what is on screen and redraws what differs. */
  update(): void {
    const next = this.parts.build();
    const changed = changedBranches(this.#drawn, next);
    this.#drawn = next;
    this.#rows = indexBranches(next);
    for (const id of this.#loaded.keys()) if (!this.#rows.has(id)) this.#loaded.delete(id);
    if (changed === undefined) this.#changed.fire(undefined);
    else if (changed.length > 0) this.#changed.fire(changed);
  }

  /** Asks again for the children of one row, or of every row that was opened. */
  reload(id?: string): void {
    const ids = id === undefined ? [...this.#loaded.keys()] : [id];
    if (ids.length > 0) this.#changed.fire(ids);
  }

  async getChildren(id?: string): Promise<string[]> {
    if (id === undefined) {
      this.#drawn = this.parts.build();
      this.#rows = indexBranches(this.#drawn);
      return this.#drawn.map((branch) => branch.id);
    }
    const children = this.#rows.get(id)?.children;
    if (children !== 'later') return (children ?? []).map((branch) => branch.id);
    const loaded = (await this.parts.load?.(id)) ?? [];
    this.#loaded.set(id, loaded);
    return loaded.map((branch) => branch.id);
  }

  getTreeItem(id: string): vscode.TreeItem {
    const branch = this.#find(id);
    // A row may go between the list of children and its drawing; the redraw that follows removes it.
    if (!branch) return new vscode.TreeItem('');
    const { None, Collapsed, Expanded } = vscode.TreeItemCollapsibleState;
    const item = new vscode.TreeItem(branch.label, branch.children ? (branch.isExpanded ? Expanded : Collapsed) : None);
    item.id = branch.id;
    if (branch.description) item.description = branch.description;
    item.iconPath = new vscode.ThemeIcon(branch.icon, branch.color ? new vscode.ThemeColor(branch.color) : undefined);
    item.contextValue = branch.context;
    item.tooltip = branch.tooltip;
    item.accessibilityInformation = { label: spokenLabel(branch) };
    if (branch.command) {
      const { id: command, argument } = branch.command;
      item.command = { command, title: branch.label, ...(argument === undefined ? {} : { arguments: [argument] }) };
    }
    return item;
  }

  dispose(): void {
    this.#owned.dispose();
  }

  #find(id: string): Branch | undefined {
    const row = this.#rows.get(id);
    if (row) return row;
    for (const branches of this.#loaded.values()) {
      const found = branches.find((branch) => branch.id === id);
      if (found) return found;
    }
    return undefined;
  }
}
