import type { Stage } from './ground';

/** What somebody sees who has just installed it. */
export async function takeFirstStart({ window: { workbench }, photographer }: Omit<Stage, 'code'>): Promise<void> {
  await workbench.showSwarm();
  await workbench.view('Rooms').getByRole('button', { name: 'Create Private Room' }).waitFor();
  await workbench.runCommand('LoRA Swarm: Explore Adapters');
  await workbench.panel.getByRole('heading', { name: 'No rooms yet' }).waitFor();
  await photographer.take('first-start');

  await workbench.runCommand('View: Close Editor');
  await workbench.runCommand('LoRA Swarm: What Do Others See?');
  await workbench.dialog('What do others in a room see?').waitFor();
  await photographer.take('what-others-see');
  await workbench.page.keyboard.press('Escape');
}

/** The two steps before anything of the user's is public. */
export async function takeGeneral({ window: { workbench }, photographer }: Stage): Promise<void> {
  await workbench.showSwarm();
  await workbench.runCommand('LoRA Swarm: Join General Room');
  const asked = workbench.dialog('Join the general room?');
  await asked.waitFor();
  await photographer.take('join-general');
  await asked.getByRole('button', { name: 'Join', exact: true }).click();
  const room = workbench.row('Rooms', 'General');
  await room.waitFor();
  await room.hover();
  await workbench.tooltip('Public').waitFor();
  await photographer.take('general-tooltip');

  await workbench.pickInExplorer('adapter_model.safetensors', 'Share LoRA Adapter…');
  await workbench.reply('This was found');
  await workbench.reply(/author\/name/, 'bo/tone');
  await workbench.reply('Licence of the adapter');
  await workbench.reply(/Tags/, 'style');
  await workbench.option('General').getByRole('checkbox').check();
  await photographer.take('share-rooms');
  await workbench.answer.press('Enter');
  const isSure = workbench.dialog('Share this adapter with everyone?');
  await isSure.waitFor();
  await photographer.take('share-public');
  await isSure.getByRole('button', { name: 'Share Publicly' }).click();
  await workbench.pressInToast('bo/tone is shared in General');
  await workbench.showSwarm();
  await workbench.row('Library', 'bo/tone').waitFor();
}
