import type { KeyPair } from 'hypercore-crypto';
import { hasCode } from '../../errors';
import type { Logger } from '../../log';
import type { JoinedRoom } from '../joinedRoom';
import type { Rekey } from '../messages';
import type { PeerBook } from '../peerBook';
import type { RoomState } from '../../state';
import { makePrivate, type BookEntry } from '../roomBook';
import type { RoomLink } from '../roomLink';
import * as acts from './acts';
import type { KeptRoom, RoomHost } from './keptRoom';
import { openRekey, originOf } from './legacyRekey';
import type { MembersMessage } from './memberMessages';
import type { RoomLog } from './roomLog';
import type { Statement } from './statement';

export interface RoomKeeperParts<K extends KeptRoom> {
  readonly keys: KeyPair;
  readonly peers: () => PeerBook;
  readonly host: RoomHost<K>;
  /** All that is known of anybody's keys: bytes of `identity/statements`, checked. */
  readonly keyStatements: () => readonly Uint8Array[];
  readonly onChange: () => void;
  readonly log: Logger;
}

/** Keeps who belongs to each private room: hears what admins signed, passes it on, and acts by it. */
export class RoomKeeper<K extends KeptRoom> {
  constructor(private readonly parts: RoomKeeperParts<K>) {}

  /** Does something as an admin of the room, tells everybody, and does what follows from it. */
  act(known: K, work: (admin: acts.Admin & { readonly log: RoomLog }) => readonly Statement[]): readonly Statement[] {
    const { log } = known.entry.room.circle;
    const said = log ? work({ log, keys: this.parts.keys }) : [];
    if (said.length > 0) this.#settle(known, said);
    return said;
  }

  isAdmin({ entry }: KeptRoom): boolean {
    const { log } = entry.room.circle;
    return log !== undefined && acts.isAdmin({ log, keys: this.parts.keys });
  }

  /**
   * The room was switched on, or something new is known of somebody's key. Does what was left undone when the last run ended, too: a
   * move to this key, and a new secret.
   */
  catchUp(known: K): void {
    const { room } = known.entry;
    const { log } = room.circle;
    if (!log) return;
    const fresh = log.addOfKeys(this.parts.keyStatements());
    const key = log.keyFor(this.parts.keys);
    const isBehind = key !== undefined && room.secret !== undefined && !key.secret.equals(room.secret);
    const hasToRenew = !log.view.epoch.isGood && this.isAdmin(known);
    if (fresh.length > 0 || isBehind || hasToRenew || this.endOf(known)) this.#settle(known, fresh);
  }

  /** This user goes on under another key: says so while both are at hand, so that the next one starts where this one stopped. */
  handOver(known: K, next: KeyPair, statement: Uint8Array): void {
    const { log } = known.entry.room.circle;
    const fresh = log?.addOfKeys([statement]) ?? [];
    if (log && fresh.length > 0) this.#settle(known, [...fresh, ...acts.takeOver({ log, keys: next })]);
  }

  /** Why nobody of this room talks to us any more, as far as it is known. */
  endOf({ entry }: KeptRoom): RoomState['ended'] {
    const { log, revoked } = entry.room.circle;
    const me = this.parts.keys.publicKey.toString('hex');
    const why = log?.view.removed.get(me) ?? [];
    if (revoked.has(me) || why.some(({ act }) => act.kind === 'revoke')) return 'revoked';
    if (log && log.view.creator === undefined) return 'over';
    if (why.some(({ act }) => act.kind === 'move')) return 'moved';
    return why.length > 0 ? 'removed' : undefined;
  }

  /** Somebody proved the room, or it was switched on: an admin signs for whoever came with the present code. */
  welcome(known: K): void {
    const { room } = known.entry;
    const { log } = room.circle;
    const key = log?.keyFor(this.parts.keys);
    if (!log?.view.epoch.isGood || !key || !room.secret?.equals(key.secret) || !this.isAdmin(known)) return;
    const me = this.parts.keys.publicKey.toString('hex');
    const fresh = [...room.proven].filter(
      (each) => each !== me && !log.view.members.has(each) && !log.view.removed.has(each),
    );
    if (fresh.length === 0) return;
    this.act(known, (admin) =>
      fresh.flatMap((each) => {
        try {
          return acts.admit(admin, each, key, false);
        } catch (error) {
          if (!hasCode(error, 'USAGE', 'PEER_UNKNOWN')) throw error;
          this.parts.log.debug(`room ${known.label}: ${each.slice(0, 8)} was not signed for, ${error.message}`);
          return [];
        }
      }),
    );
  }

  /** A peer proved an old secret of a room of ours: it is told where the room went. */
  onLead(link: RoomLink): void {
    const { lead } = link.room;
    if (lead?.kind === 'rekey') {
      link.sendRekey(lead.message);
    } else if (lead?.kind === 'epoch') {
      const { log } = link.room.circle;
      // It names nobody but the one that is out and the admin who decided it; both know each other.
      if (log && !log.view.members.has(link.peerKey)) {
        link.sendMemberStatements(bytesOf(log.view.removed.get(link.peerKey) ?? []));
        return;
      }
      link.sendMembers();
      link.sendMemberStatements(bytesOf(log?.statements ?? []));
    }
  }

