import * as vscode from 'vscode';
import type { Disposable } from '../engine/lifecycle';
import { chatCommands } from './commands/chat';
import { compareCommands } from './commands/compare';
import { downloadCommands } from './commands/download';
import { identityCommands } from './commands/identity';
import { installCommands } from './commands/install';
import { lookCommands } from './commands/look';
import { memberCommands } from './commands/members';
import { mergeCommands } from './commands/merge';
import { registerCommands } from './commands/register';
import { roomLimitCommands } from './commands/roomLimits';
import { roomCommands } from './commands/rooms';
import { shareCommands } from './commands/share';
import { transferCommands } from './commands/transfers';
import { ContextKeys } from './contextKeys';
import type { EditorEngine } from './editorEngine';
import { MachineWatch } from './machineWatch';
import { Panel, PANEL_TYPE, panelSerializer } from './panel/panel';
import { MergePlaces } from './panel/mergePlaces';
import type { UiParts } from './parts';
import { Preview } from './preview';
import { watchSources } from './sourceNotice';
import { StatusBar } from './statusBar';
import { UriHandler } from './uriHandler';
import { Views } from './views/views';

export interface ContributionParts {
  readonly engine: EditorEngine;
  readonly extensionUri: vscode.Uri;
  readonly log: vscode.LogOutputChannel;
  readonly memory: vscode.Memento;
}

/** Everything that package.json promises: views, commands, status bar, links, panel. The caller ends them. */
export function contribute({ engine, extensionUri, log, memory }: ContributionParts): Disposable[] {
  const machine = new MachineWatch(engine, log);
  const preview = new Preview();
  const places = new MergePlaces();
  const views = new Views(engine, machine, log);
  const parts: UiParts = {
    engine,
    extensionUri,
    log,
    memory,
    openPage: (page) => Panel.show({ engine, extensionUri, log, places }, page),
    places,
    preview: (title, text) => preview.show(title, text),
    selectedTransfer: () => views.selectedTransfer,
    refresh: () => views.refresh(),
    showMore: (parent) => views.showMore(parent),
  };
  const handlers = {
    ...shareCommands(parts),
    ...downloadCommands(parts),
    ...transferCommands(parts),
    ...installCommands(parts),
    ...chatCommands(parts),
    ...compareCommands(parts),
    ...mergeCommands(parts),
    ...roomCommands(parts),
    ...roomLimitCommands(parts),
    ...memberCommands(parts),
    ...identityCommands(parts),
    ...lookCommands(parts),
  };
  return [
    machine,
    views,
    preview,
    new ContextKeys(engine),
    new StatusBar(engine),
    watchSources(parts),
    ...registerCommands(handlers, log),
    vscode.window.registerUriHandler(new UriHandler(parts)),
    vscode.window.registerWebviewPanelSerializer(PANEL_TYPE, panelSerializer({ engine, extensionUri, log, places })),
  ];
}
