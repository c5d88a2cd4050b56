import { randomBytes } from 'node:crypto';
import { Emitter } from '../../events';
import { Resource } from '../../lifecycle';
import type { Logger } from '../../log';
import type { RoomKind } from '../../state';
import { isLanAddress, isLoopback } from '../address';
import { LanSightings, type Sighting } from './lanSightings';
import {
  readBeacon,
  SEALED_ENTRIES,
  unseal,
  writeOpenBeacon,
  writeSealedBeacon,
  type SealedBeacon,
} from './lanPackets';
import { LanSockets, type LanPacket } from './lanSockets';
import type { RoomKeys } from '../roomKeys';

/** Fast while somebody may be waiting for us to appear, then slow enough to be unnoticeable. */
const FAST_MS = 1_000;
const FAST_COUNT = 10;
const SLOW_MS = 10_000;
/** Answers to newcomers come no faster than this, so that forged ones make no storm. */
const LEAST_MS = 500;
/** Looking a sealed beacon up costs 4 µs a room; so many looks a second are 2 % of a core, whoever floods. */
const LOOKS_PER_SECOND = 5_000;
/** One packet comes by multicast and by broadcast, on each socket of a network. */
const MAX_NONCES = 256;

/** A room as far as the local network has to do with it. */
export interface LanRoom {
  readonly kind: RoomKind;
  readonly keys: RoomKeys;
}

/** Somebody to dial. */
export interface LanPeer {
  readonly key: Buffer;
  /** Where to dial it now. The next dial gets other addresses first, if it was heard at some. */
  readonly take: Sighting['take'];
  /** Of the room that both seem to be in. */
  readonly topic: Buffer;
}

export interface LanParts {
  /** Ours, 32 bytes. */
  readonly key: Buffer;
  /** UDP port that others dial. */
  readonly port: () => number;
  readonly host: string | undefined;
  /** The rooms that are switched on. General ones do not count. */
  readonly rooms: () => Iterable<LanRoom>;
  readonly log: Logger;
}

/**
 * Finds engines of the local network without any server. Members of the local room say their key to everybody; members of a
 * private room say it so that only other members can read it, and nobody else learns whether there is such a room.
 *
 * A beacon is only a hint. Who somebody is shows in the encrypted handshake. With a loopback host nothing leaves it.
 */
export class LanBeacon extends Resource {
  readonly #found = this.owned.add(new Emitter<LanPeer>());
  /** A peer to dial. May repeat, and may name one that is connected already. */
  readonly onDidFind = this.#found.event;
  readonly #sockets: LanSockets;
  readonly #sightings = new LanSightings();
  readonly #nonces = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #sent = 0;
  #saidAt = -Infinity;
  #round = 0;
  #looks = LOOKS_PER_SECOND;
  #looksAt = performance.now();

  constructor(private readonly parts: LanParts) {
    super();
    this.#sockets = new LanSockets({ host: parts.host, log: parts.log });
  }

  /** Whether at least one network hears us. */
  get isOnline(): boolean {
    return this.#sockets.isOnline;
  }

  /** Starts anew: rooms, the port or addresses changed, so somebody may be waiting. */
  readonly refresh = (): void => {
    this.#sent = 0;
    this.#sightings.forgetSenders();
    this.#sayIn(0);
  };

  protected async _open(): Promise<void> {
    this.owned.add(this.#sockets.onDidReceive((packet) => this.#hear(packet)));
    await this.#sockets.open();
    this.owned.add(this.#sockets.onDidMove(this.refresh));
    this.refresh();
  }

  protected async _close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#sockets.close();
  }

  /** No sooner than half a second after the last time. */
  #sayIn(ms: number): void {
    clearTimeout(this.#timer);
    if (this.owned.isDisposed) return;
    const wait = Math.max(ms, this.#saidAt + LEAST_MS - performance.now());
    this.#timer = setTimeout(() => this.#say(), wait);
    this.#timer.unref();
  }

  #say(): void {
    this.#saidAt = performance.now();
    this.#sent++;
    const rooms = [...this.parts.rooms()];
    const sealed = this.#turn(rooms.filter(({ kind }) => kind === 'private'));
    const isOpen = rooms.some(({ kind }) => kind === 'local');
    const { key } = this.parts;
    const port = this.parts.port();
    if (port > 0)
      this.#sockets.send((address) => [
        ...(isOpen ? [writeOpenBeacon(key, port)] : []),
        // Who is in the local room alone says it too, so that it tells nobody of a private room.
        writeSealedBeacon(
          key,
          { nonce: randomBytes(16), address, port },
          sealed.map((room) => room.keys),
        ),
      ]);
    this.#sayIn(this.#sent < FAST_COUNT ? FAST_MS : SLOW_MS);
  }

  /** As many as one packet holds; the next ones next time. */
  #turn(rooms: readonly LanRoom[]): readonly LanRoom[] {
    if (rooms.length <= SEALED_ENTRIES) return rooms;
    const first = (this.#round++ * SEALED_ENTRIES) % rooms.length;
    return [...rooms.slice(first), ...rooms.slice(0, first)].slice(0, SEALED_ENTRIES);
  }

  #hear({ bytes, from }: LanPacket): void {
    // Whoever forges its address must not send us to dial the internet.
    if (!isLanAddress(from)) return;
    // Linux hands multicast of every interface to every socket of the port: a loopback engine stays on loopback.
    if (this.parts.host !== undefined && isLoopback(this.parts.host) !== isLoopback(from)) return;
    const beacon = readBeacon(bytes);
    if (!beacon) return;
    if (beacon.port === this.parts.port() && this.#sockets.isMine(from)) return; // Our own voice.

    // Everybody answers everybody, so an answer does not tell who shares a room.
    if (this.#sightings.isNewSender(`${from}:${beacon.port}`)) this.#sayIn(0);
    const rooms = [...this.parts.rooms()];
    if (beacon.kind === 'sealed') {
      this.#unsealAll(
        beacon,
        from,
        rooms.filter(({ kind }) => kind === 'private'),
      );
    } else {
      const local = rooms.find(({ kind }) => kind === 'local');
      if (local) this.#meet(beacon.key, from, beacon.port, local);
    }
  }

  #unsealAll(beacon: SealedBeacon, from: string, rooms: readonly LanRoom[]): void {
    const nonce = `${from} ${beacon.nonce.toString('latin1')}`;
    if (rooms.length === 0 || this.#nonces.has(nonce) || !this.#mayLook(rooms.length)) return;
    this.#nonces.add(nonce);
    if (this.#nonces.size > MAX_NONCES) this.#nonces.delete(this.#nonces.values().next().value!);
    for (const room of rooms) {
      const key = unseal(beacon, from, room.keys);
      if (key) this.#meet(key, from, beacon.port, room);
    }
  }

  #mayLook(looks: number): boolean {
    const now = performance.now();
    const gained = ((now - this.#looksAt) / 1_000) * LOOKS_PER_SECOND;
    this.#looks = Math.min(LOOKS_PER_SECOND, this.#looks + gained);
    this.#looksAt = now;
    if (this.#looks < looks) return false;
    this.#looks -= looks;
    return true;
  }

  #meet(key: Buffer, host: string, port: number, room: LanRoom): void {
    if (key.equals(this.parts.key)) return;
    const sighting = this.#sightings.see(key, { host, port });
    if (!sighting) return;
    const dials = Buffer.compare(this.parts.key, key) < 0;
    if (dials || sighting.isOld) this.#found.fire({ key, take: sighting.take, topic: room.keys.topic });
  }
}
