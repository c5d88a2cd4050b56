import type { Logger } from '../log';
import type { SignedRelease } from '../release/release';
import type { PeerState } from '../state';
import type { EngineEvent } from '../wishes';
import { Admission, type Candidate, type StrikeMemory } from './admission';
import type { Crowd } from './gossip/crowd';
import type { JoinedRoom } from './joinedRoom';
import type { Lanes } from './lane/lanes';
import type { MembersMessage } from './members/memberMessages';
import type { Rekey } from './messages';
import { Peer, type PeerEvents } from './peer';
import type { RoomLink } from './roomLink';
import type { Connection, Swarm } from './swarm';
import type { TransferChannel } from './transferChannel';
import { Turns } from './turns';

/** The one reason that only a liar gives: its bytes do not hash to what it offered. */
const LIE = 'badData';

export interface PeerBookEvents {
  onSnapshot(roomId: string, peerKey: string, entries: readonly SignedRelease[]): void;
  onDelta(roomId: string, peerKey: string, add: readonly SignedRelease[], remove: readonly string[]): void;
  /** The peer offers nothing in this room any more. */
  onGone(roomId: string, peerKey: string): void;
  /** Chunks can be asked of, and served to, this peer. */
  onTransfer(channel: TransferChannel): void;
  onRekey(link: RoomLink, message: Rekey): void;
  onLead(link: RoomLink): void;
  onMembers(link: RoomLink, message: MembersMessage): void;
  onMemberStatements(link: RoomLink, list: readonly Uint8Array[]): void;
  onHappen(event: EngineEvent): void;
  onChange(): void;
  /** What authors stated of their keys, as a peer says. Nobody has checked it yet. */
  onStatements?(roomId: string, peerKey: string, list: readonly Uint8Array[]): void;
}

export interface PeerBookParts {
  readonly swarm: Swarm;
  readonly lanes: Lanes | undefined;
  readonly strikes?: StrikeMemory | undefined;
  readonly rooms: () => Iterable<JoinedRoom>;
  readonly roomOf: (topic: Buffer) => JoinedRoom | undefined;
  readonly myName: () => string;
  /** What a peer of this room is told of authors' keys. */
  readonly statements?: ((roomId: string) => readonly Uint8Array[]) | undefined;
  /** Those of the open room who are not connected. */
  readonly crowd?: Pick<Crowd, 'enter' | 'leave' | 'hear'> | undefined;
  readonly events: PeerBookEvents;
  readonly log: Logger;
}

/** The peers that are connected, by key, and who of them is in which room. */
export class PeerBook {
  readonly #peers = new Map<string, Peer>();
  readonly #all = new Set<Peer>();
  readonly #admission: Admission;
  readonly #announced = new Set<string>();
  readonly #turns = new Turns();
  readonly #events: PeerEvents;

