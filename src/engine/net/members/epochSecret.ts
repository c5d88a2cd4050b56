import { createHash } from 'node:crypto';
import { ROOM_SECRET_BYTES } from '../../limits';
import { roomSecretOf } from '../roomCode';

/** Who made a room, and the first nonce; together they are the room for ever, whatever its secret is. */
export interface RoomOrigin {
  /** 32 bytes. */
  readonly creator: Buffer;
  /** 32 bytes. */
  readonly nonce: Buffer;
}

/** 32 bytes that every statement of a room is bound to. Its first epoch has this as its id. */
export function roomTag({ creator, nonce }: RoomOrigin): Buffer {
  return createHash('sha256').update('lora-swarm/room-tag/1\n').update(creator).update(nonce).digest();
}

/**
 * The secret of an epoch.
 *
 * The first one commits to its creator, later ones to the tag and so to the creator too: who is given a code needs to believe
 * nobody about who made the room.
 *
 * @param epochNonce absent for the first epoch.
 */
export function epochSecret(origin: RoomOrigin, epochNonce: Uint8Array | undefined): Buffer {
  if (!epochNonce) return roomSecretOf(origin.creator, origin.nonce);
  const hash = createHash('sha256').update('lora-swarm/epoch-secret/1\n').update(roomTag(origin)).update(epochNonce);
  return hash.digest().subarray(0, ROOM_SECRET_BYTES);
}

/** What an epoch shows of its nonce, so that nobody can be given another one than the rest. */
export function nonceCommitment(tag: Uint8Array, epochNonce: Uint8Array): Buffer {
  return createHash('sha256').update('lora-swarm/epoch-nonce/1\n').update(tag).update(epochNonce).digest();
}
