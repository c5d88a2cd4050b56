import { Heirs } from './heirs';
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
  /** False: a device that is out knows its secret, and nobody made another one yet. Then only signed members count. */
  readonly isGood: boolean;
  readonly statement?: Statement;
}

/** What the statements of a room amount to. Keys are hex. */
export interface RoomView {
  /** Who created the room, by the present key. Absent: that key was revoked, or what it moved on to is disputed. Then the room is over. */
  readonly creator: string | undefined;
  /** Who may admit, remove and appoint, most senior first; the creator is the first. */
  readonly admins: readonly string[];
  /** Devices that an admin signed for, admins included. */
  readonly members: ReadonlyMap<string, Membership>;
  /** Keys that are kept out, and what says so: removals, revocations, and moves to another key. */
  readonly removed: ReadonlyMap<string, readonly Statement[]>;
  /** Statements that keep a device from being an admin, and by whom. */
  readonly barred: ReadonlyMap<string, readonly Statement[]>;
  readonly epoch: EpochState;
  /** The least number of the next epoch. */
  readonly nextNumber: number;
  /** Statements of admins, as far as they count. The rest have no effect. */
  readonly inForce: readonly Statement[];
  /** Admins, and those that somebody appointed and somebody else put out: whose statements are worth keeping. */
  readonly authors: ReadonlySet<string>;
  readonly heirs: Heirs;
}

/** An office, from the key that was appointed on. */
interface Seat {
  /** The key that has it now; undefined when none does. */
  readonly holder: string | undefined;
  /** Every key that had it, or claims to. */
  readonly keys: ReadonlySet<string>;
}

/**
 * What a set of statements amounts to: a pure function of the set, so everybody who has the same set has the same room,
 * in whatever order it came.
 *
 * Admins are ranked: the creator, then those that the creator appointed in the order of the creator's clock, then those that the first of them
 * appointed, and so on. They are gone through in this order, and whoever was removed or dismissed by somebody before is left out, with
 * everything that was ever signed with that key: so a removed admin can neither answer a removal by one of its own nor date one
 * back, and of two who remove each other the senior stays. Nobody's word counts about somebody senior.
 *
 * Who moves to another key keeps rank and membership. What a key of before signed gives nothing to anybody any more, as whoever finds
 * that key could date it back; the new key says it again. But what it took away stays taken: that a key goes never lets somebody in.
 */
