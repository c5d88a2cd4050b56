import type { Rooms } from '../net/rooms';
import { MAX_ROOMS, type SignedRelease } from '../release/release';

/** Marks of the rooms that a release is signed for; undefined when it is not to be bound to any. */
export function marksOf(
  rooms: Pick<Rooms, 'markOf'>,
  roomIds: readonly string[],
  contentId: string,
): readonly string[] | undefined {
  const marks = roomIds.map((id) => rooms.markOf(id, contentId));
  // In a private room where nobody was met yet it is not known who made it: unbound is better than heard by nobody.
  if (marks.length > MAX_ROOMS || marks.includes(undefined)) return undefined;
  return marks as string[];
}

/** Whether its author wanted it to be offered in this room. What early versions signed says nothing about that. */
export function isMeantFor(rooms: Pick<Rooms, 'markOf'>, roomId: string, { release }: SignedRelease): boolean {
  if (!release.rooms) return true;
  const mark = rooms.markOf(roomId, release.contentId);
  return mark === undefined || release.rooms.includes(mark);
}
