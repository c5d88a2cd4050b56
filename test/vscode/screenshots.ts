// npm run screenshots                    Pictures of the real window for the README, into media/screenshots.
// npm run screenshots -- --every-theme   Each of them and many more in dark, light and high contrast, wide and narrow, into
//                                        out-test/screenshots: to look at after a change.
//   --theme dark                         Only in this one.
//   --scenes members,queue               Only these; see `SCENES`. What a scene needs of those before it has to be named, too.
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../run/machine';
import { openGround, runFolder } from './ground';
import { Photographer, SIZE, THEMES, type ThemeName } from './photographer';
import { takeFirstStart, takeGeneral } from './scenes/firstScenes';
import { openStall, PEERS, ROOM, type Stage } from './scenes/ground';
import { takeIdentity } from './scenes/identityScenes';
import { takeCrowd, takeMembers } from './scenes/memberScenes';
import { takeAdapter, takeExplorer, takePages } from './scenes/pageScenes';
import { takeQueue, takeTransfer } from './scenes/transferScenes';
import { SwarmWindow } from './swarmWindow';

/** In the order in which they are played. Those of the README come in every run. */
const SCENES: Readonly<
  Record<string, { readonly play: (stage: Stage) => Promise<void>; readonly isOfReadme?: boolean }>
> = {
  adapter: { play: takeAdapter, isOfReadme: true },
  transfer: { play: takeTransfer, isOfReadme: true },
  pages: { play: takePages },
  explorer: { play: takeExplorer, isOfReadme: true },
  general: { play: takeGeneral },
  crowd: { play: takeCrowd },
  members: { play: takeMembers },
  identity: { play: takeIdentity },
  queue: { play: takeQueue },
};

const { values: options } = parseArgs({
  options: { 'every-theme': { type: 'boolean' }, theme: { type: 'string' }, scenes: { type: 'string' } },
});
const themes = (Object.keys(THEMES) as ThemeName[]).filter(
  (name) => options.theme === undefined || options.theme === name,
);
const takesAll = options['every-theme'] === true || options.theme !== undefined;
const wanted = options.scenes?.split(',');
const FOLDER = takesAll ? path.join(ROOT, 'out-test', 'screenshots') : path.join(ROOT, 'media', 'screenshots');
const USER = 'bo';

async function main(): Promise<void> {
  if (wanted === undefined) fs.rmSync(FOLDER, { recursive: true, force: true });
  fs.mkdirSync(FOLDER, { recursive: true });
  // A window of its own for each: a webview keeps something of forced colours when they are switched off again.
  for (const only of takesAll ? themes : [undefined]) await photograph(only);
}

async function photograph(only: ThemeName | undefined): Promise<void> {
  const ground = await openGround();
  const files = runFolder('runs/tone-r8', 'all-r8');
  const settings = {
    'window.autoDetectColorScheme': true,
    'window.autoDetectHighContrast': true,
    // The same way to choose files on every machine, and one that can be photographed.
    'files.simpleDialog.enable': true,
  };
  const window = await SwarmWindow.open({ name: USER, env: ground.env, files, size: SIZE, settings });
  const photographer = new Photographer(window, FOLDER, only);
  const peers: Stage['peers'] = new Map();
  try {
    if (only !== undefined) await photographer.use(only);
    const empty = { window, photographer, ground, peers };
    if (only !== undefined && isWanted('first')) await takeFirstStart(empty);
    const stage = { ...empty, code: await makeRoom(window) };
    for (const name of Object.keys(PEERS)) await openStall(stage, name);
    await openRows(window);
    for (const [name, { play, isOfReadme }] of Object.entries(SCENES))
      if (isWanted(name) && (only !== undefined || isOfReadme)) await play(stage);
  } catch (error) {
    await window.report(path.join(ROOT, 'out-test', 'screenshots'));
    throw error;
  } finally {
    for (const peer of peers.values()) await peer.close();
    await window.close();
    await ground.close();
  }
}

const isWanted = (scene: string): boolean => wanted === undefined || wanted.includes(scene);

async function makeRoom({ workbench }: SwarmWindow): Promise<string> {
  await workbench.showSwarm();
  await workbench.view('Rooms').getByRole('button', { name: 'Create Private Room' }).click();
  await workbench.reply(/What do you call this room/, ROOM);
  await workbench.pressInToast('The room is ready', 'Copy Invite');
  await workbench.row('Rooms', ROOM).waitFor();
  const invite = await workbench.clipboard(/join\?code=/);
  return new URL(invite).searchParams.get('code') ?? '';
}

async function openRows({ workbench }: SwarmWindow): Promise<void> {
  await workbench.expand(workbench.row('Rooms', ROOM));
  for (const name of Object.keys(PEERS)) await workbench.expand(workbench.row('Rooms', `${name} · `));
  await workbench.row('Rooms', 'ana/sql-coder').waitFor();
  await workbench.row('Rooms', 'kim/release-notes').waitFor();
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
