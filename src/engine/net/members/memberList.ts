import { LoraSwarmError } from '../../errors';
import type { RoomMember } from '../../wishes';
import type { JoinedRoom } from '../joinedRoom';
import { comparableFingerprint } from './fingerprint';

export interface MemberListParts {
  readonly me: string;
  readonly myName: string;
  /** Keys of peers that are here, to what they call themselves. */
  readonly online: ReadonlyMap<string, string>;
}

/** Everybody that a room knows: admins first, then who is here, then by name. */
export function listMembers(room: JoinedRoom, { me, myName, online }: MemberListParts): RoomMember[] {
  const { circle } = room;
  const view = circle.log?.view;
  const keys = new Set([me, ...(view?.members.keys() ?? []), ...circle.names.keys(), ...online.keys()]);
  const isGone = (key: string): boolean => view?.removed.has(key) === true || circle.removedBefore.has(key);
  const members = [...keys]
    .filter((key) => key === me || !isGone(key))
    .map((key): RoomMember => {
      const isMe = key === me;
      const petname = circle.petnames.get(key);
      const trust = circle.trust.get(key);
      const lastSeenAt = circle.seenAt.get(key);
      return {
        key,
        name: isMe ? myName : online.get(key) || (circle.names.get(key) ?? ''),
        ...(petname === undefined ? {} : { petname }),
        fingerprint: comparableFingerprint(Buffer.from(key, 'hex')),
        role: roleOf(room, key),
        isOnline: isMe || online.has(key),
        isOwner: room.isOwnedBy(Buffer.from(key, 'hex')),
        isMe,
        isVerified: trust !== undefined,
        ...(trust === undefined ? {} : { verifiedBy: trust }),
        ...(isMe || lastSeenAt === undefined ? {} : { lastSeenAt }),
      };
    });
  const rank = ({ role }: RoomMember): number => ['creator', 'admin', 'member', 'guest'].indexOf(role);
  return members.sort(
    (a, b) =>
      rank(a) - rank(b) ||
      Number(b.isOnline) - Number(a.isOnline) ||
      nameOf(a).localeCompare(nameOf(b)) ||
      (a.key < b.key ? -1 : 1),
  );
}

/** What the user calls a member, or what it calls itself. */
export function nameOf({ petname, name }: Pick<RoomMember, 'petname' | 'name'>): string {
  return petname ?? name;
}

/**
 * The one member, but me, that a key or its start, a name or a fingerprint names.
 *
 * @throws {LoraSwarmError} `PEER_UNKNOWN`
 */
export function findMember(members: readonly RoomMember[], asked: string): RoomMember {
  const text = asked.trim();
  const others = members.filter((member) => !member.isMe);
  const found =
    others.filter(({ petname }) => petname === text).length === 1
      ? others.filter(({ petname }) => petname === text)
      : others.filter(
          ({ key, name, petname, fingerprint }) =>
            (text.length > 0 && key.startsWith(text.toLowerCase())) ||
            name === text ||
            petname === text ||
            fingerprint === text.toUpperCase(),
        );
  const [member] = found;
  if (member && found.length === 1) return member;
  throw new LoraSwarmError(
    'PEER_UNKNOWN',
    `${found.length > 1 ? 'Several members match' : 'No member matches'} "${asked}". Use the key from the list of members.`,
  );
}

function roleOf({ circle }: JoinedRoom, key: string): RoomMember['role'] {
  const { log } = circle;
  if (!log) return 'guest';
  if (key === log.view.creator) return 'creator';
  if (log.view.admins.includes(key)) return 'admin';
  return log.view.members.has(key) ? 'member' : 'guest';
}
