import path from 'node:path';
import type { Stage } from './ground';

const PASSPHRASE = 'four quite unrelated words';

/** Backup, a new key, a certificate; and what others see of somebody who revoked a key. */
export async function takeIdentity({ window, photographer, peers }: Stage): Promise<void> {
  const { workbench, profile } = window;
  await workbench.runCommand('LoRA Swarm: Back Up Identity and Rooms');
  await workbench.saveAs(path.join(profile.home, 'lora-swarm.backup'));
  await workbench.question(/A new passphrase/).waitFor();
  await workbench.answer.fill('short');
  await photographer.take('backup-passphrase');
  await workbench.answer.fill(PASSPHRASE);
  await workbench.answer.press('Enter');
  await workbench.reply(/once more/, PASSPHRASE);
  await workbench.toast('The backup is written');
  await photographer.take('backup-written');
  await workbench.pressInToast('The backup is written');

  await workbench.runCommand('LoRA Swarm: Move to a New Key');
  await workbench.dialog('Move to a new key?').waitFor();
  await photographer.take('new-key');
  await workbench.page.keyboard.press('Escape');

  await workbench.pressInRow(workbench.row('Rooms', 'kim/pt-chat'), 'Download Adapter…');
  await workbench.option('Download only').click();
  const row = workbench.row('Library', 'kim/pt-chat');
  await row.waitFor();
  await workbench.pressInToast('was downloaded and verified');
  const kim = peers.get('kim')!;
  const certificate = path.join(profile.folder, 'kim', 'revocation.txt');
  await kim.run('identity', 'revocation', certificate);
  await kim.run('identity', 'revoke', certificate, '--yes');
  await row.filter({ hasText: 'revoked' }).waitFor();
  await row.click();
  await workbench.panel.getByRole('heading', { name: 'kim/pt-chat' }).waitFor();
  await photographer.take('revoked');
  await workbench.runCommand('View: Close Editor');
}
