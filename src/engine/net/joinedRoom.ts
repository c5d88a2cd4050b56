import { sign, verify, type KeyPair } from 'hypercore-crypto';
import { Emitter } from '../events';
import type { RoomKind } from '../state';
import { CatalogFeed } from './catalogFeed';
import type { Rekey } from './messages';
import { makeRoomSecret, roomSecretOf, type RoomSecret } from './roomCode';
import type { RoomKeys } from './roomKeys';

const REKEY_DOMAIN = Buffer.from('lora-swarm/rekey/1\n');
/** Keys remembered per room. */
const MAX_MEMBERS = 1_000;

export interface RoomOwner {
  /** 32 bytes. */
  readonly key: Buffer;
  /** 32 bytes; `roomSecretOf(key, nonce)` is the room's secret. */
  readonly nonce: Buffer;
}

/** One room as this engine takes part in it: its keys, what we offer in it and, in a private one, who belongs to it. */
export class JoinedRoom {
  readonly feed = new CatalogFeed();
  readonly #changed = new Emitter<void>();
  /** Members or owner changed, so the room has to be remembered anew. */
  readonly onDidChange = this.#changed.event;
  readonly members = new Map<string, string>();
  readonly removed = new Set<string>();
  owner: RoomOwner | undefined;

  constructor(
    readonly kind: RoomKind,
    /** Names the room on this machine and stays when the secret changes. Never sent. */
    readonly id: string,
    readonly keys: RoomKeys,
    /** Private rooms only, 16 bytes. */
    readonly secret?: Buffer,
    /** Set when the room has another secret by now: this one only leads there. */
    readonly retired?: Rekey,
  ) {}

  /** A peer proved that it knows the secret. */
  learnMember(key: string, name: string): void {
    if (this.kind !== 'private' || this.retired) return;
    if (this.members.get(key) === name || (!this.members.has(key) && this.members.size >= MAX_MEMBERS)) return;
    this.members.set(key, name);
    this.#changed.fire();
  }

  /** A member says who owns the room. Believed when the secret really is a hash over that key and nonce. */
  learnOwner(key: Uint8Array, nonce: Uint8Array): void {
    if (this.owner || !this.secret?.equals(roomSecretOf(key, nonce))) return;
    this.owner = { key: Buffer.from(key), nonce: Buffer.from(nonce) };
    this.#changed.fire();
  }

  isOwnedBy(key: Uint8Array): boolean {
    return this.owner !== undefined && this.owner.key.equals(key);
  }

  /** Whether a peer that only knows this old secret is told the next one. */
  mayFollow(key: string): boolean {
    return this.members.has(key) && !this.removed.has(key);
  }
}

/** Ends the access of `removed`: makes the next secret and the owner's signed word about it. */
export function makeRekey(
  owner: RoomOwner,
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

/** What the owner signs: a label, the owner's key, both nonces, then the removed keys one after the other. */
function rekeyPayload({ ownerKey, oldNonce, newNonce, removed }: Omit<Rekey, 'signature'>): Buffer {
  return Buffer.concat([REKEY_DOMAIN, ownerKey, oldNonce, newNonce, ...removed]);
}
