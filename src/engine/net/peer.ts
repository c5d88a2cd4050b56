import { inspect } from 'node:util';
import type Protomux from 'protomux';
import { LoraSwarmError } from '../errors';
import { NO_ROOM_MS, PROOF_DEADLINE_MS } from '../limits';
import type { Logger } from '../log';
import { isLanAddress } from './address';
import { SafeChannel } from './channel';
import { makeGuard } from './guard';
import { ALIVE_PROTOCOL, Heartbeat } from './heartbeat';
import type { JoinedRoom } from './joinedRoom';
import type { Lanes } from './lane/lanes';
import { proofHandshake } from './messages';
import { LANE_PROTOCOL, PeerLane } from './lane/peerLane';
import { PeerLink } from './peerLink';
import { RoomLink, type RoomLinkEvents } from './roomLink';
import { isSameProof, roomProof } from './roomKeys';
import { SafeMux } from './safeMux';
import type { Connection } from './swarm';
import type { TransferChannel } from './transferChannel';
import { TRANSFER_PROTOCOL } from './transferMessages';
import type { Turns } from './turns';

export const ROOM_PROTOCOL = 'lora-swarm/room/1';

export interface PeerEvents extends RoomLinkEvents {
  onProven(peer: Peer, link: RoomLink): void;
  /** A room is not shared with this peer any more. */
  onLeft(peer: Peer, link: RoomLink): void;
  /** Chunks can be asked of the peer, and served to it, on this channel. */
  onTransfer(channel: TransferChannel): void;
  onAway(peer: Peer): void;
  onStrike(peer: Peer, reason: string): void;
  /** It proved the room. @returns false when it is not let in now; it hears nothing then. */
  mayJoin(peer: Peer, room: JoinedRoom): boolean;
  /** It asked for a room that we are not in, so it may be guessing. @returns false when it has done that too often. */
  mayGuess(peer: Peer): boolean;
  onClosed(peer: Peer): void;
}

export interface PeerParts {
  readonly connection: Connection;
  readonly rooms: () => Iterable<JoinedRoom>;
  /** Absent: chunks go beside the rooms only. */
  readonly lanes?: Lanes | undefined;
  readonly myName: () => string;
  readonly turns: Turns;
  readonly events: PeerEvents;
  readonly log: Logger;
}

interface Ask {
  readonly channel: SafeChannel;
  readonly room: JoinedRoom;
}

