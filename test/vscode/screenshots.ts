// npm run screenshots                    Pictures of the real window for the README, into media/screenshots.
// npm run screenshots -- --every-theme   Each of them in dark, light and high contrast, wide and narrow, into
//                                        out-test/screenshots: to look at after a change.
import fs from 'node:fs';
import path from 'node:path';
import { writePeftAdapter } from '../helpers/writeAdapter';
import { ROOT } from '../run/machine';
import { openGround, runFolder, type Ground } from './ground';
import { writeFiles } from './profile';
import { SwarmWindow } from './swarmWindow';
import { TerminalPeer } from './terminalPeer';

const EVERY_THEME = process.argv.includes('--every-theme');
const FOLDER = EVERY_THEME ? path.join(ROOT, 'out-test', 'screenshots') : path.join(ROOT, 'media', 'screenshots');
const SIZE = { width: 1120, height: 700 };
/** With the side bar open, some 300 px are left for the editor. */
const NARROW = { width: 680, height: 900 };
const USER = 'bo';

/** Who is in the room, and what they share: name to the fixture that it is made of. */
const PEERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ana: { 'sql-coder': 'trained-r16', 'unit-tests': 'all-r8' },
  kim: { 'pt-chat': 'rslora-r8', 'commit-style': 'qv-r4', 'release-notes': 'patterns' },
};

/** All of them share this one: 19 MB, and at this rate there is time to look at its download. */
const LARGE = { name: 'legal-summary', hidden: 3_072, blocks: 28, rank: 16, base: 'meta-llama/Llama-3.2-3B' };
const UPLOAD_LIMIT = '500KB';
const QUIET = 'Notifications: Toggle Do Not Disturb Mode';

const THEMES = {
  dark: { colorScheme: 'dark', forcedColors: 'none', look: 'vs-dark' },
  light: { colorScheme: 'light', forcedColors: 'none', look: 'vs' },
  contrast: { colorScheme: 'dark', forcedColors: 'active', look: 'hc-black' },
} as const;

type ThemeName = keyof typeof THEMES;

class Photographer {
  constructor(
    private readonly window: SwarmWindow,
    /** All pictures in this one, wide and narrow. */
    private readonly only: ThemeName | undefined,
  ) {}

  get takesAll(): boolean {
    return this.only !== undefined;
  }

  /** Changes the colours as the operating system does; the window follows. */
  async use(theme: ThemeName): Promise<void> {
    const { look, ...media } = THEMES[theme];
    await this.window.workbench.page.emulateMedia(media);
    await this.window.workbench.page.locator(`.monaco-workbench.${look}`).waitFor();
  }

  /** @param theme In which the README shows it. Absent: it does not. */
  async take(name: string, theme?: ThemeName): Promise<void> {
    if (this.only === undefined) {
      if (theme === undefined) return;
      await this.use(theme);
      return this.#shoot(name);
    }
    const { page } = this.window.workbench;
    await this.#shoot(`${name}-${this.only}`);
    await page.setViewportSize(NARROW);
    await this.#shoot(`${name}-${this.only}-narrow`);
    await page.setViewportSize(SIZE);
  }

  async #shoot(name: string): Promise<void> {
    const file = path.join(FOLDER, `${name}.png`);
    await this.window.workbench.page.screenshot({ path: file, animations: 'disabled' });
    console.log(`${path.relative(ROOT, file)}  ${Math.round(fs.statSync(file).size / 1000)} KB`);
  }
}

async function main(): Promise<void> {
  fs.rmSync(FOLDER, { recursive: true, force: true });
  fs.mkdirSync(FOLDER, { recursive: true });
  // A window of its own for each: a webview keeps something of forced colours when they are switched off again.
  for (const only of EVERY_THEME ? (Object.keys(THEMES) as ThemeName[]) : [undefined]) await photograph(only);
}

async function photograph(only: ThemeName | undefined): Promise<void> {
  const ground = await openGround();
  const files = runFolder('runs/tone-r8', 'all-r8');
  const settings = {
    'window.autoDetectColorScheme': true,
    'window.autoDetectHighContrast': true,
  };
  const window = await SwarmWindow.open({ name: USER, env: ground.env, files, size: SIZE, settings });
  const peers: TerminalPeer[] = [];
  try {
    const invite = await makeRoom(window);
    for (const [name, adapters] of Object.entries(PEERS))
      peers.push(await joinPeer(window, ground, name, adapters, invite));
    const photographer = new Photographer(window, only);
    if (only !== undefined) await photographer.use(only);
    await takeAll(window, photographer);
  } catch (error) {
    await window.report(path.join(ROOT, 'out-test', 'screenshots'));
    throw error;
  } finally {
    for (const peer of peers) await peer.close();
    await window.close();
    await ground.close();
  }
}

