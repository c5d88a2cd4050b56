import type { Stage } from './ground';

/** Verdict, adapter page and search: what the README shows. */
export async function takeAdapter({ window: { workbench }, photographer }: Stage): Promise<void> {
  await workbench.pressInRow(workbench.row('Rooms', 'ana/sql-coder'), 'Download Adapter…');
  await workbench.question(/^May fit /).waitFor();
  await photographer.take('verdict', 'light');
  await workbench.answer.press('Enter');
  await workbench.pressInToast(/is in Ollama as/);
  await workbench.row('Library', 'in Ollama as').waitFor();

  await workbench.row('Rooms', 'ana/sql-coder').click();
  await workbench.panel.getByRole('heading', { name: 'ana/sql-coder' }).waitFor();
  await photographer.take('adapter', 'dark');

  await workbench.runCommand('LoRA Swarm: Explore Adapters');
  await workbench.panel.getByText('kim/pt-chat').waitFor();
  await photographer.take('explore', 'contrast');
}

/** The pages of the panel that the README does not show. */
export async function takePages({ window: { workbench }, photographer }: Stage): Promise<void> {
  const { panel } = workbench;
  await workbench.runCommand('LoRA Swarm: Compare with Base');
  await panel.getByRole('textbox', { name: 'Prompt' }).fill('Which users are over 30? Answer in SQL.');
  await panel.getByRole('button', { name: 'Run' }).click();
  await panel.getByText(/^The answers/).waitFor();
  await photographer.take('compare');

  // Two adapters at a rank below their sum, so that there is an error to see.
  await workbench.runCommand('LoRA Swarm: Merge Adapters…');
  for (const name of ['ana/sql-coder', 'tone-r8']) {
    await panel.getByRole('combobox', { name: 'Add an adapter' }).click();
    await panel.getByRole('option', { name }).click();
  }
  await panel.getByRole('combobox', { name: 'Method' }).click();
  await panel.getByRole('option', { name: 'SVD' }).click();
  await panel.getByRole('spinbutton', { name: 'Rank' }).fill('12');
  await panel.getByRole('spinbutton', { name: 'Weight of ana/sql-coder' }).fill('0.75');
  await panel.getByRole('button', { name: 'Merge…' }).click();
  await workbench.answer.press('Enter');
  await panel.getByText('Error by layer').waitFor();
  await photographer.take('merge');

  await workbench.runCommand('LoRA Swarm: Doctor');
  await panel.getByText('Ollama').first().waitFor();
  await photographer.take('doctor');
  await workbench.runCommand('View: Close Editor');
}

/** The explorer's menu, and what it begins. */
export async function takeExplorer({ window: { workbench }, photographer }: Stage): Promise<void> {
  await workbench.showExplorer();
  await workbench.explorerRow('runs').click(); // Opens `tone-r8` too: it is all that is in there.
  await workbench.explorerRow('adapter_model.safetensors').click({ button: 'right' });
  await workbench.page.getByRole('menuitem', { name: 'Share LoRA Adapter…' }).hover();
  await photographer.take('context-menu', 'light');
  await workbench.page.keyboard.press('Escape');
  if (!photographer.takesAll) return;

  await workbench.pickInExplorer('adapter_model.safetensors', 'Share LoRA Adapter…');
  await workbench.question('This was found').waitFor();
  await photographer.take('share');
  await workbench.answer.press('Escape');

  await workbench.pickInExplorer('adapter_model.safetensors', 'Install in Ollama…');
  await workbench.option('Add to').first().waitFor();
  await photographer.take('install');
  await workbench.answer.press('Escape');
}
