import * as vscode from 'vscode';
import type { DoctorCheck } from '../../engine/wishes';
import { t } from '../l10n';
import type { UiParts } from '../parts';
import { askPick, BACK } from '../steps';
import { parseTargets, parseTransferElement, targetPath } from '../targets';
import { peerText } from '../text';
import { inspectionNotes, inspectionRows, refusal } from './inspection';
import { pickAdapterFile } from './pickFile';
import type { Handler } from './register';
import { alone } from './rooms';

export function lookCommands(parts: UiParts): Record<string, Handler> {
  return {
    inspect: (clicked) => inspect(parts, clicked),
    doctor: () => doctor(parts),
    explore(clicked) {
      const [target] = parseTargets(clicked);
      parts.openPage({ page: 'explore', ...(target?.kind === 'room' ? { room: target.room } : {}) });
    },
    openAdapter(clicked) {
      const [target] = parseTargets(clicked);
      if (target?.kind === 'adapter') parts.openPage({ page: 'adapter', id: target.id });
    },
    openTransfer(clicked) {
      const transfer = parseTransferElement(clicked ?? parts.selectedTransfer());
      if (transfer) parts.openPage({ page: 'transfer', ...transfer });
    },
    showLog: () => parts.log.show(),
    refresh: () => parts.refresh(),
    showMore(parent) {
      if (typeof parent === 'string') parts.showMore(parent);
    },
    showActions: () => showActions(parts),
  };
}

/** Every fact of a file or folder, and what one does with it next. */
async function inspect(parts: UiParts, clicked: unknown): Promise<void> {
  const [target] = parseTargets(clicked);
  if (target?.kind === 'adapter') {
    parts.openPage({ page: 'adapter', id: target.id });
    return;
  }
  const path = targetPath(target) ?? (await pickAdapterFile(parts, t('Inspect Adapter')));
  if (path === undefined) return;
  const found = await parts.engine.wish('inspect', { path });
  const isFile = target?.kind !== 'model';
  const share = { label: `$(cloud-upload) ${t('Share LoRA Adapter…')}`, command: 'loraSwarm.shareResource' };
  const install = { label: `$(desktop-download) ${t('Install in Ollama…')}`, command: 'loraSwarm.install' };
  const separator = { label: '', kind: vscode.QuickPickItemKind.Separator };
  const merge = { label: `$(combine) ${t('Merge into a Base Model…')}`, command: 'loraSwarm.mergeIntoBase' };
  const actions = refusal(found) === undefined ? [separator, share, install, merge] : [];
  const items: (vscode.QuickPickItem & { command?: string })[] = [
    ...inspectionNotes(found),
    ...inspectionRows(found),
    ...actions,
  ];
  const title = isFile ? vscode.workspace.asRelativePath(vscode.Uri.file(path)) : path;
  const picked = await askPick(alone(peerText(title, 120)), {
    items,
    placeholder: t('Facts from the headers and the config; no tensor was loaded'),
  });
  const command = picked === undefined || picked === BACK ? undefined : picked[0]?.command;
  if (command !== undefined) await vscode.commands.executeCommand(command, isFile ? vscode.Uri.file(path) : path);
}

/** The report as a page to act on, and as text to paste into a bug report. */
async function doctor(parts: UiParts): Promise<readonly DoctorCheck[]> {
  parts.openPage({ page: 'doctor' });
  const { checks } = await parts.engine.wish('doctor', {});
  parts.log.info(['Doctor', ...checks.map(checkLine)].join('\n'));
  return checks;
}

export function checkLine(check: DoctorCheck): string {
  const fix = check.fix === undefined ? '' : ` → ${peerText(check.fix, 300)}`;
  return `  ${check.ok ? 'ok    ' : 'FAILED'} ${check.id}: ${peerText(check.detail, 300)}${check.ok ? '' : fix}`;
}

/** What one does next, behind the status bar item. */
async function showActions(parts: UiParts): Promise<void> {
  const { rooms, peers } = parts.engine.state;
  const isAlone = rooms.length > 0 && peers.length === 0;
  const action = (icon: string, label: string, command: string) => ({ label: `$(${icon}) ${label}`, command });
  const items = [
    ...(isAlone ? [action('question', t('Why 0 peers?'), 'loraSwarm.doctor')] : []),
    action('cloud-upload', t('Share LoRA Adapter…'), 'loraSwarm.share'),
    action('cloud-download', t('Download Adapter…'), 'loraSwarm.download'),
    action('search', t('Explore Adapters'), 'loraSwarm.explore'),
    action('add', t('Join or Create Room…'), 'loraSwarm.addRoom'),
    ...(rooms.some(({ kind }) => kind === 'private') ? [action('link', t('Copy Invite'), 'loraSwarm.copyInvite')] : []),
    ...(isAlone ? [] : [action('pulse', t('Doctor'), 'loraSwarm.doctor')]),
    action('gear', t('Settings'), 'loraSwarm.settings'),
    action('output', t('Show Log'), 'loraSwarm.showLog'),
  ];
  const picked = await vscode.window.showQuickPick(items, { title: 'LoRA Swarm' });
  if (picked?.command === 'loraSwarm.settings')
    await vscode.commands.executeCommand('workbench.action.openSettings', '@ext:lora-swarm.lora-swarm');
  else if (picked) await vscode.commands.executeCommand(picked.command);
}
