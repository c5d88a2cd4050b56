import { randomBytes } from 'node:crypto';
import type { KeyPair } from 'hypercore-crypto';
import { LoraSwarmError } from '../../errors';
import { nonceCommitment } from './epochSecret';
import type { RoomView } from './fold';
import type { EpochKey, RoomLog } from './roomLog';
import { seal } from './sealed';
import { MAX_RECIPIENTS, signStatement, type Act, type Statement } from './statement';

/** What an admin does in a room: each function signs what it takes, adds it to the log, and gives what was added. */
export interface Admin {
  readonly log: RoomLog;
  readonly keys: KeyPair;
}

export function isAdmin({ log, keys }: Admin): boolean {
  return log.view.admins.includes(keys.publicKey.toString('hex'));
}

/**
 * Signs that a device belongs to the room, and seals the present secret for it.
 *
 * @throws {LoraSwarmError} `ROOM_NOT_OWNER` when somebody senior removed it; `USAGE` when the room is full.
 */
export function admit(admin: Admin, member: string, key: EpochKey, isInvited: boolean): Statement[] {
  mustBeAdmin(admin);
  const { log } = admin;
  const { epoch, members, removed, heirs } = log.view;
  if (heirs.heirOf(member) !== member)
    throw new LoraSwarmError(
      'USAGE',
      'That key counts no more: it was revoked, or its user moved on to another one. Let that device come with its present key.',
    );
  if (!members.has(member) && members.size >= MAX_RECIPIENTS)
    throw new LoraSwarmError('USAGE', `A room has at most ${MAX_RECIPIENTS} members. Remove one first.`);
  const sealed = seal(key.nonce ?? log.origin.nonce, Buffer.from(member, 'hex'));
  if (!sealed) throw new LoraSwarmError('PEER_UNKNOWN', 'That key belongs to no device.');
  const over = (removed.get(member) ?? []).map(({ hash }) => hash);
  const said = say(admin, { kind: 'admit', member, epoch: epoch.id, isInvited, sealed, over: over.slice(0, 16) });
  if (over.length > 0) mustHold(!log.view.removed.has(member), 'let this device in again');
  return said;
}

/** @throws {LoraSwarmError} `ROOM_NOT_OWNER`, `PEER_UNKNOWN` for a device that is no member. */
export function appoint(admin: Admin, member: string): Statement[] {
  mustBeAdmin(admin);
  const { members, admins, barred } = admin.log.view;
  if (admins.includes(member)) return [];
  if (!members.has(member))
    throw new LoraSwarmError('PEER_UNKNOWN', 'Only a member that an admin signed for can become one.');
  const over = (barred.get(member) ?? []).map(({ hash }) => hash).slice(0, 16);
  const said = say(admin, { kind: 'appoint', member, over });
  mustHold(admin.log.view.admins.includes(member), 'make this device an admin again');
  return said;
}

/** Takes the office from an admin, who stays a member. @throws {LoraSwarmError} `ROOM_NOT_OWNER` */
export function dismiss(admin: Admin, member: string): Statement[] {
  const before = mustOutrank(admin, member);
  if (!before.admins.includes(member)) return [];
  const said = say(admin, { kind: 'dismiss', member });
  return [...said, ...repair(admin, before, member)];
}

/**
 * Ends the access of a device: signs the removal, and a new epoch whose secret only the others are given.
 *
 * @throws {LoraSwarmError} `ROOM_NOT_OWNER` for a device that is as senior, or more.
 */
export function remove(admin: Admin, member: string): Statement[] {
  const before = mustOutrank(admin, member);
  const said = say(admin, { kind: 'remove', member, floor: before.nextNumber - 1 });
  return [...said, ...repair(admin, before, member), ...renew(admin)];
}

/**
 * Goes on with what the user did under the key of before, which counts no more: appoints the same admins in the same order, makes a
 * new epoch for the same members, and lets in again whom the old key had let in again.
 */
export function takeOver(admin: Admin): Statement[] {
  const { log, keys } = admin;
  const me = keys.publicKey.toString('hex');
  const before = log.viewBefore(me);
  const rank = before.admins.findIndex((key) => isSame(log.view, key, me));
  // Once: what the new key said since is not to be undone.
  if (!isAdmin(admin) || rank < 0 || log.statements.some(({ author }) => author === me)) return [];
  const said: Statement[] = [];
  for (const member of before.admins.slice(rank + 1)) {
    if (log.view.admins.includes(member)) continue;
    const over = (log.view.barred.get(member) ?? []).map(({ hash }) => hash).slice(0, 16);
    said.push(...say(admin, { kind: 'appoint', member, over }));
  }
  const isPresent = (key: string): boolean => log.view.heirs.heirOf(key) === key;
  const lost = [...before.members].filter(([key]) => isPresent(key) && !log.view.members.has(key));
  const names = lost.map(([key]) => key);
  said.push(...renew(admin, names));
  const key = log.keyFor(keys);
  for (const [member, { isInvited }] of lost)
    if (key && (isInvited || !log.view.members.has(member))) said.push(...admit(admin, member, key, isInvited));
  return said;
}

