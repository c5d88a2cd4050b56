import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { RoomMember } from '../../src/engine/wishes';
import { ROOT } from '../run/machine';
import { openGround, runFolder, type Ground } from './ground';
import { writeFiles } from './profile';
import { SwarmWindow } from './swarmWindow';
import { TerminalPeer } from './terminalPeer';

const PETNAME = 'Kim of the lab';
/** What this peer calls itself and its adapter: it may stand in trees, and in no notification. */
const CALLS_ITSELF = 'Editor Support';
const OFFERS = 'support/urgent-update';
const REPORTS = path.join(ROOT, 'out-test', 'members');

// One story in steps, as in ui.test.ts.
describe('a window and the people in its rooms', function () {
  this.timeout(120_000);
  this.bail(true);
  let ground: Ground;
  let window: SwarmWindow;
  let kim: TerminalPeer;
  const said = new Set<string>();

  before(async () => {
    fs.rmSync(REPORTS, { recursive: true, force: true });
    ground = await openGround();
    window = await SwarmWindow.open({ name: 'bo', env: ground.env, files: runFolder('style', 'all-r8') });
    kim = new TerminalPeer({ cli: window.cli, home: path.join(window.profile.folder, 'kim', 'home'), env: ground.env });
    await kim.run('config', 'set', 'identity.displayName', CALLS_ITSELF);
    await window.workbench.keepNotifications();
  });

  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await window.report(REPORTS);
    for (const text of await window.workbench.notifications()) said.add(text);
  });

  after(async () => {
    for (const opened of [kim, window, ground] as ({ close(): Promise<void> } | undefined)[]) await opened?.close();
  });

  const kimAsSeen = async (): Promise<RoomMember> => {
    const { members } = (await kim.run('room', 'members', 'lab')) as unknown as { members: RoomMember[] };
    return members.find(({ isMe }) => isMe)!;
  };

  const onKim = async (action: string): Promise<void> => {
    const { workbench } = window;
    await workbench.pickInRow(workbench.row('Rooms', /^lab/), 'Show Members…');
    await workbench.question('Choose a member').waitFor();
    await workbench.option((await kimAsSeen()).fingerprint).click();
    await workbench.question('Fingerprint').waitFor();
    await workbench.option(action).click();
  };

  it('joins the general room only after it was told what others see', async () => {
    const { workbench } = window;
    await workbench.showSwarm();
    await workbench.view('Rooms').getByRole('button', { name: 'Join General Room…' }).click();
    const asked = workbench.dialog('Join the general room?');
    await asked.getByText(/public key \(bo · .+\), your IP address, and the names of the adapters/).waitFor();
    await asked.getByRole('button', { name: 'Cancel' }).click();
    await workbench.view('Rooms').getByRole('button', { name: 'Create Private Room' }).waitFor();

    await workbench.runCommand('LoRA Swarm: Join General Room');
    await asked.getByRole('button', { name: 'Join', exact: true }).click();
    const room = workbench.row('Rooms', /^General ?0 connected/);
    await room.waitFor();

    await room.hover();
    await workbench
      .tooltip(/Public: anyone can join.*public key.*IP address, and the names of the adapters/s)
      .waitFor();
    await workbench.showPalette('LoRA Swarm: Join General');
    await workbench
      .question('No matching commands')
      .or(workbench.option(/Join Local Network/))
      .first()
      .waitFor();
    assert.equal(await workbench.option('Join General Room').count(), 0);
    await workbench.answer.press('Escape');
  });

  it('makes nothing public that was not agreed to twice', async () => {
    const { workbench } = window;
    const beginToShare = async (): Promise<void> => {
      await workbench.pickInExplorer('adapter_model.safetensors', 'Share LoRA Adapter…');
      await workbench.reply('This was found');
      await workbench.reply(/author\/name/, 'bo/style');
      await workbench.reply('Licence of the adapter');
      await workbench.reply(/Tags/, '');
      // The first step: nothing is ticked, and the room says that it is public.
      const general = workbench.option(/General.*Public: anyone can join/s);
      assert.equal(await general.getByRole('checkbox').isChecked(), false);
      await general.getByRole('checkbox').check();
      await workbench.answer.press('Enter');
    };
    await workbench.showExplorer();
    await workbench.explorerRow('style').click();
    await beginToShare();
    const asked = workbench.dialog('Share this adapter with everyone?');
    await asked.getByText(/see bo\/style, download it and keep it.*your IP address/s).waitFor();
    await asked.getByRole('button', { name: 'Cancel' }).click();
    await workbench.showSwarm();
    await workbench.row('Library', 'style').waitFor();
    assert.equal(await workbench.row('Library', 'bo/style').count(), 0);

    await beginToShare();
    await asked.getByRole('button', { name: 'Share Publicly' }).click();
    await workbench.showSwarm();
    await workbench.row('Library', /bo\/style ?General/).waitFor();
  });

  it('lists the members of a private room with the fingerprint that they see themselves', async () => {
    const { workbench } = window;
    await workbench.runCommand('LoRA Swarm: Create Private Room');
    await workbench.reply(/What do you call this room/, 'lab');
    await workbench.pressInToast('The room is ready', 'Copy Invite');
    const invite = await workbench.clipboard(/join\?code=/);
    writeFiles(path.join(window.profile.folder, 'kim'), runFolder('run'));
    await kim.run('room', 'join', new URL(invite).searchParams.get('code') ?? '', '--name', 'lab');
    await kim.run(
      'share',
      path.join(window.profile.folder, 'kim', 'run'),
      '--room',
      'lab',
      '--name',
      OFFERS,
      '--no-wait',
    );
    await kim.stay('serve');
    await workbench.row('Rooms', CALLS_ITSELF).waitFor();

    const { fingerprint } = await kimAsSeen();
    assert.match(fingerprint, /^(?:[0-9A-Z]{4}-){4}[0-9A-Z]{4}$/);
    // The only room that has members: the palette need not ask which.
    await workbench.runCommand('LoRA Swarm: Show Members');
    await workbench.option(new RegExp(`${CALLS_ITSELF}.*online.*${fingerprint}`, 's')).waitFor();
    await workbench.option(/bo.*created the room · you/s).waitFor();
    await workbench.answer.press('Escape');
  });

  it('marks a member whose fingerprint was compared, and says it to screen readers', async () => {
    const { workbench } = window;
    await onKim('I Compared the Fingerprint');

    await workbench
      .view('Rooms')
      .getByRole('treeitem', { name: new RegExp(`^${CALLS_ITSELF} · .*, verified, `) })
      .waitFor();
    await onKim('Take Back the Verification');
    await workbench
      .view('Rooms')
      .getByRole('treeitem', { name: new RegExp(`^${CALLS_ITSELF} · [^,]*, 1 adapter`) })
      .waitFor();
  });

  it('gives a member a name of its own, of which the member hears nothing', async () => {
    const { workbench } = window;
    await onKim('Give a Name of Your Own…');
    await workbench.reply(/Only you see the name/, PETNAME);

    await workbench.row('Rooms', PETNAME).waitFor();
    assert.equal(await workbench.row('Rooms', CALLS_ITSELF).count(), 0);
    assert.doesNotMatch(JSON.stringify(await kim.run('room', 'members', 'lab')), new RegExp(PETNAME));
  });

  it('says when a member was last here', async () => {
    const { workbench } = window;
    const { fingerprint } = await kimAsSeen();
    await kim.close();
    await workbench.row('Rooms', PETNAME).waitFor({ state: 'detached' });

    await workbench.runCommand('LoRA Swarm: Show Members');
    await workbench
      .option(
        new RegExp(
          `${PETNAME}.*last here (?:now|\\d+ (?:seconds?|minutes?) ago).*${fingerprint}.*${CALLS_ITSELF}`,
          's',
        ),
      )
      .waitFor();
    await workbench.answer.press('Escape');
    await kim.stay('serve');
    await workbench.row('Rooms', PETNAME).waitFor();
  });

  it('removes a member by what the user calls it, and says before and after what that does not take back', async () => {
    const { workbench } = window;
    const { fingerprint } = await kimAsSeen();
    await onKim('Remove Member…');
    const asked = workbench.dialog(new RegExp(`Remove ${PETNAME} · .* · ${fingerprint} from the room lab`));
    await asked.getByText('What it has already stays with it.').waitFor();
    assert.doesNotMatch(await asked.innerText(), new RegExp(CALLS_ITSELF));
    await asked.getByRole('button', { name: 'Remove', exact: true }).click();

    await workbench.toast(/The member was removed\. What it has already stays with it\./);
    await workbench.row('Rooms', PETNAME).waitFor({ state: 'detached' });
  });

  it('never let a peer write into a notification', async () => {
    for (const text of await window.workbench.notifications()) said.add(text);
    const all = [...said];

    // The steps above did say something: each what the user had asked for.
    assert.ok(all.some((text) => text.includes('The room is ready')));
    assert.ok(all.some((text) => text.includes('The member was removed')));
    for (const text of all)
      for (const foreign of [CALLS_ITSELF, OFFERS, 'urgent-update']) assert.ok(!text.includes(foreign), text);
  });

  it('has asked for nothing beyond this machine', () => {
    assert.deepEqual([...window.external, ...ground.ollama.outside], []);
  });
});
