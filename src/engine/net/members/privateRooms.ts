import type { KeyPair } from 'hypercore-crypto';
import { LoraSwarmError } from '../../errors';
import type { Event } from '../../events';
import type { Disposable } from '../../lifecycle';
import type { Logger } from '../../log';
import { REVOCATION } from '../../identity/statements';
import type { NetworkMode, RoomState } from '../../state';
import type { JoinedRoom } from '../joinedRoom';
import { allowsRoom, reachesOutside } from '../networkMode';
import type { PeerBook, PeerBookEvents } from '../peerBook';
import { makeJoined, makePrivate, type BookEntry } from '../roomBook';
import { parseRoomCode } from '../roomCode';
import type { StatementTalk } from '../roomsParts';
import type { Swarm } from '../swarm';
import { metSomebody } from './awaitRoom';
import { Doors, type Welcome } from './doors';
import { isJoinCode, parseJoinCode } from './joinCode';
import type { KeptRoom, RoomHost } from './keptRoom';
import { People } from './people';
import { RoomKeeper } from './roomKeeper';
import type { RoomLog } from './roomLog';

/** A fresh announcement takes seconds to be found, and a machine that was woken for it some more. */
const WAIT_MS = 60_000;

export interface JoinOptions {
  readonly label?: string | undefined;
  readonly waitMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PrivateRoomsHost<K extends KeptRoom> extends RoomHost<K> {
  /** @throws {LoraSwarmError} `ROOM_UNKNOWN` */
  find(name: string): K;
  /** @returns its id. */
  join(entry: BookEntry, label: string): string;
  rename(known: K, label: string): void;
  leave(id: string): void;
  /** Somebody nearby may be who is looked for. */
  meetNearby(): Promise<unknown>;
  tidyNearby(): void;
  onChange(): void;
  readonly onDidChange: Event<void>;
}

export interface PrivateRoomsParts<K extends KeptRoom> {
  readonly keyPair: KeyPair;
  readonly swarm: Swarm;
  readonly peers: () => PeerBook;
  readonly host: PrivateRoomsHost<K>;
  readonly mode: () => NetworkMode;
  readonly myName: () => string;
  /** What authors stated of their keys, in bytes that were checked. */
  readonly statements?: Pick<StatementTalk, 'all'> | undefined;
  readonly uriScheme: string;
  readonly log: Logger;
}

/** What private rooms are beyond others: statements of admins, one-time codes, and the ways in. */
export class PrivateRooms<K extends KeptRoom> implements Disposable {
  readonly people: People<K>;
  readonly events: Pick<PeerBookEvents, 'onRekey' | 'onLead' | 'onMembers' | 'onMemberStatements'>;
  readonly #keeper: RoomKeeper<K>;
  readonly #doors: Doors;
  #keyStatements: readonly Uint8Array[] = [];
  #revoked: ReadonlySet<string> = new Set();

  constructor(private readonly parts: PrivateRoomsParts<K>) {
    const { keyPair: keys, swarm, peers, host, mode, myName, uriScheme, log } = parts;
    const keeper = new RoomKeeper<K>({
      keys,
      peers,
      host,
      keyStatements: () => this.#keyStatements,
      onChange: () => host.onChange(),
      log,
    });
    const doors = new Doors({
      swarm,
      peers,
      mayUseDht: () => reachesOutside(mode()),
      onGuest: (roomId, invite, link) => {
        const known = [...host.list()].find(({ entry }) => entry.room.id === roomId);
        return known !== undefined && this.people.onGuest(known, invite, link);
      },
    });
    const remember = (known: K): void => {
      host.remember(known);
      host.onChange();
    };
    const find = (name: string): K => host.find(name);
    this.people = new People<K>({ keys, keeper, doors, peers, find, remember, myName, uriScheme });
    this.events = {
      onRekey: (link, message) => {
        if (!keeper.onRekey(link, message))
          throw new LoraSwarmError('MESSAGE_INVALID', 'A peer named a new secret for a room without its owner.');
      },
      onLead: (link) => {
        keeper.onLead(link);
        doors.onLead(link);
      },
      onMembers: (link, message) => {
        if (!doors.onMembers(link, message)) keeper.onMembers(link, message);
      },
      onMemberStatements: (link, list) => {
        if (!doors.onMemberStatements(link, list)) keeper.onMemberStatements(link, list);
      },
    };
    this.#keeper = keeper;
    this.#doors = doors;
    this.#readKeys();
  }

  /** What peers may prove that leads to a room. */
  rooms(): Iterable<JoinedRoom> {
    return this.#doors.rooms();
  }

  /** The room was switched on. */
  open(known: K): void {
    known.entry.room.circle.revoked = this.#revoked;
    this.#keeper.catchUp(known);
    if (!known.active) return;
    this.#doors.open(known);
    this.welcome(known);
  }