  constructor(private readonly parts: PeerBookParts) {
    const { events, log } = parts;
    this.#admission = new Admission(parts.strikes);
    this.#events = {
      onHello: (link) => this.#onHello(link),
      onSnapshot: (link, entries) => events.onSnapshot(link.room.id, link.peerKey, entries),
      onDelta: (link, add, remove) => events.onDelta(link.room.id, link.peerKey, add, remove),
      onRekey: (link, message) => events.onRekey(link, message),
      onLead: (link) => events.onLead(link),
      onMembers: (link, message) => events.onMembers(link, message),
      onMemberStatements: (link, list) => events.onMemberStatements(link, list),
      onStatements: (link, list) => events.onStatements?.(link.room.id, link.peerKey, list),
      onGossip: (link, message) => parts.crowd?.hear(link, message),
      onProven: (peer, link) => {
        this.#admission.know(peer, link.room.kind === 'private');
        // The proof makes a member; its name comes with the hello, which a short visit may not bring.
        link.room.learnMember(peer.key, link.room.members.get(peer.key) ?? '');
        log.debug(`peer ${peer.key.slice(0, 8)}: in room ${link.room.id}`);
        this.#changed();
      },
      onLeft: (peer, link) => this.#onLeft(peer, link),
      onTransfer: (channel) => events.onTransfer(channel),
      onAway: (peer) => this.#onAway(peer),
      onStrike: (peer, reason) => {
        log.warn(`peer ${peer.key.slice(0, 8)} was sent away: ${reason}`);
        if (reason !== LIE) this.#admission.countViolation(peer.key);
        else
          this.#admission.banLiar(peer.key, (error) => log.warn(`that is not kept over a restart: ${String(error)}`));
      },
      mayJoin: (peer, room) => {
        const isLetIn = this.#admission.mayJoin(peer, room.id);
        if (!isLetIn) log.debug(`peer ${peer.key.slice(0, 8)}: too many join room ${room.id} in a minute`);
        return isLetIn;
      },
      mayGuess: (peer) => this.#admission.mayGuess(peer),
      onClosed: (peer) => this.#onClosed(peer),
    };
  }

  /** Takes a new connection in, or closes it when it may not stay. */
  enter(connection: Connection): void {
    const { stream, info } = connection;
    const candidate: Candidate = {
      key: stream.remotePublicKey.toString('hex'),
      address: stream.rawStream.remoteHost ?? undefined,
      isInbound: !stream.isInitiator,
    };
    const refusal = this.#admission.enter(candidate);
    if (refusal !== undefined) {
      this.parts.log.debug(`peer ${candidate.key.slice(0, 8)} was not let in: ${refusal}`);
      stream.destroy();
      return;
    }
    const { rooms, lanes, myName, log } = this.parts;
    const peer = new Peer({ connection, rooms, lanes, myName, turns: this.#turns, events: this.#events, log });
    this.#peers.set(peer.key, peer); // A second connection of the same key replaces the first, as in Hyperswarm.
    this.#all.add(peer);

    const ask = (topic: Buffer): void => {
      const room = this.parts.roomOf(topic);
      if (room) peer.ask(room);
    };
    info.on('topic', ask);
    stream.once('close', () => {
      info.off('topic', ask);
      this.#admission.leave(candidate);
    });
    // The side that was dialled waits: it is asked in a moment, and both asking at once only costs a round trip.
    if (peer.isInitiator) for (const topic of info.topics) ask(topic);
  }

  addRoom(room: JoinedRoom): void {
    for (const peer of this.#all) {
      peer.addRoom(room);
      // Hyperswarm tells of a topic once a connection, so a room that is joined again has to remember.
      if (peer.wasFoundFor(room.keys.topic)) peer.ask(room);
    }
  }

  /** Ends these rooms at once for everybody who may not be in them any more, and the connection where there is no other room. */
  sift(rooms: readonly JoinedRoom[]): void {
    for (const peer of this.#all) {
      const barred = rooms.filter((room) => !room.mayEnter(peer.key));
      const wasIn = barred.some((room) => peer.links.get(room.id)?.room === room);
      for (const room of barred) peer.leave(room);
      if (wasIn && peer.links.size === 0) peer.close();
    }
  }

  leaveRoom(room: JoinedRoom): void {
    for (const peer of this.#all) peer.leave(room);
  }

  /** Peers that proved this room and were heard lately. */
  in(roomId: string): Peer[] {
    return this.#shown().filter((peer) => peer.isIn(roomId));
  }

  /** Every link on which this very secret was proved, also where it only leads to a room. */
  linksOf(room: JoinedRoom): RoomLink[] {
    return [...this.#all].flatMap((peer) => {
      const link = peer.links.get(room.id);
      return link?.room === room ? [link] : [];
    });
  }

  count(roomId: string): number {
    return this.in(roomId).length;
  }

  get(key: string): Peer | undefined {
    return this.#peers.get(key);
  }

  states(adapters: (peerKey: string) => number): PeerState[] {
    return this.#shown().map((peer) => ({
      key: peer.key,
      name: peer.name,
      ...trustOf(peer),
      rooms: [...peer.links.values()].filter(({ room }) => !room.lead).map(({ room }) => room.id),
      path: peer.isLan ? 'lan' : 'direct',
      ...(peer.rttMs === undefined ? {} : { rttMs: peer.rttMs }),
      adapters: adapters(peer.key),
    }));
  }

  close(): void {
    for (const peer of this.#all) peer.close();
  }

  #shown(): Peer[] {
    return [...this.#peers.values()].filter(
      (peer) => !peer.isAway && !peer.isClosed && [...peer.links.values()].some(({ room }) => !room.lead),
    );
  }

  #onHello(link: RoomLink): void {
    link.room.learnMember(link.peerKey, link.name);
    if (link.gossips) this.parts.crowd?.enter(link, (reason) => this.#peers.get(link.peerKey)?.strike(reason));
    const known = this.parts.statements?.(link.room.id) ?? [];
    if (known.length > 0) link.sendStatements(known);
    const peer = this.#peers.get(link.peerKey);
    if (peer && !this.#announced.has(peer.key)) {
      this.#announced.add(peer.key);
      this.parts.events.onHappen({
        type: 'peer:connected',
        key: peer.key,
        name: link.name,
        rooms: [...peer.links.keys()],
      });
    }
    this.#changed();
  }

  #onLeft(peer: Peer, link: RoomLink): void {
    this.parts.crowd?.leave(link);
    const present = this.#peers.get(peer.key);
    // The same peer may have come back on another connection before the old one was seen to be gone.
    if (present !== peer && present?.isIn(link.room.id)) return;
    link.room.circle.seenAt.set(peer.key, Date.now());
    this.parts.events.onGone(link.room.id, peer.key);
    if (!present || present.links.size === 0) this.#depart(peer.key);
    this.#changed();
  }

  #onAway(peer: Peer): void {
    for (const link of peer.links.values()) {
      if (peer.isAway) this.parts.events.onGone(link.room.id, peer.key);
      else link.resync();
    }
    if (peer.isAway) this.#depart(peer.key);
    this.#changed();
  }

  #onClosed(peer: Peer): void {
    this.#all.delete(peer);
    if (this.#peers.get(peer.key) !== peer) return;
    this.#peers.delete(peer.key);
    this.#depart(peer.key);
    this.#changed();
  }

  #depart(key: string): void {
    if (this.#announced.delete(key)) this.parts.events.onHappen({ type: 'peer:disconnected', key });
  }

  #changed(): void {
    this.parts.events.onChange();
  }
}

/** What the user noted of a peer, in any room that it proved. */
function trustOf(peer: Peer): Pick<PeerState, 'petname' | 'isVerified'> {
  const circles = [...peer.links.values()].map(({ room }) => room.circle);
  const petname = circles.map(({ petnames }) => petnames.get(peer.key)).find((name) => name !== undefined);
  const isVerified = circles.some(({ trust }) => trust.has(peer.key));
  return { ...(petname === undefined ? {} : { petname }), ...(isVerified ? { isVerified } : {}) };
}
