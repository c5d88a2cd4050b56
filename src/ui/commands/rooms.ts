import * as vscode from 'vscode';
import type { RoomState } from '../../engine/state';
import { countAdapters, joinKnown } from '../facts';
import { t } from '../l10n';
import { isJoinCode } from '../../engine/net/members/joinCode';
import { readInvite } from '../links';
import { confirm, showDone } from '../notify';
import type { UiParts } from '../parts';
import { askWhatOthersSee, countInRoom, roomLook } from '../roomWords';
import { askPick, askText, BACK } from '../steps';
import { parseTarget } from '../targets';
import { withProgress } from '../progress';
import type { Handler } from './register';

/** Local labels only; peers never see them. */
const MAX_LABEL = 40;

export function roomCommands(parts: UiParts): Record<string, Handler> {
  return {
    addRoom: () => addRoom(parts),
    joinLocal: () => joinLocal(parts),
    joinGeneral: () => joinGeneral(parts),
    createRoom: () => createRoom(parts),
    joinRoom: () => joinPrivate(parts),
    leaveRoom: (clicked) => leaveRoom(parts, clicked),
    copyInvite: (clicked) => copyInvite(parts, clicked),
    explainRooms: () => explainRooms(parts),
  };
}

/** Offers every way into a room. @returns The id of the room that was entered. */
export async function addRoom(parts: UiParts): Promise<string | undefined> {
  const joined = new Set(parts.engine.state.rooms.map((room) => room.id));
  const items = [
    ...(joined.has('local')
      ? []
      : [
          {
            label: `$(home) ${t('Join Local Network Room')}`,
            detail: t('Everyone on the same network. Works without internet.'),
            run: joinLocal,
          },
        ]),
    {
      label: `$(lock) ${t('Create Private Room')}`,
      detail: t('Gives an invite for the people you choose.'),
      run: createRoom,
    },
    { label: `$(key) ${t('Join Private Room…')}`, detail: t('With an invite link or a room code.'), run: joinPrivate },
    ...(joined.has('general')
      ? []
      : [{ label: `$(globe) ${t('Join General Room…')}`, detail: t('Public: anyone can join it.'), run: joinGeneral }]),
  ];
  const picked = await vscode.window.showQuickPick(items, { title: t('Join or Create Room'), matchOnDetail: true });
  return picked?.run(parts);
}

export async function joinLocal(parts: UiParts): Promise<string> {
  return (await parts.engine.wish('joinRoom', { room: 'local' })).id;
}

export async function joinGeneral(parts: UiParts): Promise<string | undefined> {
  const isSure = await confirm(
    t('Join the general room?'),
    joinKnown(
      [await askWhatOthersSee(parts.engine), t('The room is public: anyone can be in it. Joining shares nothing.')],
      '\n\n',
    ),
    t('Join'),
  );
  return isSure ? (await parts.engine.wish('joinRoom', { room: 'general' })).id : undefined;
}

async function createRoom(parts: UiParts): Promise<string | undefined> {
  const label = await askText(alone(t('Create Private Room')), {
    prompt: t('What do you call this room? Only you see the name.'),
    placeholder: t('team, lab, friends…'),
    check: (text) => (text.length > MAX_LABEL ? t('At most {0} characters.', MAX_LABEL) : undefined),
  });
  if (label === undefined || label === BACK) return undefined;
  const invite = await parts.engine.wish('createRoom', label === '' ? {} : { label });
  void showDone(parts.log, t('The room is ready. Whoever has its invite can join.'), {
    [t('Copy Invite')]: () => copyText(invite.link),
  });
  return invite.room;
}

async function joinPrivate(parts: UiParts): Promise<string | undefined> {
  const text = await askText(alone(t('Join Private Room')), {
    prompt: t('Paste the invite link or the room code.'),
    placeholder: 'ABCD-EFGH-…',
    check: (value) =>
      value === '' || readInvite(value) !== undefined
        ? undefined
        : t('This is neither an invite nor a room code. A code has 28 letters and digits.'),
  });
  if (text === undefined || text === BACK) return undefined;
  const code = readInvite(text);
  return code === undefined ? undefined : joinByCode(parts, code);
}

/** Joins by a code that was checked. Asks what the user wants to call the room. */
export async function joinByCode(parts: UiParts, code: string): Promise<string | undefined> {
  const label = await askText(alone(t('Join Private Room')), {
    prompt: t('What do you call this room? Only you see the name.'),
    placeholder: t('team, lab, friends…'),
    check: (text) => (text.length > MAX_LABEL ? t('At most {0} characters.', MAX_LABEL) : undefined),
  });
  if (label === undefined || label === BACK) return undefined;
  const asked = { room: code, ...(label === '' ? {} : { label }) };
  if (!isJoinCode(code)) return (await parts.engine.wish('joinRoom', asked)).id;
  const joined = await withProgress(t('Looking for who invited you'), (options) =>
    parts.engine.wish('joinRoom', asked, options),
  );
  return joined.id;
}

