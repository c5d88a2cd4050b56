import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { Emitter } from '../../events';
import { Resource } from '../../lifecycle';
import type { Logger } from '../../log';
import { lanAddresses, type LanAddress } from '../address';

/** Administratively scoped (RFC 2365): routers do not forward it. The port is not in IANA's list. */
const GROUP = '239.76.83.87';
const PORT = 47_687;
/** How soon a cable, a Wi-Fi or another address counts. Asking the system takes a tenth of a millisecond. */
const LOOK_MS = 2_000;

export interface LanPacket {
  readonly bytes: Buffer;
  /** IPv4 address that it came from. */
  readonly from: string;
}

interface Mouth {
  readonly address: LanAddress;
  readonly socket: Socket;
}

/**
 * Speaks to everybody of the networks that this machine is on: by multicast with TTL 1 and by broadcast, from each of its
 * private addresses. Follows them as they come and go.
 */
export class LanSockets extends Resource {
  readonly #received = this.owned.add(new Emitter<LanPacket>());
  readonly onDidReceive = this.#received.event;
  readonly #moved = this.owned.add(new Emitter<void>());
  /** The addresses of this machine are others now, and all of them are in use. */
  readonly onDidMove = this.#moved.event;
  #mouths: readonly Mouth[] = [];
  #ear: Socket | undefined;
  #known = '';
  #timer: NodeJS.Timeout | undefined;
  #isMoving = false;

  constructor(
    private readonly parts: {
      /** The one address to speak from; absent: all. With one of loopback nothing leaves it. */
      readonly host: string | undefined;
      readonly log: Logger;
    },
  ) {
    super();
  }

  /** Whether anybody but this machine can hear us. */
  get isOnline(): boolean {
    return this.#mouths.some(({ address }) => !address.isFallback);
  }

  isMine(address: string): boolean {
    return this.#mouths.some((mouth) => mouth.address.address === address);
  }

  /** @param packets that are sent from this address. */
  send(packets: (address: string) => readonly Buffer[]): void {
    const ignore = (): void => undefined; // An interface that went away is noticed in a moment.
    for (const { address, socket } of this.#mouths)
      for (const packet of packets(address.address)) {
        socket.send(packet, PORT, GROUP, ignore);
        if (address.broadcast) socket.send(packet, PORT, address.broadcast, ignore);
      }
  }

  protected async _open(): Promise<void> {
    await this.#look();
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  protected async _close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#hush();
  }

  async #look(): Promise<void> {
    const addresses = lanAddresses(this.parts.host);
    const known = JSON.stringify(addresses);
    if (known === this.#known || this.#isMoving) return;
    this.#isMoving = true;
    try {
      await this.#hush();
      await this.#use(addresses);
      this.#known = known;
    } catch (error) {
      this.parts.log.warn(`local network: ${String(error)}`);
    } finally {
      this.#isMoving = false;
    }
    if (this.owned.isDisposed) await this.#hush();
    else this.#moved.fire();
  }

  async #use(addresses: readonly LanAddress[]): Promise<void> {
    const ear = await bound(PORT);
    this.#ear = ear;
    ear.on('error', (error) => this.parts.log.warn(`local network: ${error.message}`));
    ear.on('message', (bytes: Buffer, { address }: RemoteInfo) => this.#received.fire({ bytes, from: address }));
    const mouths = await Promise.all(addresses.map((address) => this.#join(ear, address)));
    this.#mouths = mouths.filter((mouth) => mouth !== undefined);
  }

  async #join(ear: Socket, address: LanAddress): Promise<Mouth | undefined> {
    const own = address.address;
    let socket: Socket;
    try {
      // A socket for each, so that a packet really has the address that it was made for.
      socket = await bound(0, own);
    } catch (error) {
      this.parts.log.debug(`local network: ${own} is gone (${String(error)})`);
      return undefined;
    }
    socket.on('error', (error) => this.parts.log.warn(`local network: ${error.message}`));
    try {
      socket.setBroadcast(true);
      socket.setMulticastInterface(own);
      socket.setMulticastTTL(1);
      socket.setMulticastLoopback(true); // Other engines of this machine are peers too.
      this.#listenAt(ear, own);
    } catch (error) {
      this.parts.log.warn(`local network: ${own} takes no multicast (${String(error)})`);
      if (!address.broadcast) {
        socket.close();
        return undefined;
      }
    }
    return { address, socket };
  }

  #listenAt(ear: Socket, own: string): void {
    try {
      ear.addMembership(GROUP, own);
    } catch (error) {
      // Another address of the same interface came first.
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }

  async #hush(): Promise<void> {
    const sockets = [...this.#mouths.map(({ socket }) => socket), ...(this.#ear ? [this.#ear] : [])];
    this.#mouths = [];
    this.#ear = undefined;
    await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(resolve))));
  }
}

function bound(port: number, address?: string): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind(port, address, () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}
