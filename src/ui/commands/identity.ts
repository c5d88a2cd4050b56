import { homedir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { hasCode } from '../../engine/errors';
import { countOf, shortKey } from '../facts';
import { t } from '../l10n';
import { confirm, showDone } from '../notify';
import type { UiParts } from '../parts';
import type { Handler } from './register';

/** The same as of the engine, so that the question says it before the work begins. */
const MIN_PASSPHRASE_CHARS = 8;

/** What concerns the user's own key. All of it is rare, so it is in the palette only. */
export function identityCommands(parts: UiParts): Record<string, Handler> {
  return {
    backUpIdentity: () => backUp(parts),
    restoreIdentity: () => restore(parts),
    rotateIdentity: () => rotate(parts),
    exportRevocation: () => exportRevocation(parts),
    revokeKey: () => revoke(parts),
  };
}

async function backUp(parts: UiParts): Promise<void> {
  const path = await askWhere('lora-swarm.backup', t('Back Up'));
  if (path === undefined) return;
  const passphrase = await askNewPassphrase();
  if (passphrase === undefined) return;
  const work = parts.engine.wish('backUpIdentity', { path, passphrase, isReplacing: true });
  await withProgress(t('Writing the backup…'), work);
  void showDone(
    parts.log,
    t(
      'The backup is written. Whoever has the file and the passphrase is you; without the passphrase nobody can open it.',
    ),
    { [t('Also Save the Revocation Certificate')]: () => exportRevocation(parts) },
  );
}

async function restore(parts: UiParts): Promise<void> {
  const path = await askFile(t('Restore'), t('Backup of LoRA Swarm'));
  if (path === undefined) return;
  const passphrase = await askPassphrase(t('Restore Identity'), t('Passphrase of the backup'));
  if (passphrase === undefined) return;
  const ask = (isReplacing: boolean) =>
    withProgress(t('Opening the backup…'), parts.engine.wish('restoreIdentity', { path, passphrase, isReplacing }));
  let restored: Awaited<ReturnType<typeof ask>>;
  try {
    restored = await ask(false);
  } catch (error) {
    if (!hasCode(error, 'IDENTITY_EXISTS') || !(await confirmReplacing(parts))) throw error;
    restored = await ask(true);
  }
  const { rooms, shared } = restored;
  const said = [
    t('You are {0} again.', shortKey(restored.key)),
    countOf(rooms.length, t('1 room came back.'), t('{0} rooms came back.')),
    countOf(
      shared.length,
      t('Share your adapter again from its files.'),
      t('Share your {0} adapters again from their files.'),
    ),
  ];
  void showDone(parts.log, said.slice(0, shared.length === 0 ? 2 : 3).join(' '));
}

async function rotate(parts: UiParts): Promise<void> {
  const isWanted = await confirm(
    t('Move to a new key?'),
    t(
      'Do it when somebody may have copied your key. Others take both keys for one author as soon as a room tells them. The new one is an admin of your private rooms, too; the old one stays one in those that you created. A backup of before has the old key.',
    ),
    t('Move to a New Key'),
  );
  if (!isWanted) return;
  const { key, isLinked } = await parts.engine.wish('rotateIdentity', {});
  void showDone(
    parts.log,
    isLinked
      ? t('Your key is now {0}. What the old one signed counts as yours.', shortKey(key))
      : t('Your key is now {0}. The old one was revoked, so nothing links the two.', shortKey(key)),
    { [t('Back Up Now')]: () => backUp(parts) },
  );
}

async function exportRevocation(parts: UiParts): Promise<void> {
  const { key } = parts.engine.state.identity;
  const path = await askWhere(`lora-swarm-revocation-${key.slice(0, 8)}.txt`, t('Save'));
  if (path === undefined) return;
  await parts.engine.wish('exportRevocation', { path, isReplacing: true });
  void showDone(
    parts.log,
    t('Keep the certificate apart from this machine. It ends your key when that is lost, and does nothing else.'),
  );
}

async function revoke(parts: UiParts): Promise<void> {
  const path = await askFile(t('Revoke'), t('Revocation certificate'));
  if (path === undefined) return;
  const detail = t('What it signed is shown as revoked, to everybody who hears of it. This can not be taken back.');
  if (!(await confirm(t('End the key of this certificate for good?'), detail, t('Revoke')))) return;
  let revoked: { readonly key: string; readonly isOwn: boolean };
  try {
    revoked = await parts.engine.wish('revokeKey', { path });
  } catch (error) {
    if (!hasCode(error, 'CONFIRM_NEEDED')) throw error;
    if (!(await confirm(t('This is your own present key.'), detail, t('Revoke My Own Key')))) return;
    revoked = await parts.engine.wish('revokeKey', { path, isOwnConfirmed: true });
  }
  const next = revoked.isOwn ? { [t('Move to a New Key')]: () => rotate(parts) } : {};
  void showDone(parts.log, t('{0} counts no more. Your rooms hear of it.', shortKey(revoked.key)), next);
}

function confirmReplacing(parts: UiParts): Promise<boolean> {
  const { key } = parts.engine.state.identity;
  return confirm(
    t('Put the identity of the backup in the place of {0}?', shortKey(key)),
    t('That key is gone then, unless you have a backup of it. Rooms that are here stay.'),
    t('Replace'),
  );
}

async function askNewPassphrase(): Promise<string | undefined> {
  const title = (step: number): string => t('Back Up Identity and Rooms ({0}/{1})', step, 2);
  const first = await askPassphrase(title(1), t('A new passphrase for this backup'), (text) =>
    Array.from(text).length < MIN_PASSPHRASE_CHARS
      ? t('At least {0} characters. Four or five unrelated words are good.', MIN_PASSPHRASE_CHARS)
      : undefined,
  );
  if (first === undefined) return undefined;
  return askPassphrase(title(2), t('The same passphrase once more'), (text) =>
    text === first ? undefined : t('This is not the same.'),
  );
}

/** Never kept, logged or shown. */
async function askPassphrase(
  title: string,
  prompt: string,
  check?: (text: string) => string | undefined,
): Promise<string | undefined> {
  const text = await vscode.window.showInputBox({
    title,
    prompt,
    password: true,
    ignoreFocusOut: true,
    ...(check ? { validateInput: check } : {}),
  });
  return text === '' ? undefined : text;
}

async function askWhere(name: string, saveLabel: string): Promise<string | undefined> {
  const defaultUri = vscode.Uri.file(join(homedir(), name));
  return (await vscode.window.showSaveDialog({ defaultUri, saveLabel }))?.fsPath;
}

async function askFile(openLabel: string, title: string): Promise<string | undefined> {
  const picked = await vscode.window.showOpenDialog({ openLabel, title, defaultUri: vscode.Uri.file(homedir()) });
  return picked?.[0]?.fsPath;
}

async function withProgress<T>(title: string, work: Promise<T>): Promise<T> {
  return vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title }, () => work);
}
