import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { Emitter } from '../events';
import { Resource } from '../lifecycle';
import type { Logger } from '../log';
import { isLoopback, lanAddresses } from './address';

/** Administratively scoped (RFC 2365): routers do not forward it. The port is not in IANA's list. */
const GROUP = '239.76.83.87';
const PORT = 47_687;
const MAGIC = Buffer.from('LSB\x01', 'latin1');
const PACKET_BYTES = MAGIC.length + 32 + 2;
/** Fast while somebody may be waiting for us to appear, then slow enough to be unnoticeable. */
const FAST_MS = 1_000;
const FAST_COUNT = 10;
const SLOW_MS = 10_000;
/** The lower key dials. The other one waits this long before it tries too: one direction of multicast may be blocked. */
const SECOND_CHANCE_MS = 3_000;
/** A flood of forged beacons must not become a flood of dials. */
const MAX_HEARD = 256;

export interface LanPeer {
  readonly key: Buffer;
  readonly host: string;
  readonly port: number;
}

/**
 * Finds engines of the local network without any server: every engine says its key and port by multicast, TTL 1.
 *
 * A beacon is only a hint. Who somebody is shows in the encrypted handshake. With a loopback host nothing leaves it.
 */
export class LanBeacon extends Resource {
  readonly #found = this.owned.add(new Emitter<LanPeer>());
  /** A peer to dial. May repeat, and may name one that is connected already. */
  readonly onDidFind = this.#found.event;
  readonly #sockets: { readonly socket: Socket; readonly broadcast: string | undefined }[] = [];
  readonly #heard = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #sent = 0;

  constructor(
    private readonly parts: {
      readonly key: Buffer;
      readonly port: () => number;
      readonly host: string | undefined;
      readonly log: Logger;
    },
  ) {
    super();
  }

  /** Whether at least one interface takes part. */
  get isOnline(): boolean {
    return this.#sockets.length > 0;
  }

  protected async _open(): Promise<void> {
    await Promise.all(
      lanAddresses(this.parts.host).map(async ({ address, broadcast }) => {
        try {
          this.#sockets.push({ socket: await this.#listen(address), broadcast });
        } catch (error) {
          this.parts.log.warn(`local network: ${address} takes no multicast (${String(error)})`);
        }
      }),
    );
    this.#tick();
  }

  protected async _close(): Promise<void> {
    clearTimeout(this.#timer);
    await Promise.all(
      this.#sockets.splice(0).map(({ socket }) => new Promise<void>((resolve) => socket.close(resolve))),
    );
  }

  async #listen(address: string): Promise<Socket> {
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.bind(PORT, resolve);
      });
      socket.addMembership(GROUP, address);
      socket.setMulticastInterface(address);
      socket.setMulticastTTL(1);
      socket.setMulticastLoopback(true); // Other engines of this machine are peers too.
      socket.setBroadcast(true);
    } catch (error) {
      socket.close();
      throw error;
    }
    socket.on('error', (error) => this.parts.log.warn(`local network: ${error.message}`));
    socket.on('message', (packet, from) => this.#hear(packet, from));
    return socket;
  }

  readonly #tick = (): void => {
    if (this.owned.isDisposed) return;
    this.#say();
    this.#timer = setTimeout(this.#tick, this.#sent < FAST_COUNT ? FAST_MS : SLOW_MS);
    this.#timer.unref();
  };

  #say(): void {
    this.#sent++;
    const packet = Buffer.alloc(PACKET_BYTES);
    MAGIC.copy(packet);
    this.parts.key.copy(packet, MAGIC.length);
    packet.writeUInt16BE(this.parts.port(), MAGIC.length + 32);
    const ignore = (): void => undefined; // An interface that went away says so again at the next beacon.
    for (const { socket, broadcast } of this.#sockets) {
      socket.send(packet, PORT, GROUP, ignore);
      if (broadcast) socket.send(packet, PORT, broadcast, ignore);
    }
  }

  #hear(packet: Buffer, from: RemoteInfo): void {
    if (packet.length !== PACKET_BYTES || !packet.subarray(0, MAGIC.length).equals(MAGIC)) return;
    // Linux hands multicast of every interface to every socket of the port: a loopback engine stays on loopback.
    if (this.parts.host !== undefined && isLoopback(this.parts.host) !== isLoopback(from.address)) return;
    const key = Buffer.from(packet.subarray(MAGIC.length, MAGIC.length + 32));
    const port = packet.readUInt16BE(MAGIC.length + 32);
    if (port === 0 || key.equals(this.parts.key)) return;

    const hex = key.toString('hex');
    const now = performance.now();
    const first = this.#heard.get(hex);
    if (first === undefined) {
      if (this.#heard.size >= MAX_HEARD) this.#heard.delete(this.#heard.keys().next().value!);
      this.#heard.set(hex, now);
      this.#say(); // So that a newcomer need not wait for our next beacon.
    }
    const dials = Buffer.compare(this.parts.key, key) < 0;
    if (dials || now - (first ?? now) > SECOND_CHANCE_MS) this.#found.fire({ key, host: from.address, port });
  }
}
