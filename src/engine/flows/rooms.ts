import { isJoinCode } from '../net/members/joinCode';
import type { JoinOptions } from '../net/members/privateRooms';
import type { Rooms } from '../net/rooms';
import type { Wishes } from '../wishes';

type RoomWish =
  | 'createRoom'
  | 'roomInvite'
  | 'roomInviteOnce'
  | 'cancelInvites'
  | 'roomMembers'
  | 'removeMember'
  | 'setRoomAdmin'
  | 'renameMember'
  | 'verifyMember';

/** What shells may ask about the people of rooms. */
export function roomWishes(rooms: () => Rooms): {
  readonly [N in RoomWish]: (params: Wishes[N]['params']) => Wishes[N]['result'];
} {
  return {
    createRoom: ({ label }) => rooms().create(label),
    roomInvite: ({ room }) => rooms().invite(room),
    roomInviteOnce: ({ room, hours }) => rooms().people.inviteOnce(room, hours),
    cancelInvites: ({ room }) => ({ room, cancelled: rooms().people.cancelInvites(room) }),
    roomMembers: ({ room }) => ({ members: rooms().members(room) }),
    removeMember: ({ room, peer }) => rooms().removeMember(room, peer),
    setRoomAdmin: ({ room, peer, isAdmin }) => rooms().people.setAdmin(room, peer, isAdmin),
    renameMember: ({ room, peer, petname }) => rooms().people.rename(room, peer, petname),
    verifyMember: ({ room, peer, isVerified }) => rooms().people.setVerified(room, peer, isVerified),
  };
}

/** Enters a room by its kind or by a code. @returns its id. @throws {LoraSwarmError} `ROOM_CODE_INVALID`, `ROOM_NOT_FOUND` */
export async function joinRoom(rooms: Rooms, room: string, options: JoinOptions): Promise<string> {
  if (room === 'general') return rooms.joinGeneral();
  if (room === 'local') return rooms.joinLocal();
  if (options.waitMs === undefined && !isJoinCode(room)) return rooms.joinCode(room, options.label);
  return rooms.joinAndWait(room, options);
}
