import * as vscode from 'vscode';
import { DisposableStore } from '../../engine/lifecycle';
import type { EngineHandle } from '../engineHandle';
import { countOf } from '../facts';
import { t } from '../l10n';
import type { MachineWatch } from '../machineWatch';
import type { Branch } from './branch';
import { libraryBranches } from './libraryBranches';
import { LibraryDrop } from './libraryDrop';
import { OfferPages } from './offerPages';
import { roomBranches } from './roomBranches';
import { StateTree } from './stateTree';
import { openTransfers, transferBranches } from './transferBranches';

/** A catalog of a busy room changes all the time; its pages are asked for again at most this often. */
const CATALOG_MS = 1_000;

/** The three trees of the side bar. */
export class Views implements vscode.Disposable {
  readonly #owned = new DisposableStore();
  readonly #pages: OfferPages;
  readonly #rooms: StateTree;
  readonly #library: StateTree;
  readonly #transfers: StateTree;
  readonly #transfersView: vscode.TreeView<string>;
  #catalog = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly engine: EngineHandle,
    private readonly machine: MachineWatch,
    private readonly log: vscode.LogOutputChannel,
  ) {
    this.#pages = new OfferPages(engine);
    this.#rooms = this.#owned.add(
      new StateTree({ build: () => roomBranches(engine.state), load: (id) => this.#readOffers(id) }),
    );
    this.#library = this.#owned.add(new StateTree({ build: () => libraryBranches(engine.state, machine.finds) }));
    this.#transfers = this.#owned.add(new StateTree({ build: () => transferBranches(engine.state) }));

    this.#show('loraSwarm.rooms', this.#rooms);
    const library = this.#show('loraSwarm.library', this.#library, new LibraryDrop());
    this.#transfersView = this.#show('loraSwarm.transfers', this.#transfers);

    this.#owned.add(
      library.onDidChangeVisibility(({ visible }) => {
        if (visible) machine.want();
      }),
    );
    if (library.visible) machine.want();
    this.#owned.add(machine.onDidChange(() => this.#library.update()));
    this.#owned.add(engine.onDidChangeState(() => this.#follow()));
  }

  /** The row of the transfers that was clicked last, unless several are selected. */
  get selectedTransfer(): string | undefined {
    const { selection } = this.#transfersView;
    return selection.length === 1 ? selection[0] : undefined;
  }

  /** One more page below this row. */
  showMore(parent: string): void {
    this.#pages.more(parent);
    this.#rooms.reload(parent);
  }

  refresh(): void {
    this.#rooms.reload();
    void this.machine.refresh();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#owned.dispose();
  }

  #show(
    id: string,
    tree: StateTree,
    dragAndDropController?: vscode.TreeDragAndDropController<string>,
  ): vscode.TreeView<string> {
    return this.#owned.add(
      vscode.window.createTreeView(id, {
        treeDataProvider: tree,
        canSelectMany: true,
        showCollapseAll: true,
        ...(dragAndDropController ? { dragAndDropController } : {}),
      }),
    );
  }

  #follow(): void {
    this.#rooms.update();
    this.#library.update();
    this.#transfers.update();
    const count = openTransfers(this.engine.state).filter(({ phase }) => phase !== 'paused').length;
    const tooltip = countOf(count, t('1 transfer'), t('{0} transfers'));
    this.#transfersView.badge = count > 0 ? { value: count, tooltip } : undefined;
    this.#followCatalog();
  }

  #followCatalog(): void {
    const { catalogRevision } = this.engine.state;
    if (catalogRevision === this.#catalog) return;
    this.#catalog = catalogRevision;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#rooms.reload();
    }, CATALOG_MS);
  }

  async #readOffers(parent: string): Promise<Branch[]> {
    try {
      return await this.#pages.read(parent);
    } catch (error) {
      this.log.warn(
        `What ${parent} offers could not be read: ${error instanceof Error ? error.message : String(error)}`,
      );
      const label = t('Could not be read. Refresh to try again.');
      return [{ id: `problem:${parent}`, label, icon: 'warning', context: 'problem', tooltip: label }];
    }
  }
}
