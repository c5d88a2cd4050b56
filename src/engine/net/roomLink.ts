import type { SignedRelease } from '../release/release';
import { openRelease } from '../release/release';
import { hasCode } from '../errors';
import { MAX_PAGE_ENTRIES } from '../limits';
import type { Disposable } from '../lifecycle';
import type { Logger } from '../log';
import { plainText } from '../plainText';
import { CatalogReader } from './catalogFeed';
import { PASS_OVER_MS, Paced, entryBudget } from './catalogPace';
import type { SafeChannel } from './channel';
import { heard, rumours, tellMe, type GossipMessage } from './gossip/gossipMessages';
import type { JoinedRoom } from './joinedRoom';
import { memberStatements, membersMessage, pagesOf, type MembersMessage } from './members/memberMessages';
import { MAX_STATEMENTS } from './members/roomLog';
import {
  PROTOCOL_VERSION,
  catalogDelta,
  catalogPage,
  empty,
  hello,
  rekey,
  type CatalogDelta,
  type Hello,
  type Rekey,
  type WireRelease,
} from './messages';
import { MAX_MESSAGE_STATEMENTS, statements } from './statementMessages';
import type { Turns } from './turns';

/** Named in the hello of who passes on what others offer. */
export const GOSSIP_FEATURE = 'gossip/1';
/** Statements that one peer may bring, and is told, in one room on one connection. */
export const MAX_LINK_STATEMENTS = 128;
/** Of the room itself: all that a room may have, and as many again that come to be while connected. */
const MAX_LINK_MEMBER_STATEMENTS = 2 * MAX_STATEMENTS;

/** What happens on a link, told to whoever keeps the rooms. */
export interface RoomLinkEvents {
  onHello(link: RoomLink): void;
  onSnapshot(link: RoomLink, entries: readonly SignedRelease[]): void;
  onDelta(link: RoomLink, add: readonly SignedRelease[], remove: readonly string[]): void;
  onRekey(link: RoomLink, message: Rekey): void;
  /** The peer proved a secret that only leads to a room. */
  onLead(link: RoomLink): void;
  onMembers(link: RoomLink, message: MembersMessage): void;
  /** Bytes that nobody has checked yet. */
  onMemberStatements(link: RoomLink, list: readonly Uint8Array[]): void;
  /** Bytes that nobody has checked yet. */
  onStatements?(link: RoomLink, list: readonly Uint8Array[]): void;
  /** What the peer says of others, in a room that everybody can be in. */
  onGossip?(link: RoomLink, message: GossipMessage): void;
}

export interface RoomLinkParts {
  readonly room: JoinedRoom;
  readonly peerKey: string;
  readonly channel: SafeChannel;
  readonly myName: () => string;
  /** Where lists wait for the check of their signatures. */
  readonly turns: Turns;
  readonly events: RoomLinkEvents;
  readonly log: Logger;
}

/** One room shared with one peer: both catalogs, one told and one heard. Says nothing before `start`. */
export class RoomLink {
  readonly room: JoinedRoom;
  readonly peerKey: string;
  /** What the peer calls itself, made one harmless line; empty until it said so. */
  name = '';
  isProven = false;
  /** Whether the peer takes part in gossip. */
  gossips = false;
  readonly #reader = new CatalogReader();
  readonly #entries = entryBudget();
  /** Set while the peer is passed over. */
  #later: NodeJS.Timeout | undefined;
  readonly #telling = new Paced(() => this.#tellAllNow());
  #statementsHeard = 0;
  #statementsTold = 0;
  #memberStatementsHeard = 0;
  readonly #send;
  #following: Disposable | undefined;

