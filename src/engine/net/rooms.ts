import { LoraSwarmError } from '../errors';
import { Emitter } from '../events';
import { DisposableStore, Resource, type Disposable } from '../lifecycle';
import { plainText } from '../plainText';
import type { RoomKind, RoomState } from '../state';
import type { RoomInvite, RoomMember } from '../wishes';
import { ActiveRoom } from './activeRoom';
import { AdapterTopics } from './adapterTopics';
import { Crowd } from './gossip/crowd';
import { HolderSearch } from './holderSearch';
import type { JoinedRoom } from './joinedRoom';
import { LocalNetwork } from './lan/localNetwork';
import type { People } from './members/people';
import { PrivateRooms, type JoinOptions } from './members/privateRooms';
import { allowsRoom, reachesOutside } from './networkMode';
import { PeerBook } from './peerBook';
import { makeGeneral, makeLocal, makeOwn, readRoom, writeRoom, type BookEntry } from './roomBook';
import { makeRoomSecret } from './roomCode';
import { generalKeys } from './roomKeys';
import { roomMark } from './roomMark';
import type { RoomsParts } from './roomsParts';

const GENERAL = 'general';
const MAX_ROOMS = 64;
/** A peer needs a moment to learn the next secret before it can answer for it. */
const ASK_AGAIN_MS = [300, 1_000, 3_000];

interface KnownRoom {
  entry: BookEntry;
  label: string;
  active: ActiveRoom | undefined;
  /** Remembered, but not switched on before the user joins it again. */
  isOff: boolean;
}

/** The rooms that the user joined: remembered, rejoined at start, and switched on as far as the network mode allows. */
export class Rooms extends Resource {
  readonly #changed = this.owned.add(new Emitter<void>());
  readonly onDidChange = this.#changed.event;
  readonly #rooms = new Map<string, KnownRoom>();
  readonly #adapters: AdapterTopics;
  readonly peers: PeerBook;
  readonly #private: PrivateRooms<KnownRoom>;
  readonly #nearby: LocalNetwork;
  readonly #crowd: Crowd;
  #reachesOutside: boolean;

