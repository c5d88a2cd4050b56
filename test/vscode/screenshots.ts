// npm run screenshots   Pictures of the real window for the README, into media/screenshots.
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../run/machine';
import { openGround, runFolder, type Ground } from './ground';
import { writeFiles } from './profile';
import { SwarmWindow } from './swarmWindow';
import { TerminalPeer } from './terminalPeer';

const FOLDER = path.join(ROOT, 'media', 'screenshots');
const SIZE = { width: 1120, height: 700 };
const USER = 'bo';

/** Who is in the room, and what they share: name to the fixture that it is made of. */
const PEERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ana: { 'sql-coder': 'trained-r16', 'unit-tests': 'all-r8' },
  kim: { 'pt-chat': 'rslora-r8', 'commit-style': 'qv-r4', 'release-notes': 'patterns' },
};

const THEMES = {
  dark: { colorScheme: 'dark', forcedColors: 'none', look: 'vs-dark' },
  light: { colorScheme: 'light', forcedColors: 'none', look: 'vs' },
  contrast: { colorScheme: 'dark', forcedColors: 'active', look: 'hc-black' },
} as const;

class Photographer {
  constructor(private readonly window: SwarmWindow) {}

  /** Changes the colours as the operating system does; the window follows. */
  async use(theme: keyof typeof THEMES): Promise<void> {
    const { look, ...media } = THEMES[theme];
    await this.window.workbench.page.emulateMedia(media);
    await this.window.workbench.page.locator(`.monaco-workbench.${look}`).waitFor();
  }

  async take(name: string): Promise<void> {
    const file = path.join(FOLDER, `${name}.png`);
    await this.window.workbench.page.screenshot({ path: file, animations: 'disabled' });
    console.log(`${path.relative(ROOT, file)}  ${Math.round(fs.statSync(file).size / 1000)} KB`);
  }
}

async function main(): Promise<void> {
  fs.rmSync(FOLDER, { recursive: true, force: true });
  fs.mkdirSync(FOLDER, { recursive: true });
  const ground = await openGround();
  const files = runFolder('runs/tone-r16');
  const settings = { 'window.autoDetectColorScheme': true, 'window.autoDetectHighContrast': true };
  const window = await SwarmWindow.open({ name: USER, env: ground.env, files, size: SIZE, settings });
  const peers: TerminalPeer[] = [];
  try {
    const invite = await makeRoom(window);
    for (const [name, adapters] of Object.entries(PEERS))
      peers.push(await joinPeer(window, ground, name, adapters, invite));
    await takeAll(window, new Photographer(window));
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
  const code = new URL(invite).searchParams.get('code') ?? '';
  await peer.run('room', 'join', code, '--name', 'lab');
  for (const [adapter, fixture] of Object.entries(adapters)) {
    writeFiles(home, runFolder(adapter, fixture));
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
  await workbench.row('Rooms', 'ana/sql-coder').waitFor();
  await workbench.row('Rooms', 'kim/release-notes').waitFor();

  await photographer.use('light');
  await workbench.pressInRow(workbench.row('Rooms', 'ana/sql-coder'), 'Download Adapter…');
  await workbench.question(/^May fit /).waitFor();
  await photographer.take('verdict');
  await workbench.answer.press('Enter');
  await workbench.pressInToast(/is in Ollama as/);
  await workbench.row('Library', 'in Ollama as').waitFor();

  await workbench.row('Rooms', 'ana/sql-coder').click();
  await workbench.panel.getByRole('heading', { name: 'ana/sql-coder' }).waitFor();
  await photographer.use('dark');
  await photographer.take('adapter');

  await workbench.runCommand('LoRA Swarm: Explore Adapters');
  await workbench.panel.getByText('kim/pt-chat').waitFor();
  await photographer.use('contrast');
  await photographer.take('explore');

  await workbench.runCommand('LoRA Swarm: Doctor');
  await workbench.panel.getByText('Ollama').first().waitFor();
  await photographer.use('dark');
  await photographer.take('doctor');

  await page.keyboard.press('Control+F4');
  await photographer.use('light');
  await workbench.showExplorer();
  await workbench.explorerRow('runs').click(); // Opens `tone-r16` too: it is all that is in there.
  await workbench.explorerRow('adapter_model.safetensors').click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Share LoRA Adapter…' }).hover();
  await photographer.take('context-menu');
  await page.getByRole('menuitem', { name: 'Share LoRA Adapter…' }).click({ delay: 150 });
  await workbench.question('This was found').waitFor();
  await photographer.take('share');
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