  constructor(private readonly parts: RoomLinkParts) {
    this.room = parts.room;
    this.peerKey = parts.peerKey;
    const { channel } = parts;
    // The order is the protocol: types are numbered from 0, and later ones are added at the end.
    this.#send = {
      hello: channel.message({ encoding: hello, onMessage: (m) => this.#onHello(m) }),
      page: channel.message({ encoding: catalogPage, onMessage: (m) => this.#onPage(m) }),
      delta: channel.message({ encoding: catalogDelta, onMessage: (m) => this.#onDelta(m) }),
      resync: channel.message({ encoding: empty, onMessage: () => this.#tellAll() }),
      rekey: channel.message({
        encoding: rekey,
        onMessage: (m) => this.#ifProven(() => parts.events.onRekey(this, m)),
      }),
      statements: channel.message({ encoding: statements, onMessage: (m) => this.#onStatements(m) }),
      members: channel.message({
        encoding: membersMessage,
        onMessage: (m) => this.#ifTold(() => parts.events.onMembers(this, m)),
      }),
      memberStatements: channel.message({ encoding: memberStatements, onMessage: (m) => this.#onMemberStatements(m) }),
      heard: channel.message({ encoding: heard, onMessage: (m) => this.#onGossip({ kind: 'heard', ...m }) }),
      tellMe: channel.message({ encoding: tellMe, onMessage: (m) => this.#onGossip({ kind: 'tellMe', ...m }) }),
      rumours: channel.message({ encoding: rumours, onMessage: (m) => this.#onGossip({ kind: 'rumours', ...m }) }),
    };
  }

  /** The peer proved that it belongs to the room: now we may speak. */
  start(): void {
    this.isProven = true;
    const { room } = this.parts;
    if (room.lead) {
      this.parts.events.onLead(this);
      return;
    }
    this.#send.hello({
      version: PROTOCOL_VERSION,
      features: room.kind === 'general' ? [GOSSIP_FEATURE] : [],
      name: this.parts.myName(),
      epoch: room.feed.epoch,
      seq: room.feed.seq,
      seenEpoch: this.#reader.epoch,
      seenSeq: this.#reader.seq,
      ...ownerOf(room),
    });
    this.sendMembers();
  }

  /** Tells who made the room and which statements we have. */
  sendMembers(): void {
    const introduction = this.isProven ? this.room.introduction() : undefined;
    if (introduction) this.#send.members(introduction);
  }

  /** Tells what admins signed about the room. */
  sendMemberStatements(list: readonly Uint8Array[]): void {
    if (this.isProven) for (const page of pagesOf(list)) this.#send.memberStatements(page);
  }

  sendRekey(message: Rekey): void {
    this.#send.rekey(message);
  }

  /** Tells what authors said of their keys, as far as one peer may be told. */
  sendStatements(list: readonly Uint8Array[]): void {
    this.#ifProven(() => {
      const told = list.slice(0, MAX_LINK_STATEMENTS - this.#statementsTold);
      this.#statementsTold += told.length;
      for (let at = 0; at < told.length; at += MAX_MESSAGE_STATEMENTS)
        this.#send.statements(told.slice(at, at + MAX_MESSAGE_STATEMENTS));
    });
  }

  sendGossip(message: GossipMessage): void {
    if (!this.isProven) return;
    if (message.kind === 'heard') this.#send.heard(message);
    else if (message.kind === 'tellMe') this.#send.tellMe(message);
    else this.#send.rumours(message);
  }

  /** Asks for the peer's whole list again. */
  resync(): void {
    this.#send.resync(null);
  }

  /** Leaves the room towards this peer; the peer sees it at once. */
  close(): void {
    this.parts.channel.close();
    this.end();
  }

  /** The channel is gone. */
  end(): void {
    this.isProven = false;
    this.#telling.dispose();
    clearTimeout(this.#later);
    this.#following?.dispose();
    this.#following = undefined;
  }

  #onHello(message: Hello): void {
    this.#ifProven(() => {
      this.name = plainText(message.name);
      const { room } = this.parts;
      this.gossips = room.kind === 'general' && message.features.includes(GOSSIP_FEATURE);
      if (message.owner) this.#learnOwner(message.owner.key, message.owner.nonce);
      const tail = room.feed.since(message.seenEpoch, message.seenSeq);
      if (tail) for (const delta of tail) this.#send.delta(delta);
      else this.#tellAll();
      this.#following ??= room.feed.onDidChange((delta) => void this.#send.delta(delta));
      this.parts.events.onHello(this);
    });
  }

  #tellAll(): void {
    this.#ifProven(() => this.#telling.ask());
  }

  #tellAllNow(): void {
    this.#ifProven(() => {
      for (const page of this.parts.room.feed.snapshot()) this.#send.page(page);
    });
  }

  #onPage(message: Parameters<CatalogReader['page']>[0]): void {
    this.#ifProven(() => {
      if (!this.#mayBring(message.add.length)) return;
      const whole = this.#reader.page(message);
      if (whole) this.#open(whole, (entries) => this.parts.events.onSnapshot(this, entries));
    });
  }

  #onDelta(message: CatalogDelta): void {
    this.#ifProven(() => {
      if (!this.#reader.accepts(message)) {
        this.#send.resync(null);
        return;
      }
      if (!this.#mayBring(message.add.length + message.remove.length)) return;
      const remove = message.remove.map((id) => Buffer.from(id).toString('hex'));
      this.#open(message.add, (add) => this.parts.events.onDelta(this, add, remove));
    });
  }

  /** What is too much is passed over: checking signatures is our work, and the rest comes with another connection. */
  #onStatements(list: readonly Uint8Array[]): void {
    this.#ifProven(() => {
      const heard = list.slice(0, MAX_LINK_STATEMENTS - this.#statementsHeard);
      this.#statementsHeard += heard.length;
      if (heard.length > 0) this.parts.events.onStatements?.(this, heard);
    });
  }

  #onGossip(message: GossipMessage): void {
    this.#ifProven(() => {
      if (this.gossips) this.parts.events.onGossip?.(this, message);
    });
  }

  /** Whoever changes faster than anybody shares is passed over for a while, and asked for the whole list then. */
  #mayBring(entries: number): boolean {
    if (this.#later) return false;
    if (this.#entries.spend(entries)) return true;
    this.#later = setTimeout(() => {
      this.#later = undefined;
      this.#ifProven(() => this.resync());
    }, PASS_OVER_MS);
    this.#later.unref();
    return false;
  }

  #onMemberStatements(list: readonly Uint8Array[]): void {
    this.#ifTold(() => {
      this.#memberStatementsHeard += list.length;
      if (this.#memberStatementsHeard <= MAX_LINK_MEMBER_STATEMENTS) this.parts.events.onMemberStatements(this, list);
    });
  }

  #learnOwner(creator: Uint8Array, nonce: Uint8Array): void {
    const isNew = !this.room.circle.log;
    this.room.learnOrigin({ creator: Buffer.from(creator), nonce: Buffer.from(nonce) }, undefined);
    if (isNew) this.sendMembers(); // Now we can say what we lack.
  }

  /** What also counts where a secret only leads to the room. */
  #ifTold(work: () => void): void {
    if (this.isProven && !this.parts.channel.isClosed) work();
  }

  /** Messages may arrive in the packet that carried a wrong proof. */
  #ifProven(work: () => void): void {
    if (this.isProven && !this.parts.channel.isClosed && !this.parts.room.lead) work();
  }

  /** Checks signatures, a page in a turn, and hands on what is good in one more. */
  #open(entries: readonly WireRelease[], then: (opened: readonly SignedRelease[]) => void): void {
    const opened: SignedRelease[] = [];
    const inTurn = (work: () => void): void =>
      this.parts.turns.take(() => this.parts.channel.resume(() => this.#ifProven(work)));
    for (let at = 0; at < entries.length; at += MAX_PAGE_ENTRIES)
      inTurn(() => void opened.push(...this.#openNow(entries.slice(at, at + MAX_PAGE_ENTRIES))));
    inTurn(() => then(opened));
  }

  #openNow(entries: readonly WireRelease[]): SignedRelease[] {
    return entries.flatMap((entry) => {
      try {
        return [openRelease(entry.payload, entry.signature, entry.authorKey)];
      } catch (error) {
        // One bad entry must not hide the good ones; a later version may also allow what we refuse.
        if (!hasCode(error, 'RELEASE_INVALID')) throw error;
        this.parts.log.debug(`peer ${this.peerKey.slice(0, 8)}: ${error.message}`);
        return [];
      }
    });
  }
}

/** For peers that know of no epochs: in the first one, creator and nonce are all that there is to show. */
function ownerOf({ circle, epochNonce, kind }: JoinedRoom): Pick<Hello, 'owner'> {
  const origin = kind === 'private' && !epochNonce ? circle.log?.origin : undefined;
  return origin ? { owner: { key: origin.creator, nonce: origin.nonce } } : {};
}
