import { TestRooms } from '../../helpers/testRooms';
import { enterRoom, ROOM, type Stage } from './ground';

/** More than fit on the screen. */
const CROWD = 24;

/** A private room with its invites and members: one verified by a one-time code, one admin, one with a name of ours. */
export async function takeMembers(stage: Stage): Promise<void> {
  const { window, photographer } = stage;
  const { workbench } = window;
  const room = workbench.row('Rooms', ROOM).first();

  await workbench.pickInRow(room, 'Copy Invite');
  await workbench.question('Whom do you invite?').waitFor();
  await photographer.take('invite');
  await workbench.option('One-time link').click();
  await workbench.toast('The one-time link is in the clipboard');
  await photographer.take('invite-once');
  await workbench.pressInToast('The one-time link is in the clipboard', 'Copy Code Instead');
  const once = await workbench.clipboard(/^[A-Z0-9-]{8,40}$/);
  const rui = await enterRoom(stage, 'rui', once);
  await rui.stay('serve');
  await workbench.row('Rooms', 'rui').waitFor();

  await onMember(stage, 'ana', 'Make an Admin');
  await onMember(stage, 'kim', 'Give a Name of Your Own…');
  await workbench.reply(/Only you see the name/, 'Kim of the evaluation team');
  await workbench.row('Rooms', 'Kim of the evaluation team').waitFor();

  await showMembers(stage);
  await workbench.option('admin').waitFor();
  await photographer.take('members');
  await workbench.option('ana').click();
  await workbench.question('Fingerprint').waitFor();
  await photographer.take('member');
  await workbench.answer.press('Escape');

  await onMember(stage, 'rui', 'Remove Member…');
  const asked = workbench.dialog(/^(?=.*Remove)(?=.*stays with it)/s);
  await asked.waitFor();
  await photographer.take('remove-member');
  await asked.getByRole('button', { name: 'Remove', exact: true }).click();
  await workbench.toast('The member was removed');
  await photographer.take('removed-member');
  await workbench.pressInToast('The member was removed');

  await workbench.pickInRow(room, 'Limit Speed of Room…');
  await workbench.question(/Most that may come/).waitFor();
  await photographer.take('room-limit');
  await workbench.answer.press('Escape');
}

/** A room in which more people are than the side bar has place for. */
export async function takeCrowd({ window: { workbench }, photographer, ground, code }: Stage): Promise<void> {
  const crowd: TestRooms[] = [];
  try {
    for (let index = 0; index < CROWD; index++) {
      const one = new TestRooms(bootstrapOf(ground.env), `member-${String(index + 1).padStart(2, '0')}`);
      crowd.push(one);
      await one.rooms.open();
      one.rooms.joinCode(code);
    }
    await workbench.row('Rooms', new RegExp(`^${ROOM} ?${String(CROWD + 2)} `)).waitFor();
    await photographer.take('crowd');
    await workbench.runCommand('LoRA Swarm: Show Members');
    await workbench.question('Choose a member').waitFor();
    await photographer.take('crowd-members');
    await workbench.answer.press('Escape');
  } finally {
    for (const one of crowd) await one.close();
  }
}

async function showMembers({ window: { workbench } }: Stage): Promise<void> {
  await workbench.pickInRow(workbench.row('Rooms', ROOM).first(), 'Show Members');
  await workbench.question('Choose a member').waitFor();
}

async function onMember(stage: Stage, name: string, action: string): Promise<void> {
  const { workbench } = stage.window;
  await showMembers(stage);
  await workbench.option(name).click();
  await workbench.question('Fingerprint').waitFor();
  await workbench.option(action).click();
}

function bootstrapOf(env: Readonly<Record<string, string>>): string[] {
  return (env['LORA_SWARM_BOOTSTRAP'] ?? '').split(',');
}