export function foldRoom(tag: string, creator: string, statements: readonly Statement[]): RoomView {
  const heirs = new Heirs(statements);
  const byAuthor = groupByAuthor(statements);
  const inForce: Statement[] = [];
  const admins: string[] = [];
  /** Every key of those that were gone through: nobody after them decides about one. */
  const senior = new Set<string>();
  const removals: { readonly statement: Statement; readonly keys: readonly string[] }[] = [];
  const barred = new Map<string, Statement[]>();
  const candidates = new Map<string, Statement>();
  /** Appointed by a key that counts no more. Nothing that they said counts, but what took something away. */
  const former = new Set<string>();
  /** Hashes of removals that a senior, or their author, took back. */
  const pardoned = new Set<string>();
  const cleared = new Set<string>();
  /** Who was let in although a key that it may come from was revoked: `member hash`. */
  const excused = new Set<string>();

  const takeSeat = ({ holder, keys }: Seat): void => {
    if (holder !== undefined) admins.push(holder);
    for (const key of keys) senior.add(key);
    const said = [...keys].flatMap((key) => (key === holder ? (byAuthor.get(key) ?? []) : takenBy(key)));
    inForce.push(...said);
    for (const { act } of said) {
      if (act.kind === 'admit')
        for (const hash of act.over) {
          pardoned.add(hash);
          excused.add(`${act.member} ${hash}`);
        }
      if (act.kind === 'appoint') for (const hash of act.over) cleared.add(hash);
    }
    for (const statement of said) {
      const { act } = statement;
      if (act.kind === 'appoint' && !senior.has(act.member) && !candidates.has(act.member))
        candidates.set(act.member, statement);
      takeAway(statement);
    }
  };
  /** What counts of the words of a key that has no say any more. */
  const takenBy = (key: string): Statement[] => {
    const said: readonly Statement[] = byAuthor.get(key) ?? [];
    for (const { act } of said) if (act.kind === 'appoint') former.add(act.member);
    return said.filter(({ act }) => act.kind === 'remove' || act.kind === 'dismiss');
  };
  const takeAway = (statement: Statement): void => {
    const { act, hash } = statement;
    if ((act.kind !== 'remove' && act.kind !== 'dismiss') || senior.has(act.member)) return;
    const against = [...heirs.successors(act.member)].filter((key) => !senior.has(key));
    if (!cleared.has(hash)) for (const key of against) append(barred, key, statement);
    if (act.kind === 'remove' && !pardoned.has(hash)) removals.push({ statement, keys: against });
  };
  const seatOf = (key: string): Seat => ({ holder: heirs.heirOf(key), keys: heirs.successors(key) });
  const isBarred = ({ keys }: Seat): boolean => [...keys].some((key) => barred.has(key));

  takeSeat(seatOf(creator));
  for (let next = nextSeat(); next; next = nextSeat()) takeSeat(next);
  // These have no rank: two of them can only put each other out.
  const wordsOfFormer: Statement[] = [];
  for (const key of former) {
    if (senior.has(key) || isBarred(seatOf(key))) continue;
    wordsOfFormer.push(...takenBy(key));
    for (const each of heirs.successors(key)) former.add(each);
  }
  inForce.push(...wordsOfFormer);
  wordsOfFormer.forEach(takeAway);

  /** Candidates stand in the order of their appointers, and of each appointer's own words: a map keeps that. */
  function nextSeat(): Seat | undefined {
    for (const key of candidates.keys()) {
      const seat = seatOf(key);
      if (!senior.has(key) && !isBarred(seat) && !senior.has(seat.holder ?? '')) return seat;
    }
    return undefined;
  }

  const authors = new Set([creator, ...candidates.keys(), ...former].flatMap((key) => [...heirs.successors(key)]));
  const isOver = heirs.heirOf(creator) === undefined;
  const removed = new Map<string, Statement[]>();
  for (const { statement, keys } of removals) for (const key of keys) append(removed, key, statement);
  const named = [...mentioned(creator, statements, authors)];
  for (const key of new Set(named.flatMap((each) => [...heirs.successors(each)]))) {
    for (const each of [...heirs.movesOf(key), ...heirs.revocationsOf(key)]) append(removed, key, each);
    for (const revocation of heirs.revocationsOf(key))
      for (const next of heirs.successors(key))
        if (next !== key && !excused.has(`${next} ${revocation.hash}`)) append(removed, next, revocation);
  }
  const epoch = presentEpoch(tag, inForce, removed);
  const members = new Map<string, Membership>();
  const admit = (named: string, membership: Membership): void => {
    const key = heirs.heirOf(named);
    if (key && !isOver && !removed.has(key) && !members.get(key)?.isInvited) members.set(key, membership);
  };
  admit(creator, { by: creator, isInvited: false });
  for (const [key, { author }] of candidates)
    if (admins.includes(heirs.heirOf(key) ?? '')) admit(key, { by: author, isInvited: false });
  if (epoch.statement?.act.kind === 'epoch')
    for (const { key } of epoch.statement.act.recipients)
      if (!members.has(heirs.heirOf(key) ?? '')) admit(key, { by: epoch.statement.author, isInvited: false });
  for (const { act, author } of inForce) {
    if (act.kind !== 'admit') continue;
    // By an older epoch's word it is only told how a member came; who is one, the present epoch says.
    const isMember = members.has(heirs.heirOf(act.member) ?? '');
    if (act.epoch === epoch.id || isMember) admit(act.member, { by: author, isInvited: act.isInvited });
  }
  const numbers = inForce.map(({ act }) => (act.kind === 'epoch' ? act.number : act.kind === 'remove' ? act.floor : 0));
  return {
    creator: heirs.heirOf(creator),
    admins: isOver ? [] : admins,
    members,
    removed,
    barred,
    epoch: isOver ? { ...epoch, isGood: false } : epoch,
    nextNumber: Math.max(0, ...numbers) + 1,
    inForce,
    authors,
    heirs,
  };
}

/** Every key that the room speaks of, those that decide first. */
export function mentioned(
  creator: string,
  statements: readonly Statement[],
  authors: ReadonlySet<string>,
): ReadonlySet<string> {
  const keys = new Set([creator, ...authors]);
  for (const { act, author } of statements) {
    if (!authors.has(author)) continue;
    if ('member' in act) keys.add(act.member);
    if (act.kind === 'epoch') for (const { key } of act.recipients) keys.add(key);
  }
  return keys;
}

function groupByAuthor(statements: readonly Statement[]): Map<string, Statement[]> {
  const groups = new Map<string, Statement[]>();
  for (const statement of statements) append(groups, statement.author, statement);
  for (const group of groups.values()) group.sort((a, b) => a.clock - b.clock || compare(a.hash, b.hash));
  return groups;
}

/** The highest epoch whose secret nobody knows who is out; without one the highest of all, which is then not good. */
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

  const first: EpochState = { id: tag, number: 0, isGood: removed.size === 0 };
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
