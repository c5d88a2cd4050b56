import * as vscode from 'vscode';
import { DisposableStore } from '../engine/lifecycle';
import type { EngineHandle } from './engineHandle';
import { t } from './l10n';
import { statusOf } from './status';

/** One item on the left: peers, and rates while something moves. A click offers what one does next. */
export class StatusBar implements vscode.Disposable {
  readonly #owned = new DisposableStore();
  readonly #item = this.#owned.add(vscode.window.createStatusBarItem('status', vscode.StatusBarAlignment.Left, -100));

  constructor(private readonly engine: EngineHandle) {
    this.#item.name = 'LoRA Swarm';
    this.#item.command = 'loraSwarm.showActions';
    this.#owned.add(engine.onDidChangeState(() => this.#draw()));
    this.#draw();
    this.#item.show();
  }

  dispose(): void {
    this.#owned.dispose();
  }

  #draw(): void {
    const status = statusOf(this.engine.state);
    // Setting what is already there makes the bar flicker in some themes.
    if (this.#item.text !== status.text) this.#item.text = status.text;
    this.#item.tooltip = status.isAlone ? aloneTooltip(status.tooltip) : status.tooltip;
    this.#item.accessibilityInformation = { label: status.spoken };
    this.#item.backgroundColor = status.isWarning
      ? new vscode.ThemeColor('statusBarItem.warningBackground')
      : undefined;
  }
}

/** Facts as escaped text, and one link to one command of ours. */
function aloneTooltip(facts: string): vscode.MarkdownString {
  const tooltip = new vscode.MarkdownString();
  tooltip.isTrusted = { enabledCommands: ['loraSwarm.doctor'] };
  tooltip.appendText(facts);
  tooltip.appendMarkdown(`\n\n[${t('Why 0 peers?')}](command:loraSwarm.doctor)`);
  return tooltip;
}
