import type { KeyPair } from 'hypercore-crypto';
import { LoraSwarmError } from '../../errors';
import type { JoinCodeInvite, RoomInvite, RoomMember } from '../../wishes';
import type { PeerBook } from '../peerBook';
import { plainText } from '../../plainText';
import { formatRoomCode, inviteLink } from '../roomCode';
import type { RoomLink } from '../roomLink';
import * as acts from './acts';
import type { Invite } from './circle';
import type { Doors } from './doors';
import { DEFAULT_HOURS, MAX_HOURS, formatJoinCode, makeJoinSecret } from './joinCode';
import type { KeptRoom } from './keptRoom';
import { findMember, listMembers } from './memberList';
import type { RoomKeeper } from './roomKeeper';

const HOUR_MS = 3_600_000;
const MAX_PETNAME = 64;

export interface PeopleParts<K extends KeptRoom> {
  readonly keys: KeyPair;
  readonly keeper: RoomKeeper<K>;
  readonly doors: Doors;
  readonly peers: () => PeerBook;
  /** @throws {LoraSwarmError} `ROOM_UNKNOWN` */
  readonly find: (name: string) => K;
  readonly remember: (known: K) => void;
  readonly myName: () => string;
  readonly uriScheme: string;
}

/** What a user can do about the people of private rooms. */
export class People<K extends KeptRoom> {
  constructor(private readonly parts: PeopleParts<K>) {}

  /** @throws {LoraSwarmError} `ROOM_UNKNOWN`; `USAGE` for a room that needs no code. */
  invite(name: string): RoomInvite {
    const { secret, id } = this.#private(name).entry.room;
    return this.#inviteOf(id, formatRoomCode(secret!));
  }

  /**
   * Makes a code that admits one device, as long as it is good and this engine runs.
   *
   * @throws {LoraSwarmError} `ROOM_NOT_OWNER`, as the device is signed for; `USAGE` for hours that are out of range.
   */
  inviteOnce(name: string, hours = DEFAULT_HOURS): JoinCodeInvite {
    const known = this.#private(name);
    if (!(hours > 0 && hours <= MAX_HOURS))
      throw new LoraSwarmError('USAGE', `A one-time code can be good for up to ${MAX_HOURS} hours.`);
    if (!this.parts.keeper.isAdmin(known))
      throw new LoraSwarmError(
        'ROOM_NOT_OWNER',
        'Only who created a private room and its admins can make one-time codes. Ask one of them, or pass on the code of the room.',
      );
    const { id, circle } = known.entry.room;
    const invite: Invite = { secret: makeJoinSecret(), expiresAt: Date.now() + hours * HOUR_MS };
    circle.invites.push(invite);
    this.parts.doors.open(known);
    this.parts.remember(known);
    return { ...this.#inviteOf(id, formatJoinCode(invite.secret)), expiresAt: invite.expiresAt };
  }

  /** Takes back every one-time code of a room that nobody used. @returns how many. */
  cancelInvites(name: string): number {
    const known = this.#private(name);
    const { circle } = known.entry.room;
    const before = circle.invites.length;
    circle.invites = circle.invites.filter(({ usedBy }) => usedBy !== undefined);
    this.parts.doors.open(known);
    this.parts.remember(known);
    return before - circle.invites.length;
  }

  members(name: string): RoomMember[] {
    const { room } = this.parts.find(name).entry;
    const online = new Map(
      this.parts
        .peers()
        .in(room.id)
        .map((peer) => [peer.key, peer.name]),
    );
    return listMembers(room, { me: this.#me, myName: this.parts.myName(), online });
  }

  /** @throws {LoraSwarmError} `ROOM_NOT_OWNER`, `PEER_UNKNOWN` */
  remove(name: string, peer: string): RoomInvite {
    const known = this.#private(name);
    this.#mustBeAdmin(known);
    const { key } = findMember(this.members(name), peer);
    this.parts.keeper.act(known, (admin) => acts.remove(admin, key));
    return this.invite(known.entry.room.id);
  }

  /** @throws {LoraSwarmError} `ROOM_NOT_OWNER`, `PEER_UNKNOWN` */
  setAdmin(name: string, peer: string, isAdmin: boolean): RoomMember {
    const known = this.#private(name);
    this.#mustBeAdmin(known);
    const { key } = findMember(this.members(name), peer);
    this.parts.keeper.act(known, (admin) => (isAdmin ? acts.appoint(admin, key) : acts.dismiss(admin, key)));
    return this.#member(name, key);
  }

  /** The user goes on under another key, as this statement of both says. */
  handOver(name: string, next: KeyPair, statement: Uint8Array): void {
    this.parts.keeper.handOver(this.parts.find(name), next, statement);
  }

  /** Only this machine knows the name. @param petname empty: what the member calls itself again. */
  rename(name: string, peer: string, petname: string): RoomMember {
    const known = this.parts.find(name);
    const { circle } = known.entry.room;
    const { key } = findMember(this.members(name), peer);
    const text = plainText(petname, MAX_PETNAME);
    if (text === '') circle.petnames.delete(key);
    else circle.petnames.set(key, text);
    this.parts.remember(known);
    return this.#member(name, key);
  }

  /** The user compared the fingerprint with the person, or takes that back. */
  setVerified(name: string, peer: string, isVerified: boolean): RoomMember {
    const known = this.parts.find(name);
    const { circle } = known.entry.room;
    const { key } = findMember(this.members(name), peer);
    if (isVerified) circle.trust.set(key, 'compared');
    else circle.trust.delete(key);
    this.parts.remember(known);
    return this.#member(name, key);
  }

  /** Somebody came with a code of ours. @returns false when it may not come in. */
  onGuest(known: K, invite: Invite, link: RoomLink): boolean {
    const { keeper, keys, remember } = this.parts;
    const { circle } = known.entry.room;
    const { log } = circle;
    const key = log?.keyFor(keys);
    if (!log || !key || !keeper.isAdmin(known)) return false;
    const guest = link.peerKey;
    const isFirst = invite.usedBy === undefined;
    invite.usedBy = guest;
    if (isFirst && !circle.trust.has(guest)) circle.trust.set(guest, 'invite');
    remember(known); // Before anybody is told, so that a crash in between admits nobody else.
    // Once: who was removed since does not come back with the code that was used.
    if (isFirst) keeper.act(known, (admin) => acts.admit(admin, guest, key, true));
    link.sendMembers();
    link.sendMemberStatements(log.statements.map(({ bytes }) => bytes));
    return true;
  }

  get #me(): string {
    return this.parts.keys.publicKey.toString('hex');
  }

  #private(name: string): K {
    const known = this.parts.find(name);
    if (known.entry.room.secret) return known;
    throw new LoraSwarmError('USAGE', 'This room is open to everyone: it has no invite and no members.');
  }

  #mustBeAdmin(known: K): void {
    if (this.parts.keeper.isAdmin(known)) return;
    throw new LoraSwarmError(
      'ROOM_NOT_OWNER',
      'Only who created a private room and its admins can do this. Ask one of them, or create a new room and invite the others.',
    );
  }

  #member(name: string, key: string): RoomMember {
    return this.members(name).find((member) => member.key === key)!;
  }

  #inviteOf(room: string, code: string): RoomInvite {
    return { room, code, link: inviteLink(this.parts.uriScheme, code) };
  }
}
