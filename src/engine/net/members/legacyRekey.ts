import { sign, verify, type KeyPair } from 'hypercore-crypto';
import type { Rekey } from '../messages';
import { makeRoomSecret, roomSecretOf, type RoomSecret } from '../roomCode';
import type { RoomOrigin } from './epochSecret';

const REKEY_DOMAIN = Buffer.from('lora-swarm/rekey/1\n');

/**
 * How rooms got another secret before they had statements: the owner's signed word about the next nonce. Rooms that did so are
 * still led along it by members that have the word; nobody makes a new one.
 */
export function makeRekey(
  owner: { readonly key: Uint8Array; readonly nonce: Uint8Array },
  keys: KeyPair,
  removed: readonly string[],
): { readonly message: Rekey; readonly next: RoomSecret } {
  const next = makeRoomSecret(owner.key);
  const unsigned = {
    ownerKey: owner.key,
    oldNonce: owner.nonce,
    newNonce: next.nonce,
    removed: removed.map((key) => Buffer.from(key, 'hex')),
  };
  return { message: { ...unsigned, signature: sign(rekeyPayload(unsigned), keys.secretKey) }, next };
}

/** The next secret, when the message really comes from the owner of the room with this secret. */
export function openRekey(message: Rekey, secret: Buffer): RoomSecret | undefined {
  if (!secret.equals(roomSecretOf(message.ownerKey, message.oldNonce))) return undefined;
  if (!verify(rekeyPayload(message), message.signature, message.ownerKey)) return undefined;
  return { nonce: Buffer.from(message.newNonce), secret: roomSecretOf(message.ownerKey, message.newNonce) };
}

/** The room that starts with the secret which this names. */
export function originOf(message: Rekey): RoomOrigin {
  return { creator: Buffer.from(message.ownerKey), nonce: Buffer.from(message.newNonce) };
}

/** What the owner signs: a label, the owner's key, both nonces, then the removed keys one after the other. */
function rekeyPayload({ ownerKey, oldNonce, newNonce, removed }: Omit<Rekey, 'signature'>): Buffer {
  return Buffer.concat([REKEY_DOMAIN, ownerKey, oldNonce, newNonce, ...removed]);
}