  /** Something new is known of somebody's key: who lost it is cut off everywhere, at once. */
  onKeyStatements(): void {
    this.#readKeys();
    for (const known of this.parts.host.list()) {
      const { room } = known.entry;
      if (room.kind !== 'private') continue;
      room.circle.revoked = this.#revoked;
      if (known.active) this.parts.peers().sift([known.active.room, ...known.active.retired]);
      this.#keeper.catchUp(known);
    }
  }

  /** Why nobody of this room talks to us any more, as far as it is known. */
  endOf(known: KeptRoom): RoomState['ended'] {
    return this.#keeper.endOf(known);
  }

  #readKeys(): void {
    this.#keyStatements = this.parts.statements?.all() ?? [];
    const revoked = this.#keyStatements.filter((bytes) => bytes[0] === REVOCATION);
    this.#revoked = new Set(revoked.map((bytes) => Buffer.from(bytes.subarray(1, 33)).toString('hex')));
  }

  /** It was left or switched off. */
  close(known: K): void {
    this.#doors.close(known);
  }

  /** Somebody proved it. */
  welcome(known: K): void {
    this.#keeper.welcome(known);
  }

  isAdmin(known: KeptRoom): boolean {
    return this.#keeper.isAdmin(known);
  }

  /** @throws {LoraSwarmError} `ROOM_CODE_INVALID` */
  joinCode(code: string, label?: string): string {
    const room = makePrivate(parseRoomCode(code));
    // A room whose secret changed keeps its first id here, so it is known by its present secret.
    const known = this.#knownBySecret(room.secret!);
    if (known && label) this.parts.host.rename(known, label);
    return this.parts.host.join(known?.entry ?? { room, past: [] }, known?.label ?? label ?? nameless(room));
  }

  /** @throws {LoraSwarmError} `ROOM_CODE_INVALID`, `ROOM_NOT_FOUND`, `NETWORK_OFF` */
  async joinAndWait(code: string, { label, waitMs = WAIT_MS, signal }: JoinOptions): Promise<string> {
    if (isJoinCode(code)) return this.#enter(await this.#visit(parseJoinCode(code), { waitMs, signal }), label);
    const { host, peers } = this.parts;
    const isNew = !this.#knownBySecret(parseRoomCode(code));
    const id = this.joinCode(code, label);
    try {
      await metSomebody(host, () => peers().count(id) > 0, { waitMs, signal });
    } catch (error) {
      if (isNew) host.leave(id);
      throw error;
    }
    return id;
  }

  dispose(): void {
    this.#doors.dispose();
  }

  async #visit(secret: Buffer, options: { waitMs: number; signal: AbortSignal | undefined }): Promise<Welcome> {
    const { keyPair, mode, host, log } = this.parts;
    if (!allowsRoom(mode(), 'private'))
      throw new LoraSwarmError('NETWORK_OFF', 'The network mode allows no private rooms. Change it to join one.');
    const me = keyPair.publicKey.toString('hex');
    const isWelcome = (said: RoomLog): boolean => said.view.members.has(me) && said.keyFor(keyPair) !== undefined;
    const welcome = this.#doors.visit(secret, isWelcome, options);
    host.meetNearby().catch((error: unknown) => log.debug(`local network: ${String(error)}`));
    return welcome.finally(() => host.tidyNearby());
  }

  /** Takes up what a one-time code gave. */
  #enter({ log, inviter }: Welcome, label: string | undefined): string {
    const { host, keyPair, peers } = this.parts;
    const key = log.keyFor(keyPair)!;
    const known = this.#knownBySecret(key.secret) ?? this.#knownBy(({ circle }) => circle.log?.tag.equals(log.tag));
    if (known) {
      known.entry.room.learnOrigin(log.origin, key.nonce);
      this.#keeper.hear(known, log.statements);
      if (label) host.rename(known, label);
    }
    const entry = known?.entry ?? { room: makeJoined(log, key), past: [] };
    const { circle } = entry.room;
    if (!circle.trust.has(inviter)) circle.trust.set(inviter, 'invite');
    if (!circle.names.has(inviter)) circle.names.set(inviter, '');
    const id = host.join(entry, known?.label ?? label ?? nameless(entry.room));
    const joined = this.#knownBy((room) => room.id === id);
    if (joined) host.remember(joined);
    if (joined?.active) peers().get(inviter)?.ask(joined.active.room);
    return id;
  }

  #knownBySecret(secret: Buffer): K | undefined {
    return this.#knownBy((room) => room.secret?.equals(secret));
  }

  #knownBy(fits: (room: JoinedRoom) => boolean | undefined): K | undefined {
    return [...this.parts.host.list()].find(({ entry }) => fits(entry.room));
  }
}

function nameless({ id }: JoinedRoom): string {
  return `Room ${id.slice(0, 4)}`;
}
