import * as vscode from 'vscode';
import { Emitter } from '../engine/events';
import { DisposableStore } from '../engine/lifecycle';
import type { EngineHandle } from './engineHandle';
import { NO_FINDS, type MachineFinds } from './views/libraryBranches';
import { adapterFolders, findAdapters } from './workspaceAdapters';

/** A trainer writes a checkpoint in several files; one look after the last of them. */
const QUIET_MS = 1_000;

/** Looks for adapters in the workspace and in Ollama: when the library is shown, when files come, when Ollama answers. */
export class MachineWatch implements vscode.Disposable {
  readonly #owned = new DisposableStore();
  readonly #changed = this.#owned.add(new Emitter<MachineFinds>());
  readonly onDidChange = this.#changed.event;
  #finds = NO_FINDS;
  #timer: NodeJS.Timeout | undefined;
  #isWanted = false;
  #ollama = '';

  constructor(
    private readonly engine: EngineHandle,
    private readonly log: vscode.LogOutputChannel,
  ) {
    const configs = this.#owned.add(vscode.workspace.createFileSystemWatcher('**/adapter_config.json', false, true));
    const later = (): void => this.#later();
    this.#owned.add(configs.onDidCreate(later));
    this.#owned.add(configs.onDidDelete(later));
    this.#owned.add(vscode.workspace.onDidChangeWorkspaceFolders(later));
    this.#owned.add(vscode.workspace.onDidGrantWorkspaceTrust(later));
    this.#owned.add(engine.onDidChangeState(() => this.#followOllama()));
    this.#later();
  }

  get finds(): MachineFinds {
    return this.#finds;
  }

  /** From now on the finds are kept up to date; before, nobody looks at them. */
  want(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#later();
  }

  /** Looks again now. */
  async refresh(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#offerInExplorer();
    if (!this.#isWanted) return;
    const [folders, models] = await Promise.all([
      this.#orEmpty(findAdapters(this.engine)),
      this.#orEmpty(this.engine.wish('ollamaAdapters', {}).then((answer) => answer.adapters)),
    ]);
    this.#finds = { folders, models };
    this.#changed.fire(this.#finds);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#owned.dispose();
  }

  #later(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.refresh(), QUIET_MS);
  }

  /** The models change when Ollama comes, goes or is another one, and when we make or remove one. */
  #followOllama(): void {
    const { ollama, library } = this.engine.state;
    const seen = JSON.stringify([ollama?.url, ollama?.isReachable, library.flatMap(({ models }) => models)]);
    if (seen === this.#ollama) return;
    this.#ollama = seen;
    if (this.#isWanted) this.#later();
  }

  async #offerInExplorer(): Promise<void> {
    const folders = await this.#orEmpty(adapterFolders());
    await vscode.commands.executeCommand('setContext', 'loraSwarm.adapterFolders', folders);
  }

  /** What cannot be looked at is shown as nothing; the log says why. */
  async #orEmpty<T>(looking: Promise<readonly T[]>): Promise<readonly T[]> {
    try {
      return await looking;
    } catch (error) {
      this.log.debug(`Looking for adapters: ${error instanceof Error ? error.message : String(error)}`);
      return [];
    }
  }
}
