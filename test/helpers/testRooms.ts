import { keyPair, type KeyPair } from 'hypercore-crypto';
import createTestnet, { type Testnet } from 'hyperdht/testnet';
import { Emitter } from '../../src/engine/events';
import { silentLog } from '../../src/engine/log';
import { Lanes } from '../../src/engine/net/lane/lanes';
import type { TransferChannel } from '../../src/engine/net/transferChannel';
import { Rooms } from '../../src/engine/net/rooms';
import type { RoomMemory } from '../../src/engine/net/roomsParts';
import { Swarm } from '../../src/engine/net/swarm';
import { signRelease, type Release, type SignedRelease } from '../../src/engine/release/release';
import type { NetworkMode } from '../../src/engine/state';
import type { EngineEvent } from '../../src/engine/wishes';

/** A DHT of this test alone, on loopback. Ten nodes: fewer fail now and then (their NAT check wants four samples). */
export const localDht = (): Promise<Testnet> => createTestnet(10, { host: '127.0.0.1' });

/** Rooms of one engine with everything real but the store: what is offered is a map, what is heard is another. */
export class TestRooms {
  readonly keys: KeyPair;
  readonly key: string;
  readonly offers = new Map<string, SignedRelease[]>();
  /** `room/peer` to names offered there. */
  readonly heard = new Map<string, Set<string>>();
  readonly happened: EngineEvent[] = [];
  readonly links: TransferChannel[] = [];
  /** What is done with each of them. */
  onLink: (link: TransferChannel) => void = () => undefined;
  readonly memory: RoomMemory;
  readonly warnings: string[] = [];
  mode: NetworkMode = 'all';
  readonly #changed = new Emitter<void>();
  readonly swarm: Swarm;
  readonly lanes = new Lanes({ host: '127.0.0.1', log: silentLog });
  readonly rooms: Rooms;

  /**
   * @param before the same engine in its last run: same key, same remembered rooms.
   * @param host the loopback address that it has for others.
   */
  constructor(
    bootstrap: readonly string[],
    readonly name: string,
    before?: TestRooms,
    readonly host = '127.0.0.1',
  ) {
    this.keys = before?.keys ?? keyPair();
    this.key = this.keys.publicKey.toString('hex');
    this.memory = before?.memory ?? makeMemory();
    const log = { ...silentLog, warn: (message: string) => void this.warnings.push(message) };
    this.swarm = new Swarm({ keyPair: this.keys, host, bootstrap: () => bootstrap, log });
    this.rooms = new Rooms({
      swarm: this.swarm,
      lanes: this.lanes,
      keyPair: this.keys,
      host,
      memory: this.memory,
      myName: () => this.name,
      mode: () => this.mode,
      joinAtStart: () => true,
      offers: (room) => this.offers.get(room) ?? [],
      events: {
        onSnapshot: (room, peer, entries) => {
          this.#hear(room, peer, (set) => {
            set.clear();
            for (const entry of entries) set.add(entry.release.name);
          });
        },
        onDelta: (room, peer, add, remove) => {
          this.#hear(room, peer, (set) => {
            for (const entry of add) set.add(entry.release.name);
            for (const id of remove) set.delete(this.nameOf(id));
          });
        },
        onGone: (room, peer) => this.#hear(room, peer, (set) => set.clear()),
        onTransfer: (link) => {
          this.links.push(link);
          this.onLink(link);
          this.#changed.fire();
        },
        onHappen: (event) => {
          this.happened.push(event);
          this.#changed.fire();
        },
      },
      uriScheme: 'vscode',
      log,
    });
    this.rooms.onDidChange(() => this.#changed.fire());
  }

  /** Names of content ids that tests made, in both directions. */
  nameOf(id: string): string {
    return TestRooms.names.get(id) ?? id;
  }

  static readonly names = new Map<string, string>();

  offer(room: string, ...names: string[]): void {
    this.offers.set(
      room,
      names.map((name) => signRelease(makeRelease(name), this.keys)),
    );
    this.rooms.refreshOffers();
  }

  listOf(room: string, peer: TestRooms): string[] {
    return [...(this.heard.get(`${room}/${peer.key}`) ?? [])].sort();
  }

  /** Waits until a claim about these rooms holds; the test's own timeout is the limit. */
  async until(claim: () => boolean): Promise<void> {
    if (claim()) return;
    await new Promise<void>((resolve) => {
      const listening = this.#changed.event(() => {
        if (!claim()) return;
        listening.dispose();
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    await this.rooms.close();
    await this.lanes.close();
    await this.swarm.close();
  }

  #hear(room: string, peer: string, change: (names: Set<string>) => void): void {
    const key = `${room}/${peer}`;
    const names = this.heard.get(key) ?? new Set<string>();
    change(names);
    this.heard.set(key, names);
    this.#changed.fire();
  }
}

export function makeRelease(name: string): Release {
  const contentId = Buffer.from(name).toString('hex').padEnd(64, '0').slice(0, 64);
  TestRooms.names.set(contentId, name);
  return {
    contentId,
    author: 'tester',
    name,
    format: 'peft',
    bytes: 1,
    pairs: 1,
    targets: [],
    shape: { blocks: 1, dims: {} },
    tags: [],
    parents: [],
    createdAt: 0,
  };
}

function makeMemory(): RoomMemory {
  const records = new Map<string, Parameters<RoomMemory['put']>[0]>();
  return {
    list: () =>
      [...records.values()].map((record) => ({
        ...record,
        data: JSON.parse(JSON.stringify(record.data ?? null)) as unknown,
      })),
    put: (record) => void records.set(record.id, record),
    remove: (id) => void records.delete(id),
  };
}
