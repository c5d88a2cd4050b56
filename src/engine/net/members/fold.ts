import type { Statement } from './statement';

/** How a device came to be a member. */
export interface Membership {
  /** The admin who signed it. */
  readonly by: string;
  readonly isInvited: boolean;
}

export interface EpochState {
  /** Hash of its statement, or the room's tag for the first one. */
  readonly id: string;
  /** 0 for the first one. */
  readonly number: number;
  /** False: a removed device knows its secret, and nobody made another one yet. Then only signed members count. */
  readonly isGood: boolean;
  readonly statement?: Statement;
}

/** What the statements of a room amount to. Keys are hex. */
export interface RoomView {
  /** Who may admit, remove and appoint, most senior first; the creator is the first. */
  readonly admins: readonly string[];
  /** Devices that an admin signed for, admins included. */
  readonly members: ReadonlyMap<string, Membership>;
  /** Devices that are kept out, and the removals that say so. */
  readonly removed: ReadonlyMap<string, readonly Statement[]>;
  /** Statements that keep a device from being an admin, and by whom. */
  readonly barred: ReadonlyMap<string, readonly Statement[]>;
  readonly epoch: EpochState;
  /** The least number of the next epoch. */
  readonly nextNumber: number;
  /** Statements of admins. The rest have no effect. */
  readonly inForce: readonly Statement[];
  /** Admins, and those that somebody appointed and somebody else put out: whose statements are worth keeping. */
  readonly authors: ReadonlySet<string>;
}

/**
 * What a set of statements amounts to: a pure function of the set, so everybody who has the same set has the same room,
 * in whatever order it came.
 *
 * Admins are ranked: the creator, then those that the creator appointed in the order of the creator's clock, then those that the first of them
 * appointed, and so on. They are gone through in this order, and whoever was removed or dismissed by somebody before is left out, with
 * everything that was ever signed with that key: so a removed admin can neither answer a removal by one of its own nor date one
 * back, and of two who remove each other the senior stays. Nobody's word counts about somebody senior.
 */
export function foldRoom(tag: string, creator: string, statements: readonly Statement[]): RoomView {
  const byAuthor = groupByAuthor(statements);
  const admins: string[] = [];
  const inForce: Statement[] = [];
  const removals: Statement[] = [];
  const barred = new Map<string, Statement[]>();
  const candidates = new Map<string, Statement>();
  /** Hashes of removals that a senior, or their author, took back. */
  const pardoned = new Set<string>();
  const cleared = new Set<string>();

  for (let admin: string | undefined = creator; admin !== undefined; admin = nextAdmin(candidates, admins, barred)) {
    admins.push(admin);
    const said: readonly Statement[] = byAuthor.get(admin) ?? [];
    inForce.push(...said);
    for (const { act } of said) {
      if (act.kind === 'admit') for (const hash of act.over) pardoned.add(hash);
      if (act.kind === 'appoint') for (const hash of act.over) cleared.add(hash);
    }
    for (const statement of said) {
      const { act, hash } = statement;
      if (act.kind === 'epoch' || act.kind === 'admit' || admins.includes(act.member)) continue;
      if (act.kind === 'appoint') {
        if (!candidates.has(act.member)) candidates.set(act.member, statement);
        continue;
      }
      if (!cleared.has(hash)) append(barred, act.member, statement);
      if (act.kind === 'remove' && !pardoned.has(hash)) removals.push(statement);
    }
  }

  const removed = new Map<string, Statement[]>();
  for (const removal of removals) if ('member' in removal.act) append(removed, removal.act.member, removal);
  const epoch = presentEpoch(tag, inForce, removed);
  const members = new Map<string, Membership>([[creator, { by: creator, isInvited: false }]]);
  const admit = (key: string, membership: Membership): void => {
    if (!removed.has(key) && !members.get(key)?.isInvited) members.set(key, membership);
  };
  for (const admin of admins)
    if (admin !== creator) admit(admin, { by: candidates.get(admin)!.author, isInvited: false });
  if (epoch.statement?.act.kind === 'epoch')
    for (const { key } of epoch.statement.act.recipients)
      if (!members.has(key)) admit(key, { by: epoch.statement.author, isInvited: false });
  for (const { act, author } of inForce) {
    if (act.kind !== 'admit') continue;
    // By an older epoch's word it is only told how a member came; who is one, the present epoch says.
    if (act.epoch === epoch.id || members.has(act.member)) admit(act.member, { by: author, isInvited: act.isInvited });
  }
  const authors = new Set([creator, ...candidates.keys()]);
  const numbers = inForce.map(({ act }) => (act.kind === 'epoch' ? act.number : act.kind === 'remove' ? act.floor : 0));
  return { admins, members, removed, barred, epoch, nextNumber: Math.max(0, ...numbers) + 1, inForce, authors };
}

function groupByAuthor(statements: readonly Statement[]): Map<string, Statement[]> {
  const groups = new Map<string, Statement[]>();
  for (const statement of statements) append(groups, statement.author, statement);
  for (const group of groups.values()) group.sort((a, b) => a.clock - b.clock || compare(a.hash, b.hash));
  return groups;
}

/** Candidates stand in the order of their appointers, and of each appointer's own words: a map keeps that. */
function nextAdmin(
  candidates: ReadonlyMap<string, Statement>,
  admins: readonly string[],
  barred: ReadonlyMap<string, unknown>,
): string | undefined {
  for (const key of candidates.keys()) if (!admins.includes(key) && !barred.has(key)) return key;
  return undefined;
}

/** The highest epoch whose secret no removed device knows; without one the highest of all, which is then not good. */
function presentEpoch(
  tag: string,
  inForce: readonly Statement[],
  removed: ReadonlyMap<string, readonly Statement[]>,
): EpochState {
  const floors = [...removed.values()].flat().map(({ act }) => (act.kind === 'remove' ? act.floor : 0));
  const floor = floors.length === 0 ? -1 : Math.max(...floors);
  // Who was admitted under an epoch knows its secret, also when nobody who made it heard of that.
  const leaked = new Set<string>();
  for (const { act } of inForce) if (act.kind === 'admit' && removed.has(act.member)) leaked.add(act.epoch);

  const first: EpochState = { id: tag, number: 0, isGood: floor < 0 && !leaked.has(tag) };
  let best = first;
  for (const statement of inForce) {
    const { act, hash } = statement;
    if (act.kind !== 'epoch') continue;
    const isGood = act.number > floor && !leaked.has(hash) && !act.recipients.some(({ key }) => removed.has(key));
    const epoch: EpochState = { id: hash, number: act.number, isGood, statement };
    if (isHigher(epoch, best)) best = epoch;
  }
  return best;
}

function isHigher(a: EpochState, b: EpochState): boolean {
  if (a.isGood !== b.isGood) return a.isGood;
  return a.number !== b.number ? a.number > b.number : a.id > b.id;
}

function append<V>(map: Map<string, V[]>, key: string, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
