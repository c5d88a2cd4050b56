import type { RoomState } from '../../engine/state';
import type { RoomMember } from '../../engine/wishes';
import { joinKnown, shortKey } from '../facts';
import { t } from '../l10n';
import { confirm, showDone } from '../notify';
import type { UiParts } from '../parts';
import { askPick, BACK } from '../steps';
import { parseTarget } from '../targets';
import { peerText } from '../text';
import type { Handler } from './register';
import { alone, copyText, roomOf } from './rooms';

export function memberCommands(parts: UiParts): Record<string, Handler> {
  return {
    showMembers: (clicked) => showMembers(parts, clicked),
    removeMember: (clicked) => removeMember(parts, clicked),
  };
}

async function showMembers(parts: UiParts, clicked: unknown): Promise<void> {
  const room = await roomOf(parts, clicked, t('Show Members'), ({ kind }) => kind === 'private');
  if (!room) return;
  const member = await pickMember(parts, room, t('Members'), t('Enter copies the public key'), () => true);
  if (member) await copyText(member.key);
}

async function removeMember(parts: UiParts, clicked: unknown): Promise<void> {
  const target = parseTarget(clicked);
  const isPeer = target?.kind === 'peer';
  const asked = isPeer ? `room:${target.room}` : clicked;
  const room = await roomOf(parts, asked, t('Remove Member'), ({ kind, isOwner }) => kind === 'private' && isOwner);
  if (!room) return;
  const key = isPeer
    ? target.key
    : (await pickMember(parts, room, t('Remove Member'), t('Who shall lose access?'), (member) => !member.isMe))?.key;
  if (key === undefined) return;

  const isSure = await confirm(
    t('Remove the member {0} from this room?', shortKey(key)),
    t('The room gets a new secret that only the others receive. Old invites stop working.'),
    t('Remove'),
  );
  if (!isSure) return;
  const invite = await parts.engine.wish('removeMember', { room: room.id, peer: key });
  void showDone(parts.log, t('The member was removed. The room has a new invite.'), {
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
    label: `$(${member.isOnline ? 'account' : 'circle-outline'}) ${peerText(member.name, 40) || shortKey(member.key)}`,
    description: joinKnown([
      shortKey(member.key),
      member.isOwner ? t('owner') : undefined,
      member.isMe ? t('you') : member.isOnline ? t('online') : t('offline'),
    ]),
    member,
  }));
  const placeholder = items.length === 0 ? t('Nobody else is in this room yet.') : question;
  const picked = await askPick(alone(title), { items, placeholder });
  return picked === undefined || picked === BACK ? undefined : picked[0]?.member;
}
