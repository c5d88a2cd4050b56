import type { RoomMember } from '../engine/wishes';
import { terminalText, shortId, table } from './format';
import { inviteLines } from './roomVerbs';
import type { Verb } from './verbContext';

export const roomMembers: Verb = async ({ args, engine, output, signal }) => {
  const client = await engine();
  const found = await client.wish('roomMembers', { room: args.words[0]! }, { signal });
  const rows = found.members.map((member) => [
    shortId(member.key),
    nameOf(member),
    member.fingerprint,
    member.isMe ? 'me' : member.isOnline ? 'online' : seenText(member),
    member.role === 'member' ? '' : member.role,
    member.isVerified ? 'verified' : '',
  ]);
  output.result(found, table(['KEY', 'NAME', 'FINGERPRINT', 'HERE', 'ROLE', ''], rows));
};

export const roomRemove: Verb = async ({ args, engine, output, signal }) => {
  const [room, peer] = args.words as [string, string];
  const client = await engine();
  const invite = await client.wish('removeMember', { room, peer }, { signal });
  output.result(invite, [
    `Removed ${peer}. What it has already stays with it; from now on it gets nothing.`,
    'The others get the new secret of the room by themselves, from any member. Old codes are worth nothing now.',
    ...inviteLines(invite),
  ]);
};

export const roomAdmin: Verb = async ({ args, engine, output, signal }) => {
  const [room, peer] = args.words as [string, string];
  const client = await engine();
  const isAdmin = !args.options.off;
  const member = await client.wish('setRoomAdmin', { room, peer, isAdmin }, { signal });
  output.result({ ...member }, [`${label(member)} ${isAdmin ? 'is an admin now' : 'is no admin any more'}.`]);
};

export const roomRename: Verb = async ({ args, engine, output, signal }) => {
  const [room, peer, petname = ''] = args.words as [string, string, string?];
  const client = await engine();
  const member = await client.wish('renameMember', { room, peer, petname }, { signal });
  output.result({ ...member }, [
    `${shortId(member.key)} is ${nameOf(member) || 'without a name'} here. Only you see that.`,
  ]);
};

export const roomVerify: Verb = async ({ args, engine, output, signal }) => {
  const [room, peer] = args.words as [string, string];
  const client = await engine();
  const isVerified = !args.options.off;
  const member = await client.wish('verifyMember', { room, peer, isVerified }, { signal });
  output.result({ ...member }, [
    isVerified
      ? `Noted: ${label(member)} has the fingerprint ${member.fingerprint}, as you compared it with the person.`
      : `${label(member)} counts as not verified.`,
  ]);
};

function nameOf({ petname, name }: RoomMember): string {
  return petname ?? terminalText(name);
}

function label(member: RoomMember): string {
  return nameOf(member) || shortId(member.key);
}

function seenText({ lastSeenAt }: RoomMember): string {
  return lastSeenAt === undefined ? 'away' : `away since ${new Date(lastSeenAt).toLocaleString()}`;
}