async function makeRoom({ workbench }: SwarmWindow): Promise<string> {
  await workbench.showSwarm();
  await workbench.view('Rooms').getByRole('button', { name: 'Create Private Room' }).click();
  await workbench.reply(/What do you call this room/, 'lab');
  await workbench.pressInToast('The room is ready', 'Copy Invite');
  await workbench.row('Rooms', 'lab').waitFor();
  return workbench.clipboard(/join\?code=/);
}

async function joinPeer(
  window: SwarmWindow,
  ground: Ground,
  name: string,
  adapters: Readonly<Record<string, string>>,
  invite: string,
): Promise<TerminalPeer> {
  const home = path.join(window.profile.folder, name);
  const peer = new TerminalPeer({ cli: window.cli, home: path.join(home, 'home'), env: ground.env });
  await peer.run('config', 'set', 'identity.displayName', name);
  await peer.run('config', 'set', 'transfer.uploadLimit', UPLOAD_LIMIT);
  const code = new URL(invite).searchParams.get('code') ?? '';
  await peer.run('room', 'join', code, '--name', 'lab');
  await writePeftAdapter(path.join(home, LARGE.name), LARGE);
  for (const [adapter, fixture] of [...Object.entries(adapters), [LARGE.name]] as const) {
    if (fixture !== undefined) writeFiles(home, runFolder(adapter, fixture));
    const folder = path.join(home, adapter);
    const facts = ['--name', `${name}/${adapter}`, '--license', 'apache-2.0', '--no-wait'];
    await peer.run('share', folder, '--room', 'lab', ...facts);
  }
  await peer.stay('serve');
  return peer;
}

async function takeAll(window: SwarmWindow, photographer: Photographer): Promise<void> {
  const { workbench } = window;
  const { page } = workbench;
  await workbench.expand(workbench.row('Rooms', 'lab'));
  for (const name of Object.keys(PEERS)) await workbench.expand(workbench.row('Rooms', `${name} · `));
  await workbench.row('Rooms', 'ana/sql-coder').waitFor();
  await workbench.row('Rooms', 'kim/release-notes').waitFor();

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

  await takeTransfer(window, photographer);
  if (photographer.takesAll) await takePages(window, photographer);
  await workbench.runCommand('View: Close Editor');
  await workbench.showExplorer();
  await workbench.explorerRow('runs').click(); // Opens `tone-r8` too: it is all that is in there.
  await workbench.explorerRow('adapter_model.safetensors').click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Share LoRA Adapter…' }).hover();
  await photographer.take('context-menu', 'light');
  if (photographer.takesAll) await takePickers(window, photographer);
}

/** A download from two peers, in the middle. */
async function takeTransfer({ workbench }: SwarmWindow, photographer: Photographer): Promise<void> {
  const { panel } = workbench;
  // Its progress is also in a notification, which would lie over the page.
  await workbench.runCommand(QUIET);
  await workbench.row('Rooms', LARGE.name).first().click();
  await panel.getByRole('button', { name: 'Download', exact: true }).click();
  await workbench.question('Its base model is not here').waitFor();
  await workbench.answer.press('Enter');
  await workbench.row('Transfers', LARGE.name).click();
  // Its progress is also in a notification, which would lie over the page.
  await workbench.runCommand(QUIET);
  await panel
    .locator('.transfer-line')
    .filter({ hasText: /· 4\d%/ })
    .waitFor();
  await photographer.take('transfer', 'dark');
  await workbench.runCommand(QUIET);
  await panel.getByRole('button', { name: 'Cancel' }).click();
  await panel.getByText('This transfer is over').first().waitFor();
}

/** The pages of the panel that the README does not show. */
async function takePages(window: SwarmWindow, photographer: Photographer): Promise<void> {
  const { workbench } = window;
  await workbench.runCommand('LoRA Swarm: Compare with Base');
  await workbench.panel.getByRole('textbox', { name: 'Prompt' }).fill('Which users are over 30? Answer in SQL.');
  await workbench.panel.getByRole('button', { name: 'Run' }).click();
  await workbench.panel.getByText(/^The answers/).waitFor();
  await photographer.take('compare');

  await takeMerge(window, photographer);

  await workbench.runCommand('LoRA Swarm: Doctor');
  await workbench.panel.getByText('Ollama').first().waitFor();
  await photographer.take('doctor');
}

async function takePickers({ workbench }: SwarmWindow, photographer: Photographer): Promise<void> {
  await workbench.page.keyboard.press('Escape');
  await workbench.pickInExplorer('adapter_model.safetensors', 'Share LoRA Adapter…');
  await workbench.question('This was found').waitFor();
  await photographer.take('share');
  await workbench.answer.press('Escape');

  await workbench.pickInExplorer('adapter_model.safetensors', 'Install in Ollama…');
  await workbench.option('Add to').first().waitFor();
  await photographer.take('install');
}

/** Two adapters at a rank below their sum, so that there is an error to see. */
async function takeMerge({ workbench }: SwarmWindow, photographer: Photographer): Promise<void> {
  const { panel } = workbench;
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
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
