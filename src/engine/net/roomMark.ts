import { createHmac } from 'node:crypto';
import type { JoinedRoom } from './joinedRoom';
import { roomTag } from './members/epochSecret';

const LABEL = 'lora-swarm/release-room/1\n';

/**
 * What a release of this content says of a room that it is meant for. Members of the room know it as theirs, whatever its secret is
 * by then; nobody else can tell which room it is, or that two releases are for the same one.
 *
 * @returns 32 hex characters; undefined in a private room of which we do not know yet who made it.
 */
export function roomMark({ kind, keys, circle }: JoinedRoom, contentId: string): string | undefined {
  const origin = circle.log?.origin;
  const key = kind !== 'private' ? keys.data : origin && roomTag(origin);
  if (!key) return undefined;
  return createHmac('sha256', key).update(LABEL).update(Buffer.from(contentId, 'hex')).digest('hex').slice(0, 32);
}
