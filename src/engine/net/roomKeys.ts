import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** The keys of one room, all derived from its root, so that none gives another away. Each has 32 bytes. */
export interface RoomKeys {
  /** What Hyperswarm joins. Anyone who sees it learns nothing about the root. */
  readonly topic: Buffer;
  /** Proves membership inside a channel. */
  readonly auth: Buffer;
  /** Names adapters of this room on the DHT. */
  readonly data: Buffer;
  /** 16 hex characters, for people, settings and logs. */
  readonly id: string;
}

/** The root of the one public room. Everybody knows it, so its proof only shows that a peer means this room. */
const GENERAL_ROOT = Buffer.from('lora-swarm/general/1');
/** The root of the room of the local network. It is never announced on a DHT. */
const LOCAL_ROOT = Buffer.from('lora-swarm/local/1');

export const generalKeys = (): RoomKeys => ({ ...deriveKeys(GENERAL_ROOT), id: 'general' });
/**
 * The topic of the public room where those meet whose keys begin with the same `level` hexadecimal digits. On level 0 that is
 * everybody.
 */
export function shardTopic(level: number, key: Uint8Array): Buffer {
  const { topic } = generalKeys();
  if (level === 0) return topic;
  const digits = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('hex').slice(0, level);
  return createHmac('sha256', topic).update(`shard ${digits}`).digest();
}

export const localKeys = (): RoomKeys => ({ ...deriveKeys(LOCAL_ROOT), id: 'local' });
export const privateKeys = (secret: Uint8Array): RoomKeys => deriveKeys(secret);

/** HKDF-SHA256 with one label a key (RFC 5869). @param salt another one for what is no room. */
export function deriveKeys(root: Uint8Array, salt = 'lora-swarm/room/1'): RoomKeys {
  const derive = (label: string): Buffer => Buffer.from(hkdfSync('sha256', root, Buffer.from(salt), label, 32));
  return {
    topic: derive('topic'),
    auth: derive('auth'),
    data: derive('data'),
    id: derive('id').subarray(0, 8).toString('hex'),
  };
}

/** The DHT topic under which peers of a room offer one adapter. Two who share the same files in it meet here. */
export function adapterTopic(keys: RoomKeys, contentId: string): Buffer {
  return createHmac('sha256', keys.data).update('adapter').update(Buffer.from(contentId, 'hex')).digest();
}

/** Which of the two proofs of one opening this is: the side that asks proves first. */
export type ProofRole = 'ask' | 'answer';

/**
 * 32 bytes that only a member of the room can make, for this connection, this direction and this role.
 *
 * The handshake hash binds it to one encrypted connection, so a proof can be neither replayed nor relayed; the keys and the
 * role keep it from being reflected.
 */
export function roomProof(
  keys: RoomKeys,
  role: ProofRole,
  handshakeHash: Uint8Array,
  prover: Uint8Array,
  verifier: Uint8Array,
): Buffer {
  return createHmac('sha256', keys.auth)
    .update(`lora-swarm/proof/1/${role}\n`)
    .update(handshakeHash)
    .update(prover)
    .update(verifier)
    .digest();
}

export function isSameProof(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}