  constructor(private readonly parts: RoomsParts) {
    super();
    const { swarm, host, log } = parts;
    this.#adapters = new AdapterTopics(swarm, parts.offers);
    this.#nearby = new LocalNetwork({ swarm, key: parts.keyPair.publicKey, host, rooms: () => this.#allRooms(), log });
    this.#reachesOutside = reachesOutside(parts.mode());
    this.#crowd = new Crowd({
      keys: parts.keyPair,
      room: generalKeys().topic,
      isHere: (key) => this.peers.get(key)?.isIn(GENERAL) === true,
      onList: (key, entries) => parts.events.onSnapshot(GENERAL, key, entries),
      onGone: (key) => parts.events.onGone(GENERAL, key),
      log,
    });
    this.#private = new PrivateRooms<KnownRoom>({
      ...parts,
      peers: () => this.peers,
      host: {
        list: () => this.#rooms.values(),
        find: (name) => this.#find(name),
        remember: (known) => this.#remember(known),
        move: (known, entry) => this.#move(known, entry),
        rest: (known) => this.#rest(known),
        join: (entry, label) => this.#join(entry, label),
        rename: (known, label) => this.#rename(known, label),
        leave: (id) => void this.leave(id),
        meetNearby: () => this.#nearby.meet(),
        tidyNearby: () => this.#nearby.tidy(),
        onChange: () => this.#changed.fire(),
        onDidChange: this.onDidChange,
      },
    });
    this.peers = new PeerBook({
      swarm: parts.swarm,
      strikes: parts.strikes,
      lanes: parts.lanes,
      rooms: () => this.#allRooms(),
      roomOf: (topic) => this.#roomOfTopic(topic),
      myName: parts.myName,
      crowd: this.#crowd,
      statements: (roomId) => parts.statements?.toldIn(roomId) ?? [],
      events: {
        ...parts.events,
        onStatements: (roomId, peerKey, list) => {
          const fresh = parts.statements?.hear(roomId, list).map(({ bytes }) => bytes) ?? [];
          this.#tellStatements(roomId, fresh, peerKey);
        },
        ...this.#private.events,
        onChange: () => this.#changed.fire(),
      },
      log: parts.log,
    });
  }

  /** Reads the remembered rooms and switches on those that were joined. Waits for no network. */
  protected override _open(): Promise<void> {
    const { statements } = this.parts;
    if (statements) this.owned.add(statements.onDidChange(() => this.#private.onKeyStatements()));
    const isQuiet = !this.parts.joinAtStart();
    this.owned.add(this.parts.swarm.onDidConnect((connection) => this.peers.enter(connection)));
    for (const record of this.parts.memory.list()) {
      const entry = readRoom(record.kind, record.id, record.data);
      if (!entry) this.parts.log.warn(`room ${record.id} can't be read and was left out`);
      else if (record.isJoined) this.#add({ entry, label: record.label, active: undefined, isOff: isQuiet });
    }
    return Promise.resolve();
  }

  protected async _close(): Promise<void> {
    for (const known of this.#rooms.values()) {
      known.active?.dispose();
      if (known.entry.room.kind === 'private') this.#remember(known); // When each member was last here.
    }
    this.#private.dispose();
    this.#crowd.dispose();
    this.#adapters.dispose();
    this.peers.close();
    await this.#nearby.close();
  }

  /** What can be done about the people of private rooms. */
  get people(): People<KnownRoom> {
    return this.#private.people;
  }

  states(adapters: (roomId: string) => number): RoomState[] {
    return [...this.#rooms.values()].map((known) => this.#stateOf(known, adapters));
  }

  #stateOf(known: KnownRoom, adapters: (roomId: string) => number): RoomState {
    const { entry, label, active } = known;
    const { room } = entry;
    const ended = this.#private.endOf(known);
    return {
      id: room.id,
      kind: room.kind,
      label,
      phase: this.#phaseOf(room.id, active),
      peers: this.peers.count(room.id),
      adapters: adapters(room.id),
      isOwner: room.isOwnedBy(this.parts.keyPair.publicKey),
      isAdmin: this.#private.isAdmin(known),
      isUnmet: room.kind === 'private' && room.members.size === 0 && !room.isOwnedBy(this.parts.keyPair.publicKey),
      ...(ended === undefined ? {} : { ended }),
      downloadLimit: this.parts.limitsOf?.(room.id).download ?? 0,
      uploadLimit: this.parts.limitsOf?.(room.id).upload ?? 0,
    };
  }

  /** Ids of the joined rooms that these ids or labels name. @throws {LoraSwarmError} `ROOM_UNKNOWN` */
  resolve(names: readonly string[]): string[] {
    return names.map((name) => this.#find(name).entry.room.id);
  }

  /** See `roomMark`; undefined where it can't be known. */
  markOf(roomId: string, contentId: string): string | undefined {
    const room = this.#rooms.get(roomId)?.entry.room;
    return room && roomMark(room, contentId);
  }

  get ids(): string[] {
    return [...this.#rooms.keys()];
  }

  kindOf(roomId: string): RoomKind | undefined {
    return this.#rooms.get(roomId)?.entry.room.kind;
  }

  labelOf(roomId: string): string {
    return this.#rooms.get(roomId)?.label ?? roomId;
  }

  joinGeneral(): string {
    return this.#join({ room: makeGeneral(), past: [] }, 'General');
  }

  joinLocal(): string {
    return this.#join({ room: makeLocal(), past: [] }, 'Local network');
  }

  /** Goes to a room and waits for nobody. @throws {LoraSwarmError} `ROOM_CODE_INVALID` */
  joinCode(code: string, label?: string): string {
    return this.#private.joinCode(code, label);
  }

  /**
   * Joins by a one-time code, or by the code of a room and waits until somebody of it is met.
   *
   * @throws {LoraSwarmError} `ROOM_CODE_INVALID`; `ROOM_NOT_FOUND` when nobody answers in time, whatever the reason.
   */
  joinAndWait(code: string, options: JoinOptions = {}): Promise<string> {
    return this.#private.joinAndWait(code, options);
  }

  create(label?: string): RoomInvite {
    const creator = this.parts.keyPair.publicKey;
    const { secret, nonce } = makeRoomSecret(creator);
    const room = makeOwn({ creator, nonce }, secret);
    return this.invite(this.#join({ room, past: [] }, label ?? `Room ${room.id.slice(0, 4)}`));
  }

  /** @throws {LoraSwarmError} `ROOM_UNKNOWN` */
  leave(name: string): string {
    const known = this.#find(name);
    const { id } = known.entry.room;
    this.#deactivate(known);
    this.#rooms.delete(id);
    this.parts.memory.remove(id);
    this.#nearby.tidy();
    this.parts.events.onHappen({ type: 'room:left', room: id });
    this.#changed.fire();
    return id;
  }

  invite(name: string): RoomInvite {
    return this.people.invite(name);
  }

  members(name: string): RoomMember[] {
    return this.people.members(name);
  }

  removeMember(name: string, peer: string): RoomInvite {
    return this.people.remove(name, peer);
  }

  /** Tells every room what is offered there now. */
  refreshOffers(): void {
    for (const { active } of this.#rooms.values()) if (active) this.#tellOffers(active.room);
    this.#announce();
  }

  /** Tells everybody in every room what the user states of a key. */
  tellStatement(statement: Uint8Array): void {
    for (const roomId of this.#rooms.keys()) this.#tellStatements(roomId, [statement]);
  }

  /**
   * Looks for holders of one adapter while it is being fetched.
   *
   * @param roomIds where to look. @param holders who is said to offer it in the general room, hex.
   */
  seek(contentId: string, roomIds: readonly string[], holders: () => readonly string[]): Disposable {
    const owned = new DisposableStore();
    for (const id of roomIds) {
      const room = this.#rooms.get(id)?.active?.room;
      if (!room) continue;
      owned.add(this.#adapters.seek(room, contentId));
      const { swarm } = this.parts;
      const isHere = (key: string): boolean => this.peers.get(key)?.isIn(id) === true;
      if (room.kind === 'general') owned.add(new HolderSearch({ swarm, topic: room.keys.topic, holders, isHere }));
    }
    return owned;
  }

  /** Looks for peers again, everywhere. */
  refresh(): void {
    for (const { active } of this.#rooms.values()) active?.refresh();
    this.#nearby.refresh();
  }

  /** The bootstrap nodes changed: ends every connection and joins the rooms anew. */
  async restart(): Promise<void> {
    for (const known of this.#rooms.values()) this.#deactivate(known);
    this.#nearby.tidy();
    await this.parts.swarm.stop();
    this.applyMode();
  }

  /** The network mode changed: switches rooms on and off. */
  applyMode(): void {
    const mode = this.parts.mode();
    if (reachesOutside(mode) !== this.#reachesOutside) {
      // A node that knows the world is not kept from it, and one that does not can't learn it.
      this.#reachesOutside = reachesOutside(mode);
      void this.restart();
      return;
    }
    for (const known of this.#rooms.values()) {
      const isAllowed = allowsRoom(mode, known.entry.room.kind);
      if (!isAllowed) this.#deactivate(known);
      else if (!known.active && !known.isOff) this.#activate(known);
    }
    this.#nearby.tidy();
    this.#changed.fire();
  }

  #tellOffers(room: JoinedRoom): void {
    const offers = this.parts.offers(room.id);
    room.feed.set(offers);
    if (room.kind === 'general') this.#crowd.setOwn(offers);
  }

  #tellStatements(roomId: string, list: readonly Uint8Array[], butKey?: string): void {
    if (list.length === 0) return;
    for (const peer of this.peers.in(roomId)) if (peer.key !== butKey) peer.links.get(roomId)?.sendStatements(list);
  }

  #join(entry: BookEntry, label: string): string {
    const { room } = entry;
    const before = this.#rooms.get(room.id);
    if (before) {
      before.isOff = false;
      if (!before.active && this.#isAllowed(room.kind)) this.#activate(before);
      return room.id;
    }
    if (this.#rooms.size >= MAX_ROOMS)
      throw new LoraSwarmError('USAGE', `You are in ${MAX_ROOMS} rooms. Leave one first.`);
    const known: KnownRoom = {
      entry,
      label: this.#freeLabel(plainText(label, 64) || room.id),
      active: undefined,
      isOff: false,
    };
    this.#remember(known);
    this.#add(known);
    this.parts.events.onHappen({ type: 'room:joined', room: room.id, kind: room.kind, label: known.label });
    return room.id;
  }

  #rename(known: KnownRoom, label: string): void {
    known.label = this.#freeLabel(plainText(label, 64) || known.label);
    this.#remember(known);
    this.#changed.fire();
  }

  /** Labels name rooms on the command line, so each is there once. */
  #freeLabel(label: string): string {
    const taken = new Set([...this.#rooms.values()].map((known) => known.label));
    if (!taken.has(label)) return label;
    for (let i = 2; ; i++) if (!taken.has(`${label} ${i}`)) return `${label} ${i}`;
  }

  #add(known: KnownRoom): void {
    const { room } = known.entry;
    this.#rooms.set(room.id, known);
    this.owned.add(
      room.onDidChange(() => {
        this.#remember(known);
        if (known.entry.room === room) this.#private.welcome(known);
      }),
    );
    if (!known.isOff && this.#isAllowed(room.kind)) this.#activate(known);
    this.#changed.fire();
  }

  #activate(known: KnownRoom): void {
    const { room } = known.entry;
    if (room.kind === 'general') this.#crowd.open();
    this.#tellOffers(room);
    known.active = new ActiveRoom(known.entry, {
      swarm: this.parts.swarm,
      meetNearby: () => this.#nearby.meet(),
      mayUseDht: reachesOutside(this.parts.mode()),
      peers: (id) => this.peers.count(id),
      strangers: (count) => this.#crowd.strangers(count),
      key: this.parts.keyPair.publicKey,
      onPhase: () => this.#changed.fire(),
      log: this.parts.log,
    });
    for (const each of [room, ...known.active.retired]) this.peers.addRoom(each);
    if (room.kind === 'private') this.#private.open(known);
    this.#announce();
  }

  #deactivate(known: KnownRoom): void {
    const { active } = known;
    if (!active) return;
    known.active = undefined;
    active.dispose();
    this.#private.close(known);
    this.#adapters.drop(active.room);
    for (const room of [active.room, ...active.retired]) this.peers.leaveRoom(room);
    if (active.room.kind === 'general') this.#crowd.close();
  }

  #rest(known: KnownRoom): void {
    known.isOff = true;
    this.#deactivate(known);
  }

  /** The room has another secret now: leaves the old one, and asks those who stayed for the new one. */
  #move(known: KnownRoom, entry: BookEntry): void {
    const { room: old } = known.entry;
    const stayed = this.peers.in(old.id).filter((peer) => entry.room.mayEnter(peer.key));
    this.#deactivate(known);
    known.entry = entry;
    this.#remember(known);
    this.#add(known);
    for (const ms of [0, ...ASK_AGAIN_MS]) {
      const ask = (): void => stayed.forEach((peer) => peer.isInitiator && known.active && peer.ask(known.active.room));
      const timer = setTimeout(ask, ms);
      timer.unref();
      this.owned.add({ dispose: () => clearTimeout(timer) });
    }
  }

  #remember({ entry, label }: KnownRoom): void {
    const { id, kind } = entry.room;
    this.parts.memory.put({ id, kind, label, isJoined: true, data: writeRoom(entry) });
  }

  #find(name: string): KnownRoom {
    const known =
      this.#rooms.get(name) ??
      [...this.#rooms.values()].find((each) => each.label.toLowerCase() === name.toLowerCase());
    if (known) return known;
    throw new LoraSwarmError(
      'ROOM_UNKNOWN',
      `You are in no room "${name}". Join it first, or look at the list of your rooms.`,
    );
  }

  #isAllowed(kind: RoomKind): boolean {
    return allowsRoom(this.parts.mode(), kind);
  }

  /** Who has peers is not offline, whichever way they were found. */
  #phaseOf(roomId: string, active: ActiveRoom | undefined): RoomState['phase'] {
    return this.peers.count(roomId) > 0 ? 'joined' : (active?.phase ?? 'offline');
  }

  *#allRooms(): Iterable<JoinedRoom> {
    for (const { active } of this.#rooms.values()) {
      if (active) yield* [active.room, ...active.retired];
    }
    yield* this.#private.rooms();
  }

  #roomOfTopic(topic: Buffer): JoinedRoom | undefined {
    for (const room of this.#allRooms()) if (room.keys.topic.equals(topic)) return room;
    return this.#adapters.roomOf(topic);
  }

  #announce(): void {
    this.#adapters.announce([...this.#rooms.values()].flatMap(({ active }) => (active ? [active.room] : [])));
  }
}
