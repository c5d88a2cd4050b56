import c from 'compact-encoding';
import type { RoomKind } from '../state';
import { JoinedRoom } from './joinedRoom';
import { rekey, type Rekey } from './messages';
import { SECRET_BYTES } from './roomCode';
import { generalKeys, localKeys, privateKeys } from './roomKeys';

/** Old secrets that still lead to the present one: so many removals may happen while a member is away. */
const MAX_PAST = 16;

/** A secret that the room had, and the owner's word about the next one. */
export interface PastSecret {
  readonly secret: Buffer;
  readonly message: Rekey;
}

/** One remembered room: what it is now, and the secrets it had. */
export interface BookEntry {
  readonly room: JoinedRoom;
  readonly past: readonly PastSecret[];
}

/** The JSON that a room keeps in the database. */
export function writeRoom({ room, past }: BookEntry): unknown {
  if (room.kind !== 'private') return null;
  return {
    secret: room.secret?.toString('hex'),
    owner: room.owner && { key: room.owner.key.toString('hex'), nonce: room.owner.nonce.toString('hex') },
    members: [...room.members],
    removed: [...room.removed],
    past: past.slice(-MAX_PAST).map(({ secret, message }) => ({
      secret: secret.toString('hex'),
      message: Buffer.from(c.encode(rekey, message)).toString('hex'),
    })),
  };
}

/** @returns undefined when the record makes no room: a private one without its secret. */
export function readRoom(kind: RoomKind, id: string, data: unknown): BookEntry | undefined {
  if (kind === 'general') return { room: makeGeneral(), past: [] };
  if (kind === 'local') return { room: makeLocal(), past: [] };
  const from = (data ?? {}) as {
    readonly secret?: string;
    readonly owner?: { readonly key: string; readonly nonce: string };
    readonly members?: readonly (readonly [string, string])[];
    readonly removed?: readonly string[];
    readonly past?: readonly { readonly secret: string; readonly message: string }[];
  };
  const secret = Buffer.from(from.secret ?? '', 'hex');
  if (secret.byteLength !== SECRET_BYTES) return undefined;
  const room = makePrivate(secret, id);
  if (from.owner) room.learnOwner(Buffer.from(from.owner.key, 'hex'), Buffer.from(from.owner.nonce, 'hex'));
  for (const [key, name] of from.members ?? []) room.members.set(key, name);
  for (const key of from.removed ?? []) room.removed.add(key);
  const past = (from.past ?? []).map((item) => ({
    secret: Buffer.from(item.secret, 'hex'),
    message: c.decode(rekey, Buffer.from(item.message, 'hex')),
  }));
  return { room, past };
}

export function makeGeneral(): JoinedRoom {
  return new JoinedRoom('general', 'general', generalKeys());
}

export function makeLocal(): JoinedRoom {
  return new JoinedRoom('local', 'local', localKeys());
}

/** @param id of a room that is known already and only gets another secret. */
export function makePrivate(secret: Buffer, id?: string): JoinedRoom {
  const keys = privateKeys(secret);
  return new JoinedRoom('private', id ?? keys.id, keys, secret);
}

/** The rooms of the old secrets: they only say where the room went, to members that were away. */
export function retiredRooms({ room, past }: BookEntry): JoinedRoom[] {
  return past.map(({ secret, message }, i) => {
    const old = new JoinedRoom('private', `${room.id}~${i}`, privateKeys(secret), secret, message);
    for (const [key, name] of room.members) old.members.set(key, name);
    for (const key of room.removed) old.removed.add(key);
    return old;
  });
}