/** One connection to another engine, and the rooms that both proved to each other on it. */
export class Peer {
  readonly key: string;
  readonly links = new Map<string, RoomLink>();
  readonly isInitiator: boolean;
  readonly isLan: boolean;
  isAway = false;
  readonly #mux: Protomux;
  readonly #transfer: PeerLink;
  readonly #asks = new Map<string, Ask>();
  /** Who opened a channel before we knew that it answered us. */
  readonly #early = new Set<() => void>();
  #heartbeat: Heartbeat | undefined;
  #lane: PeerLane | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(private readonly parts: PeerParts) {
    const { stream } = parts.connection;
    this.key = stream.remotePublicKey.toString('hex');
    this.isInitiator = stream.isInitiator;
    this.isLan = isLanAddress(stream.rawStream.remoteHost);
    this.#mux = new SafeMux(stream, this.#onViolation);
    this.#transfer = new PeerLink({
      mux: this.#mux,
      peerKey: this.key,
      isLan: this.isLan,
      rttMs: () => this.rttMs,
      onAsk: () => this.#lane?.want(),
      onStrike: (reason) => this.strike(reason),
      onViolation: this.#onViolation,
    });
    this.#mux.pair({ protocol: ROOM_PROTOCOL, id: null }, () => this.#onWrongProof());
    for (const protocol of [TRANSFER_PROTOCOL, ALIVE_PROTOCOL, LANE_PROTOCOL])
      this.#mux.pair({ protocol, id: null }, () => this.#untilAnswered());
    for (const room of parts.rooms()) this.addRoom(room);
    stream.once('close', () => this.#onClosed());
    this.#closeSoon(PROOF_DEADLINE_MS);
  }

  /** Smoothed round trip of the transport. Zero until the first measurement. */
  get rttMs(): number | undefined {
    const rtt = this.parts.connection.stream.rawStream.rtt;
    return rtt === undefined || rtt === 0 ? undefined : rtt;
  }

  /** Where chunks are asked for: on the lane while there is one. */
  get transfer(): TransferChannel {
    return this.#lane?.link ?? this.#transfer;
  }

  get address(): string | undefined {
    return this.parts.connection.stream.rawStream.remoteHost ?? undefined;
  }

  get isInbound(): boolean {
    return !this.isInitiator;
  }

  get name(): string {
    return [...this.links.values()].find((link) => link.name !== '')?.name ?? '';
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether a lookup or a beacon of ours found this peer under the topic. */
  wasFoundFor(topic: Buffer): boolean {
    return this.parts.connection.info.topics.some((found) => found.equals(topic));
  }

  isIn(roomId: string): boolean {
    return this.links.has(roomId);
  }

  /** Lets the peer ask for this room. We say nothing until it does, or until `ask`. */
  addRoom(room: JoinedRoom): void {
    if (!this.#mayShare(room)) return;
    this.#mux.pair({ protocol: ROOM_PROTOCOL, id: this.#proof(room, 'ask', false) }, () => this.#answer(room));
  }

  /** Asks whether the peer is in this room, which it was found for. */
  ask(room: JoinedRoom): void {
    if (this.#isClosed || !this.#mayShare(room) || this.links.has(room.id) || this.#asks.has(room.id)) return;
    const channel = SafeChannel.create(this.#mux, {
      protocol: ROOM_PROTOCOL,
      id: this.#proof(room, 'ask', true),
      handshake: proofHandshake,
      onOpen: (answer) => {
        this.#asks.delete(room.id);
        if (!answer || !isSameProof(answer, this.#proof(room, 'answer', false)))
          this.strike('its answer proves nothing');
        else this.#prove(link);
      },
      onClose: () => this.#onLinkClosed(room.id, link),
      onViolation: this.#onViolation,
    });
    if (!channel) return;
    const link = this.#makeLink(room, channel);
    this.#asks.set(room.id, { channel, room });
    channel.open(new Uint8Array(0));
  }

  /** Leaves one room towards this peer, and the connection when it was the last. */
  leave(room: JoinedRoom): void {
    this.#mux.unpair({ protocol: ROOM_PROTOCOL, id: this.#proof(room, 'ask', false) });
    this.#asks.get(room.id)?.channel.close();
    const link = this.links.get(room.id);
    link?.close();
    if (link) this.#onLinkClosed(room.id, link);
  }

  /** It did what no honest peer does. */
  strike(reason: string): void {
    if (this.#isClosed) return;
    this.#guard(() => this.parts.events.onStrike(this, reason));
    this.close();
  }

  close(): void {
    this.#mux.destroy();
  }

  /** Everybody can prove the room of the local network, so the address decides; who was removed from a private one proves in vain. */
  #mayShare(room: JoinedRoom): boolean {
    return (room.kind !== 'local' || this.isLan) && room.mayEnter(this.key);
  }

  #answer(room: JoinedRoom): void {
    if (this.#isClosed || this.links.has(room.id) || !room.mayEnter(this.key)) return;
    if (!this.parts.events.mayJoin(this, room)) return;
    const mine = this.#asks.get(room.id);
    if (mine) {
      // Both asked at once: the side that dialled goes first, the other one answers.
      if (this.isInitiator) return;
      this.#asks.delete(room.id);
      mine.channel.close();
    }
    const channel = SafeChannel.create(this.#mux, {
      protocol: ROOM_PROTOCOL,
      id: this.#proof(room, 'ask', false),
      handshake: proofHandshake,
      onOpen: () => this.#prove(link),
      onClose: () => this.#onLinkClosed(room.id, link),
      onViolation: this.#onViolation,
    });
    if (!channel) return;
    const link = this.#makeLink(room, channel);
    // That the channel's id came from the peer is its proof; ours goes back with the opening.
    channel.open(this.#proof(room, 'answer', true));
  }

  /** protomux tells of every opening of a room that no proof of ours fits. */
  #onWrongProof(): void {
    if (!this.#isClosed && !this.parts.events.mayGuess(this)) this.close();
  }

  #makeLink(room: JoinedRoom, channel: SafeChannel): RoomLink {
    const { myName, turns, events, log } = this.parts;
    return new RoomLink({ room, peerKey: this.key, channel, myName, turns, events, log });
  }

  #prove(link: RoomLink): void {
    clearTimeout(this.#deadline);
    this.links.set(link.room.id, link);
    link.start();
    if (link.room.lead) {
      // It takes this for the room, and what it opens then and is refused stays closed as long as the connection.
      if (link.room.leadsOn(this.key)) this.#openAll();
      // It only hears the way. A room that it shares with us keeps the connection.
      if ([...this.links.values()].every(({ room }) => room.lead)) this.#closeSoon(PROOF_DEADLINE_MS);
      return;
    }
    this.#openAll();
    this.parts.events.onProven(this, link);
  }

  /** What a connection has once, whichever rooms are shared on it. */
  #openAll(): void {
    this.#heartbeat ??= this.#beat();
    this.#transfer.open(() => this.parts.events.onTransfer(this.#transfer));
    this.#lane ??= this.#openLane();
    this.#endWaiting();
  }

  /**
   * Whoever answers opens what a connection has once, and we may have left what we asked for meanwhile and asked for the next:
   * what is refused now would stay closed as long as the connection. Who was asked nothing is refused at once.
   */
  #untilAnswered(): Promise<void> | undefined {
    if (this.#asks.size === 0 || this.#isClosed) return undefined;
    return new Promise((resolve) => this.#early.add(resolve));
  }

  #endWaiting(): void {
    for (const resolve of this.#early) resolve();
    this.#early.clear();
  }

  #openLane(): PeerLane | undefined {
    const { lanes, log, events } = this.parts;
    if (!this.isLan || !lanes) return undefined;
    return new PeerLane({
      mux: this.#mux,
      lanes,
      peerKey: this.key,
      address: () => this.address,
      rttMs: () => this.rttMs,
      onLink: (link) => events.onTransfer(link),
      onStrike: (reason) => this.strike(reason),
      onViolation: this.#onViolation,
      log,
    });
  }

  #beat(): Heartbeat {
    const { stream } = this.parts.connection;
    const counts = stream as unknown as { rawBytesRead: number; rawBytesWritten: number };
    let hasDrained = false;
    stream.on('drain', () => (hasDrained = true));
    return new Heartbeat({
      mux: this.#mux,
      isLan: this.isLan,
      traffic: () => {
        const isTaken = this.#mux.drained || hasDrained;
        hasDrained = false;
        return { read: counts.rawBytesRead, written: counts.rawBytesWritten, isTaken };
      },
      onAway: (isAway) => {
        this.isAway = isAway;
        this.parts.events.onAway(this);
      },
      onDead: () => this.close(),
      guard: this.#guard,
      onViolation: this.#onViolation,
    });
  }

  #onLinkClosed(roomId: string, link: RoomLink): void {
    if (this.#asks.get(roomId)?.room === link.room && !link.isProven) this.#asks.delete(roomId);
    if (this.#asks.size === 0) this.#endWaiting();
    link.end();
    if (this.links.get(roomId) !== link) return;
    this.links.delete(roomId);
    if (!link.room.lead) this.parts.events.onLeft(this, link);
    if (this.links.size === 0) this.#closeSoon(NO_ROOM_MS);
  }

  #closeSoon(ms: number): void {
    clearTimeout(this.#deadline);
    if (this.#isClosed) return;
    this.#deadline = setTimeout(() => this.close(), ms);
    this.#deadline.unref();
  }

  #onClosed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#deadline);
    this.#endWaiting();
    // Each for itself: whatever fails, nobody keeps a peer that is gone.
    this.#guard(() => this.#heartbeat?.end());
    this.#guard(() => this.#lane?.dispose());
    this.#guard(() => this.#transfer.end());
    for (const [id, link] of [...this.links]) {
      this.links.delete(id);
      this.#guard(() => {
        link.end();
        if (!link.room.lead) this.parts.events.onLeft(this, link);
      });
    }
    this.#guard(() => this.parts.events.onClosed(this));
  }

  /** @param isMine whether we are the prover. */
  #proof(room: JoinedRoom, role: 'ask' | 'answer', isMine: boolean): Buffer {
    const { handshakeHash, publicKey, remotePublicKey } = this.parts.connection.stream;
    return isMine
      ? roomProof(room.keys, role, handshakeHash, publicKey, remotePublicKey)
      : roomProof(room.keys, role, handshakeHash, remotePublicKey, publicKey);
  }

  readonly #onViolation = (error: Error): void => {
    if (!(error instanceof LoraSwarmError)) this.#logBug(error);
    this.strike(error.message);
  };

  /** For what runs outside of channels. It is our own fault, so nobody is blamed; the connection ends all the same. */
  readonly #guard = makeGuard((error) => {
    this.#logBug(error);
    this.close();
  });

  #logBug(error: Error): void {
    this.parts.log.warn(`peer ${this.key.slice(0, 8)}: ${inspect(error)}`);
  }
}