async function leaveRoom(parts: UiParts, clicked: unknown): Promise<void> {
  const room = await roomOf(parts, clicked, t('Leave Room'), () => true, false);
  if (!room) return;
  // Asked for before: afterwards nobody here knows the code any more.
  const invite = room.kind === 'private' ? await parts.engine.wish('roomInvite', { room: room.id }) : undefined;
  await parts.engine.wish('leaveRoom', { room: room.id });
  if (!invite) return;
  const rejoin = (): unknown => parts.engine.wish('joinRoom', { room: invite.code, label: room.label });
  void showDone(parts.log, t('You left a private room. To come back you need its invite.'), {
    [t('Join Again')]: rejoin,
    [t('Copy Invite')]: () => copyText(invite.link),
  });
}

async function copyInvite(parts: UiParts, clicked: unknown): Promise<void> {
  const room = await roomOf(parts, clicked, t('Copy Invite'), ({ kind }) => kind === 'private');
  if (!room) return;
  const isOnce = room.isAdmin ? await asksForOnce() : false;
  if (isOnce === undefined) return;
  if (isOnce) {
    const once = await parts.engine.wish('roomInviteOnce', { room: room.id });
    await copyText(once.link);
    void showDone(
      parts.log,
      t('The one-time link is in the clipboard. It admits one device in the next 24 hours, while this editor is open.'),
      { [t('Copy Code Instead')]: () => copyText(once.code) },
    );
    return;
  }
  const invite = await parts.engine.wish('roomInvite', { room: room.id });
  await copyText(invite.link);
  void showDone(parts.log, t('The invite link is in the clipboard. Whoever has it can join.'), {
    [t('Copy Code Instead')]: () => copyText(invite.code),
  });
}

/** @returns undefined when the user left. */
async function asksForOnce(): Promise<boolean | undefined> {
  const picked = await askPick(alone(t('Copy Invite')), {
    items: [
      {
        label: `$(person-add) ${t('One-time link')}`,
        detail: t('Admits one device in the next 24 hours. You two are verified then.'),
        isOnce: true,
      },
      {
        label: `$(link) ${t('Link of the room')}`,
        detail: t('For everybody who gets to see it, until somebody is removed.'),
        isOnce: false,
      },
    ],
    placeholder: t('Whom do you invite?'),
  });
  return picked === undefined || picked === BACK ? undefined : picked[0]?.isOnce;
}

async function explainRooms(parts: UiParts): Promise<void> {
  const detail = [
    await askWhatOthersSee(parts.engine),
    t(
      'In the general room everyone can see this; in the local network everyone on it; in a private room only people with the invite.',
    ),
    t('Nothing is shared that you did not choose, and each adapter says in which rooms it is offered.'),
  ].join('\n\n');
  await vscode.window.showInformationMessage(t('What do others in a room see?'), { modal: true, detail });
}

/**
 * The room that a command is about: the one that was clicked, the only one, or the one that the user picks.
 *
 * @param takesOnlyOne False asks even then: what begins at once should not begin by a slip in the palette.
 */
export async function roomOf(
  parts: UiParts,
  clicked: unknown,
  title: string,
  fits: (room: RoomState) => boolean,
  takesOnlyOne = true,
): Promise<RoomState | undefined> {
  const { rooms } = await parts.engine.wish('rooms', {});
  const fitting = rooms.filter(fits);
  const target = parseTarget(clicked);
  if (target?.kind === 'room') return fitting.find((room) => room.id === target.room);
  if (fitting.length === 0) {
    void showDone(parts.log, t('There is no such room.'), { [t('Join or Create Room')]: () => addRoom(parts) });
    return undefined;
  }
  if (fitting.length === 1 && takesOnlyOne) return fitting[0];
  const picked = await askPick(alone(title), { items: fitting.map(roomItem), placeholder: t('Choose a room') });
  return picked === undefined || picked === BACK ? undefined : picked[0]?.room;
}

/** A room as an item of a quick pick. */
export function roomItem(room: RoomState): vscode.QuickPickItem & { readonly room: RoomState } {
  const { icon, label } = roomLook(room);
  const description = joinKnown([countInRoom(room), room.adapters > 0 ? countAdapters(room.adapters) : undefined]);
  return { label: `$(${icon}) ${label}`, description, room };
}

/** A question that stands by itself. */
export function alone(title: string): { title: string; step: number; totalSteps: number } {
  return { title, step: 1, totalSteps: 1 };
}

export async function copyText(text: string): Promise<void> {
  await vscode.env.clipboard.writeText(text);
}
