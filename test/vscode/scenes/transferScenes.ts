import path from 'node:path';
import { writePeftAdapter } from '../../helpers/writeAdapter';
import { homeOf, LARGE, shareFolder, type Stage } from './ground';

const QUIET = 'Notifications: Toggle Do Not Disturb Mode';
/** More than run at once. */
const QUEUE = ['draft-a', 'draft-b', 'draft-c', 'draft-d', 'draft-e', 'draft-f'];

/** A download from two peers, in the middle. */
export async function takeTransfer({ window: { workbench }, photographer }: Stage): Promise<void> {
  const { panel } = workbench;
  // Its progress is also in a notification, which would lie over the page.
  await workbench.runCommand(QUIET);
  await workbench.row('Rooms', LARGE.name).first().click();
  await panel.getByRole('button', { name: 'Download', exact: true }).click();
  await workbench.question('Its base model is not here').waitFor();
  await workbench.answer.press('Enter');
  await workbench.row('Transfers', LARGE.name).click();
  await panel
    .locator('.transfer-line')
    .filter({ hasText: /· 4\d%/ })
    .waitFor();
  await photographer.take('transfer', 'dark');
  await workbench.runCommand(QUIET);
  await panel.getByRole('button', { name: 'Cancel' }).click();
  await panel.getByText('This transfer is over').first().waitFor();
  await workbench.runCommand('View: Close Editor');
}

/** More downloads than run at once; then all of them, when the only one who has them is away. */
export async function takeQueue({ window, photographer, peers }: Stage): Promise<void> {
  const { workbench } = window;
  const ana = peers.get('ana')!;
  for (const [index, name] of QUEUE.entries()) {
    const folder = path.join(homeOf(window, 'ana'), name);
    await writePeftAdapter(folder, { ...LARGE, blocks: 14, seed: index + 2 });
    await shareFolder(ana, folder, `ana/${name}`);
  }
  await workbench.runCommand(QUIET);
  for (const name of QUEUE) {
    // Not by its row, which leaves the screen when the transfers take their place.
    await workbench.runCommand('LoRA Swarm: Download Adapter…');
    await workbench.answer.fill(name);
    await workbench.option(`ana/${name}`).click();
    await workbench.question('Its base model is not here').waitFor();
    await workbench.answer.press('Enter');
    await workbench.row('Transfers', `ana/${name}`).waitFor();
  }
  await workbench.row('Transfers', '2nd').click();
  await workbench.panel.getByText('In the queue').first().waitFor();
  await photographer.take('queue');

  await ana.close();
  await workbench.row('Transfers', 'waiting for a source').first().click();
  await workbench.panel.getByText('Waiting: nobody offers it now').first().waitFor();
  await photographer.take('waiting');
  await workbench.statusItem.hover();
  await workbench.tooltip('LoRA Swarm').waitFor();
  await photographer.take('status-tooltip');
  await workbench.runCommand(QUIET);
  await workbench.runCommand('View: Close Editor');
}
