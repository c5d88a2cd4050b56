import * as vscode from 'vscode';
import { DisposableStore } from '../engine/lifecycle';
import type { EditorEngine } from './editorEngine';
import { MOVING, openTransfers, STANDING } from './views/transferBranches';

/**
 * Tells package.json's `when` clauses what there is: empty states, the Transfers view, the steps of the walkthrough, and
 * which commands can do something now.
 */
export class ContextKeys implements vscode.Disposable {
  readonly #owned = new DisposableStore();
  readonly #told = new Map<string, unknown>();

  constructor(private readonly engine: EditorEngine) {
    this.#owned.add(engine.onDidChangeState(() => this.#tell()));
    this.#owned.add(engine.onDidChangePhase(() => this.#tell()));
    this.#tell();
  }

  dispose(): void {
    this.#owned.dispose();
  }

  #tell(): void {
    const { rooms, shared, library, ollama } = this.engine.state;
    this.#set('engine', this.engine.phase);
    this.#set('hasRooms', rooms.length > 0);
    this.#set(
      'inLocalRoom',
      rooms.some(({ kind }) => kind === 'local'),
    );
    this.#set(
      'inGeneralRoom',
      rooms.some(({ kind }) => kind === 'general'),
    );
    this.#set(
      'hasPrivateRoom',
      rooms.some(({ kind }) => kind === 'private'),
    );
    this.#set(
      'isRoomAdmin',
      rooms.some(({ kind, isAdmin }) => kind === 'private' && isAdmin),
    );
    this.#set('hasShared', shared.length > 0);
    this.#set('hasDownloaded', library.length > 0);
    const open = openTransfers(this.engine.state);
    const downloads = open.filter(({ direction }) => direction === 'download').map(({ phase }) => phase);
    this.#set('hasTransfers', open.length > 0);
    this.#set('hasDownloads', downloads.length > 0);
    this.#set('hasQueue', downloads.includes('queued'));
    this.#set(
      'canPause',
      downloads.some((phase) => MOVING.includes(phase)),
    );
    this.#set(
      'canResume',
      downloads.some((phase) => STANDING.includes(phase)),
    );
    this.#set('ollamaDown', ollama !== undefined && !ollama.isReachable);
  }

  #set(key: string, value: unknown): void {
    if (this.#told.get(key) === value) return;
    this.#told.set(key, value);
    void vscode.commands.executeCommand('setContext', `loraSwarm.${key}`, value);
  }
}
