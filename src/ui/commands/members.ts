import type { RoomState } from '../../engine/state';
import type { RoomMember } from '../../engine/wishes';
import { joinKnown, shortKey } from '../facts';
import { formatAgo, t } from '../l10n';
import { confirm, showDone } from '../notify';
import type { UiParts } from '../parts';
import { roomLook } from '../roomWords';
import { askPick, askText, BACK } from '../steps';
import { parseTarget } from '../targets';
import { peerText } from '../text';
import type { Handler } from './register';
import { alone, copyText, roomOf } from './rooms';

const MAX_PETNAME = 64;

export function memberCommands(parts: UiParts): Record<string, Handler> {
  return {
    showMembers: (clicked) => showMembers(parts, clicked),
    removeMember: (clicked) => removeMember(parts, clicked),
  };
}

async function showMembers(parts: UiParts, clicked: unknown): Promise<void> {
  const room = await roomOf(parts, clicked, t('Show Members'), ({ kind }) => kind === 'private');
  if (!room) return;
  const member = await pickMember(
    parts,
    room,
    t('Members of {0}', roomLook(room).label),
    t('Choose a member to see what you can do'),
    () => true,
  );
  if (!member) return;
  const picked = await askPick(alone(nameOf(member)), {
    items: actionsOf(parts, room, member),
    placeholder: t('Fingerprint {0}', member.fingerprint),
  });
  if (picked !== undefined && picked !== BACK) await picked[0]?.run();
}

interface MemberAction {
  readonly label: string;
  readonly description?: string;
  readonly detail?: string;
  readonly run: () => Promise<unknown>;
}

function actionsOf(parts: UiParts, room: RoomState, member: RoomMember): MemberAction[] {
  const asked = { room: room.id, peer: member.key };
  const copies: MemberAction[] = [
    { label: `$(copy) ${t('Copy Fingerprint')}`, run: () => copyText(member.fingerprint) },
    { label: `$(key) ${t('Copy Public Key')}`, run: () => copyText(member.key) },
  ];
  if (member.isMe) return copies;
  const verify: MemberAction = member.isVerified
    ? {
        label: `$(circle-slash) ${t('Take Back the Verification')}`,
        run: () => parts.engine.wish('verifyMember', { ...asked, isVerified: false }),
      }
    : {
        label: `$(verified) ${t('I Compared the Fingerprint')}`,
        description: member.fingerprint,
        detail: t('Read it out to each other, on the phone or side by side.'),
        run: () => parts.engine.wish('verifyMember', { ...asked, isVerified: true }),
      };
  const rename: MemberAction = {
    label: `$(edit) ${t('Give a Name of Your Own…')}`,
    detail: t('Only you see it.'),
    run: () => renameMember(parts, room, member),
  };
  const isAdmin = member.role === 'admin';
  const office: MemberAction = {
    label: isAdmin ? `$(shield) ${t('Take Back the Admin Rights')}` : `$(shield) ${t('Make an Admin')}`,
    ...(isAdmin ? {} : { detail: t('Admins invite devices, remove members and appoint other admins.') }),
    run: () => parts.engine.wish('setRoomAdmin', { ...asked, isAdmin: !isAdmin }),
  };
  const remove: MemberAction = {
    label: `$(remove) ${t('Remove Member…')}`,
    run: () => confirmRemoval(parts, room, member),
  };
  const mayDecide = room.isAdmin && member.role !== 'creator';
  return [verify, rename, ...copies, ...(mayDecide ? [office, remove] : [])];
}

async function renameMember(parts: UiParts, room: RoomState, member: RoomMember): Promise<void> {
  const petname = await askText(alone(t('Give a Name of Your Own…')), {
    prompt: t('Empty: what the member calls itself. Only you see the name.'),
    value: member.petname ?? '',
    check: (text) => (text.length > MAX_PETNAME ? t('At most {0} characters.', MAX_PETNAME) : undefined),
  });
  if (petname === undefined || petname === BACK) return;
  await parts.engine.wish('renameMember', { room: room.id, peer: member.key, petname });
}

async function removeMember(parts: UiParts, clicked: unknown): Promise<void> {
  const target = parseTarget(clicked);
  const isPeer = target?.kind === 'peer';
  const asked = isPeer ? `room:${target.room}` : clicked;
  const room = await roomOf(parts, asked, t('Remove Member'), ({ kind, isAdmin }) => kind === 'private' && isAdmin);
  if (!room) return;
  const member = isPeer
    ? (await parts.engine.wish('roomMembers', { room: room.id })).members.find(({ key }) => key === target.key)
    : await pickMember(parts, room, t('Remove Member'), t('Who shall lose access?'), isRemovable);
  if (member) await confirmRemoval(parts, room, member);
}

const isRemovable = ({ isMe, role }: RoomMember): boolean => !isMe && role !== 'creator';

/** Names the member by what the user calls it, and by its fingerprint: what a peer calls itself could be another's name. */
async function confirmRemoval(
  parts: UiParts,
  room: RoomState,
  { key, petname, fingerprint }: RoomMember,
): Promise<void> {
  const isSure = await confirm(
    t(
      'Remove {0} from the room {1}?',
      joinKnown([peerText(petname, 40), shortKey(key), fingerprint]),
      roomLook(room).label,
    ),
    t(
      'What it has already stays with it. From now on it gets nothing: the room gets a new secret that only the others receive, and old invites stop working.',
    ),
    t('Remove'),
  );
  if (!isSure) return;
  const invite = await parts.engine.wish('removeMember', { room: room.id, peer: key });
  void showDone(parts.log, t('The member was removed. What it has already stays with it. The room has a new invite.'), {
    [t('Copy Invite')]: () => copyText(invite.link),
  });
}

async function pickMember(
  parts: UiParts,
  room: RoomState,
  title: string,
  question: string,
  fits: (member: RoomMember) => boolean,
): Promise<RoomMember | undefined> {
  const { members } = await parts.engine.wish('roomMembers', { room: room.id });
  const items = members.filter(fits).map((member) => ({
    label: `$(${iconOf(member)}) ${nameOf(member)}`,
    description: joinKnown([
      roleWords(member),
      member.isVerified ? t('verified') : undefined,
      member.isMe ? t('you') : member.isOnline ? t('online') : seenWords(member),
    ]),
    detail: joinKnown([
      member.fingerprint,
      member.petname === undefined ? undefined : t('calls itself {0}', peerText(member.name, 40)),
    ]),
    member,
  }));
  const placeholder = items.length === 0 ? t('Nobody else is in this room yet.') : question;
  const picked = await askPick(alone(title), { items, placeholder });
  return picked === undefined || picked === BACK ? undefined : picked[0]?.member;
}

function nameOf({ petname, name, key }: RoomMember): string {
  return peerText(petname ?? name, 40) || shortKey(key);
}

function iconOf({ isVerified, isOnline }: RoomMember): string {
  return isVerified ? 'verified' : isOnline ? 'account' : 'circle-outline';
}

function roleWords({ role }: RoomMember): string | undefined {
  switch (role) {
    case 'creator':
      return t('created the room');
    case 'admin':
      return t('admin');
    case 'guest':
      return t('not signed for yet');
    case 'member':
      return undefined;
  }
}

function seenWords({ lastSeenAt }: RoomMember): string {
  return lastSeenAt === undefined ? t('offline') : t('last here {0}', formatAgo(lastSeenAt));
}
