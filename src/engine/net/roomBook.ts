import c from 'compact-encoding';
import { ROOM_SECRET_BYTES } from '../limits';
import type { RoomKind } from '../state';
import { JoinedRoom, type Lead } from './joinedRoom';
import { Circle, type Invite } from './members/circle';
import type { RoomOrigin } from './members/epochSecret';
import { RoomLog, type EpochKey } from './members/roomLog';
import { rekey } from './messages';
import { parseRoomData, type RoomData } from './roomData';
import { generalKeys, localKeys, privateKeys } from './roomKeys';

/** Old secrets that still lead to the present one: so many removals may happen while a member is away. */
const MAX_PAST = 16;

/** A secret that the room had, and what it leads by. */
export interface PastSecret {
  readonly secret: Buffer;
  readonly lead: Extract<Lead, { kind: 'rekey' | 'epoch' }>;
}

/** One remembered room: what it is now, and the secrets it had. */
export interface BookEntry {
  readonly room: JoinedRoom;
  readonly past: readonly PastSecret[];
}

/** The JSON that a room keeps in the database. */
export function writeRoom({ room, past }: BookEntry): unknown {
  if (room.kind !== 'private') return null;
  const { circle } = room;
  const origin = circle.log?.origin;
  const data: RoomData = {
    ...(room.secret ? { secret: room.secret.toString('hex') } : {}),
    ...(origin ? { owner: { key: origin.creator.toString('hex'), nonce: origin.nonce.toString('hex') } } : {}),
    ...(room.epochNonce ? { epochNonce: room.epochNonce.toString('hex') } : {}),
    members: [...circle.names],
    removed: [...circle.removedBefore],
    past: past.slice(-MAX_PAST).map(({ secret, lead }) => ({
      secret: secret.toString('hex'),
      ...(lead.kind === 'rekey' ? { message: Buffer.from(c.encode(rekey, lead.message)).toString('hex') } : {}),
      ...(lead.kind === 'epoch' && lead.nonce ? { epochNonce: lead.nonce.toString('hex') } : {}),
    })),
    log: circle.log?.statements.map(({ bytes }) => bytes.toString('base64')) ?? [],
    seen: [...circle.seenAt],
    petnames: [...circle.petnames],
    trust: [...circle.trust],
    invites: circle.invites.map((invite) => ({ ...invite, secret: invite.secret.toString('hex') })),
  };
  return data;
}

/** @returns undefined when the record makes no room: a private one without its secret. */
export function readRoom(kind: RoomKind, id: string, data: unknown): BookEntry | undefined {
  if (kind === 'general') return { room: makeGeneral(), past: [] };
  if (kind === 'local') return { room: makeLocal(), past: [] };
  const from = parseRoomData(data);
  const secret = hex(from.secret);
  if (secret.byteLength !== ROOM_SECRET_BYTES) return undefined;
  const circle = readCircle(from);
  const room = makePrivate(secret, id, circle);
  if (from.owner) {
    const origin: RoomOrigin = { creator: hex(from.owner.key), nonce: hex(from.owner.nonce) };
    const isRight = room.learnOrigin(origin, from.epochNonce === undefined ? undefined : hex(from.epochNonce));
    if (isRight) circle.log?.restore((from.log ?? []).map((text) => Buffer.from(text, 'base64')));
  }
  // Before there were statements, who had proved the room was all that was known of members.
  if (!from.log) for (const key of circle.names.keys()) if (!circle.removedBefore.has(key)) room.proven.add(key);
  const past = (from.past ?? []).flatMap((item) => readPast(item) ?? []);
  return { room, past };
}

/** @returns undefined for a damaged one: who was away then can not follow, and needs a new invite. */
function readPast({ secret, message, epochNonce }: NonNullable<RoomData['past']>[number]): PastSecret | undefined {
  if (message === undefined)
    return {
      secret: hex(secret),
      lead: { kind: 'epoch', nonce: epochNonce === undefined ? undefined : hex(epochNonce) },
    };
  try {
    return { secret: hex(secret), lead: { kind: 'rekey', message: c.decode(rekey, hex(message)) } };
  } catch {
    return undefined;
  }
}

function readCircle(from: RoomData): Circle {
  const circle = new Circle();
  for (const [key, name] of from.members ?? []) circle.names.set(key, name);
  for (const key of from.removed ?? []) circle.removedBefore.add(key);
  for (const [key, at] of from.seen ?? []) circle.seenAt.set(key, at);
  for (const [key, name] of from.petnames ?? []) circle.petnames.set(key, name);
  for (const [key, how] of from.trust ?? []) circle.trust.set(key, how);
  circle.invites = (from.invites ?? []).map((invite): Invite => ({ ...invite, secret: hex(invite.secret) }));
  return circle;
}

export function makeGeneral(): JoinedRoom {
  return new JoinedRoom('general', 'general', generalKeys());
}

export function makeLocal(): JoinedRoom {
  return new JoinedRoom('local', 'local', localKeys());
}

/** @param id of a room that is known already and only gets another secret. */
export function makePrivate(secret: Buffer, id?: string, circle?: Circle, epochNonce?: Buffer): JoinedRoom {
  const keys = privateKeys(secret);
  return new JoinedRoom('private', id ?? keys.id, keys, { secret, circle, epochNonce });
}

/** A room that somebody just made. */
export function makeOwn(origin: RoomOrigin, secret: Buffer): JoinedRoom {
  const circle = new Circle();
  circle.log = new RoomLog(origin);
  return makePrivate(secret, undefined, circle);
}

/** A room that somebody let us in. */
export function makeJoined(log: RoomLog, { secret, nonce }: EpochKey): JoinedRoom {
  const circle = new Circle();
  circle.log = log;
  return makePrivate(secret, undefined, circle, nonce);
}

/** The rooms of the old secrets: they only say where the room went, to members that were away. */
export function retiredRooms({ room, past }: BookEntry): JoinedRoom[] {
  return past
    .slice(-MAX_PAST)
    .map(
      ({ secret, lead }, i) =>
        new JoinedRoom('private', `${room.id}~${i}`, privateKeys(secret), { secret, lead, circle: room.circle }),
    );
}

function hex(text: string | undefined): Buffer {
  return Buffer.from(text ?? '', 'hex');
}
