import type { Testnet } from 'hyperdht/testnet';
import { Strangers } from './strangers';
import { TestRooms, localDht } from './testRooms';

/** A DHT on loopback with honest engines' rooms on it, and people who mean harm. */
export class SecurityGround {
  readonly #open: { close(): Promise<void> }[] = [];

  private constructor(private readonly testnet: Testnet) {}

  static async open(): Promise<SecurityGround> {
    return new SecurityGround(await localDht());
  }

  async rooms(name: string, before?: TestRooms): Promise<TestRooms> {
    const bootstrap = this.testnet.bootstrap.map(({ host, port }) => `${host}:${port}`);
    const rooms = new TestRooms(bootstrap, name, before);
    this.#open.push(rooms);
    await rooms.rooms.open();
    return rooms;
  }

  /** @param host an own loopback address, where the system has more than one. */
  strangers(host?: string): Strangers {
    const strangers = new Strangers(this.testnet, host);
    this.#open.push(strangers);
    return strangers;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#open.map((one) => one.close()));
    await this.testnet.destroy();
  }
}

/** Waits until these rooms can be found and dialled. */
export const untilJoined = (rooms: TestRooms): Promise<void> =>
  rooms.until(() => rooms.rooms.states(() => 0).every(({ phase }) => phase === 'joined'));