/**
 * Makes the next epoch when the present one is known to a device that is out. Any admin may: of two the higher hash counts.
 *
 * @param others members besides those that are so by what counts now.
 */
export function renew(admin: Admin, others: readonly string[] = []): Statement[] {
  const { log } = admin;
  if (log.view.epoch.isGood || !isAdmin(admin)) return [];
  const nonce = randomBytes(32);
  const { members, nextNumber } = log.view;
  const recipients = [...new Set([...members.keys(), ...others])].sort().flatMap((key) => {
    const sealed = seal(nonce, Buffer.from(key, 'hex'));
    return sealed ? [{ key, sealed }] : [];
  });
  return say(admin, {
    kind: 'epoch',
    number: nextNumber,
    commitment: nonceCommitment(log.tag, nonce),
    recipients: recipients.slice(0, MAX_RECIPIENTS),
  });
}

/**
 * Gives the present secret to those that whoever made the epoch did not know of: devices that this one let in by an invite, and
 * admins. Who only came with the old code is not among them, as the removed one may have given it to anybody.
 */
export function carryOver(admin: Admin, key: EpochKey): Statement[] {
  const { log, keys } = admin;
  if (!isAdmin(admin) || !log.view.epoch.isGood) return [];
  const me = keys.publicKey.toString('hex');
  const mine = log.view.inForce.flatMap(({ author, act }) =>
    author === me && act.kind === 'admit' && act.isInvited ? [log.view.heirs.heirOf(act.member) ?? []].flat() : [],
  );
  const missing = [...new Set([...mine, ...log.view.admins])].filter(
    (member) => member !== me && !log.view.removed.has(member) && !log.isGiven(member),
  );
  return missing.flatMap((member) => admit(admin, member, key, mine.includes(member)));
}

/**
 * What an admin signed counts no more once the admin is out. What was in force until now is repeated under the name of whoever
 * put it out.
 */
function repair(admin: Admin, before: RoomView, gone: string): Statement[] {
  const { log } = admin;
  const said: Statement[] = [];
  for (const [member, why] of before.removed)
    if (!log.view.removed.has(member) && why.some(({ act }) => act.kind === 'remove'))
      said.push(...say(admin, { kind: 'remove', member, floor: before.nextNumber - 1 }));
  for (const member of before.admins) {
    if (isSame(before, gone, member) || log.view.admins.includes(member)) continue;
    const over = (log.view.barred.get(member) ?? []).map(({ hash }) => hash).slice(0, 16);
    said.push(...say(admin, { kind: 'appoint', member, over }));
  }
  const key = log.keyFor(admin.keys);
  for (const [member, { isInvited }] of before.members) {
    if (isSame(before, gone, member) || !key || log.view.members.has(member)) continue;
    said.push(...admit(admin, member, key, isInvited));
  }
  return said;
}

/** Whether a key is this one, or follows it. */
function isSame({ heirs }: RoomView, key: string, other: string): boolean {
  return heirs.successors(key).has(other);
}

function say(admin: Admin, act: Act): Statement[] {
  const { log, keys } = admin;
  return log.add([signStatement(log.tag, keys, log.nextClock, act).bytes]);
}

function mustBeAdmin(admin: Admin): void {
  mustHold(isAdmin(admin), 'do this');
}

function mustOutrank(admin: Admin, member: string): RoomView {
  const { view } = admin.log;
  const rank = view.admins.indexOf(admin.keys.publicKey.toString('hex'));
  const other = view.admins.indexOf(member);
  if (rank < 0)
    throw new LoraSwarmError(
      'ROOM_NOT_OWNER',
      'Only who created a private room and its admins can do this. Ask one of them, or create a new room and invite the others.',
    );
  mustHold(other < 0 || rank < other, 'do this to an admin of at least your rank');
  return view;
}

function mustHold(claim: boolean, what: string): void {
  if (!claim)
    throw new LoraSwarmError(
      'ROOM_NOT_OWNER',
      `You can't ${what}: that takes an admin of a higher rank. Ask one, or who created the room.`,
    );
}