  onMembers(link: RoomLink, message: MembersMessage): void {
    const known = this.#knownBy(link);
    if (!known || link.room.lead) return;
    const { circle } = link.room;
    if (!circle.log) {
      if (!link.room.learnOrigin(message, message.epochNonce)) return;
      link.sendMembers(); // Now we can say what we lack.
    }
    const { log } = circle;
    const isSame = log?.origin.creator.equals(message.creator) && log.origin.nonce.equals(message.nonce);
    if (log && isSame && !log.digest.equals(message.digest)) link.sendMemberStatements(bytesOf(log.statements));
  }

  onMemberStatements(link: RoomLink, list: readonly Uint8Array[]): void {
    const known = this.#knownBy(link);
    const { log } = known?.entry.room.circle ?? {};
    if (!known || !log) return;
    const fresh = log.add(list);
    if (fresh.length > 0) this.#settle(known, fresh, link);
  }

  /** The same as from a peer, for what came with an invite. */
  hear(known: K, statements: readonly Statement[]): void {
    const fresh = known.entry.room.circle.log?.add(bytesOf(statements)) ?? [];
    if (fresh.length > 0) this.#settle(known, fresh);
  }

  /** The way of rooms that have no statements yet. @returns false for a word that is not the owner's. */
  onRekey(link: RoomLink, message: Rekey): boolean {
    const known = this.#knownBy(link);
    const old = known?.entry.room;
    const next = old?.secret && openRekey(message, old.secret);
    if (!known || !old?.secret || !next) return false;
    const { circle } = old;
    if (circle.log && circle.log.statements.length > 0) return true; // It has gone on from here in another way.
    for (const key of message.removed) circle.removedBefore.add(Buffer.from(key).toString('hex'));
    circle.log = undefined;
    const room = makePrivate(next.secret, old.id, circle);
    room.learnOrigin(originOf(message), undefined);
    this.#move(known, { room, past: [...known.entry.past, { secret: old.secret, lead: { kind: 'rekey', message } }] });
    return true;
  }

  /** Statements came or were made: who is out is cut off before anything else. */
  #settle(known: K, fresh: readonly Statement[], from?: RoomLink): void {
    const { circle } = known.entry.room;
    const { log } = circle;
    if (!log) return;
    const { keys, peers, host } = this.parts;
    const rooms = roomsOf(known);
    for (const { act, author } of fresh) {
      const heir = act.kind === 'move' ? log.view.heirs.heirOf(author) : undefined;
      if (heir) circle.follow(author, heir);
    }
    peers().sift(rooms);
    const admin = { log, keys };
    const key = (): ReturnType<RoomLog['keyFor']> => log.keyFor(keys);
    const made = [...acts.takeOver(admin), ...acts.renew(admin)];
    const present = key();
    if (present) made.push(...acts.carryOver(admin, present));
    host.remember(known); // Before anybody hears of it: what was said can't be unsaid by a crash.
    this.#spread(known, [...fresh, ...made], from);
    if (this.endOf(known)) host.rest(known);
    else this.#follow(known, log);
    if (known.active) for (const room of roomsOf(known)) peers().addRoom(room); // Who was let in again.
    this.parts.onChange();
  }

  /** Passes statements on to everybody in the room, and to who only proved an old secret of it. */
  #spread(known: K, statements: readonly Statement[], from: RoomLink | undefined): void {
    const bytes = bytesOf(statements);
    for (const room of roomsOf(known))
      for (const link of this.parts.peers().linksOf(room)) if (link !== from) link.sendMemberStatements(bytes);
  }

  /** Moves to the present epoch when that is another one and its secret was given to us. */
  #follow(known: K, log: RoomLog): void {
    const key = log.keyFor(this.parts.keys);
    const old = known.entry.room;
    if (!key || !old.secret || key.secret.equals(old.secret)) return;
    this.parts.log.info(`room ${known.label}: a member was removed, so it has a new code`);
    const room = makePrivate(key.secret, old.id, old.circle, key.nonce);
    const past = known.entry.past.filter(({ secret }) => !secret.equals(key.secret));
    this.#move(known, {
      room,
      past: [...past, { secret: old.secret, lead: { kind: 'epoch', nonce: old.epochNonce } }],
    });
  }

  #move(known: K, entry: BookEntry): void {
    this.parts.host.move(known, entry);
  }

  #knownBy(link: RoomLink): K | undefined {
    for (const known of this.parts.host.list()) if (roomsOf(known).includes(link.room)) return known;
    return undefined;
  }
}

function roomsOf({ entry, active }: KeptRoom): JoinedRoom[] {
  return active ? [active.room, ...active.retired] : [entry.room];
}

function bytesOf(statements: readonly Statement[]): Buffer[] {
  return statements.map(({ bytes }) => bytes);
}
