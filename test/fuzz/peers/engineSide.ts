import { join } from 'node:path';
import { Emitter } from '../../../src/engine/events';
import { silentLog } from '../../../src/engine/log';
import { parseRoomCode } from '../../../src/engine/net/roomCode';
import { generalKeys, privateKeys, type RoomKeys } from '../../../src/engine/net/roomKeys';
import { Rooms } from '../../../src/engine/net/rooms';
import type { RoomMemory } from '../../../src/engine/net/roomsParts';
import type { Connection, Swarm } from '../../../src/engine/net/swarm';
import type { TransferChannel } from '../../../src/engine/net/transferChannel';
import { Catalog } from '../../../src/engine/registry/catalog';
import { Bitfield } from '../../../src/engine/release/bitfield';
import { ChunkMap } from '../../../src/engine/release/chunkMap';
import { identityKeys } from '../../../src/engine/release/release';
import { PartialPackage } from '../../../src/engine/store/partialPackage';
import { Store } from '../../../src/engine/store/store';
import { Leecher } from '../../../src/engine/transfer/leecher';
import type { PackageReader } from '../../../src/engine/transfer/parts';
import { RateLimit } from '../../../src/engine/transfer/rate';
import { Seeder } from '../../../src/engine/transfer/seeder';
import { makePackage, makeRelease, type TestPackage } from '../../helpers/packages';
import { bytesOf } from '../../helpers/stores';
import { TestSources } from '../../helpers/testSources';

/** A room that the hostile side may or may not know. */
export interface OpenRoom {
  readonly id: string;
  readonly keys: RoomKeys;
}

/** All of an engine that a connection reaches: rooms, catalog, a seeder and a download. No network under it. */
export class EngineSide {
  readonly keys = identityKeys(Buffer.alloc(32, 3));
  readonly catalog = new Catalog();
  readonly rooms: Rooms;
  readonly known: OpenRoom[] = [];
  readonly #connected = new Emitter<Connection>();
  readonly #limit = new RateLimit(0);
  readonly #seeder: Seeder;
  readonly #sources = new TestSources();
  #download: Leecher<PartialPackage> | undefined;
  #isClosed = false;
  #offers = 0;

  private constructor(
    private readonly store: Store,
    /** What it serves. */
    readonly served: TestPackage,
    /** What it would like to have. */
    readonly wanted: TestPackage,
  ) {
    this.#seeder = new Seeder({
      open: (id) => Promise.resolve(id === served.manifest.id ? readerOf(served) : undefined),
      uploadLimit: this.#limit,
      log: silentLog,
      onSourceProblem: () => undefined,
    });
    this.rooms = new Rooms({
      swarm: quietSwarm(this.#connected),
      keyPair: this.keys,
      host: '127.0.0.1',
      memory: forgetfulMemory(),
      myName: () => 'tester',
      mode: () => 'all',
      joinAtStart: () => true,
      offers: () => [makeRelease(served.manifest.id, { bytes: 1 + (this.#offers % 2) })],
      events: {
        onSnapshot: (room, peer, entries) => this.catalog.applySnapshot(room, peer, entries),
        onDelta: (room, peer, add, remove) => this.catalog.applyDelta(room, peer, { add, remove }),
        onGone: (room, peer) => this.catalog.dropPeer(room, peer),
        onTransfer: (link) => this.#onTransfer(link),
        onHappen: () => undefined,
      },
      uriScheme: 'vscode',
      log: silentLog,
    });
  }

  static async open(folder: string): Promise<EngineSide> {
    const [served, wanted] = await Promise.all([
      makePackage({ weights: 400_000, seed: 1 }),
      makePackage({ weights: 300_000, seed: 2 }),
    ]);
    const side = new EngineSide(await Store.open(join(folder, 'home')), served, wanted);
    await side.rooms.open();
    side.known.push({ id: side.rooms.joinGeneral(), keys: generalKeys() });
    for (const label of ['one', 'two']) {
      const { room, code } = side.rooms.create(label);
      side.known.push({ id: room, keys: privateKeys(parseRoomCode(code)) });
    }
    void side.#fetch();
    return side;
  }

  enter(connection: Connection): void {
    this.#connected.fire(connection);
  }

  /** What the user does meanwhile. */
  act(which: number): void {
    if (which % 4 === 0) this.rooms.resolve([this.known[0]!.id]).forEach((id) => this.rooms.leave(id));
    else if (which % 4 === 1) this.rooms.joinGeneral();
    else if (which % 4 === 2) this.#seeder.revoke(this.served.manifest.id);
    else this.#offers++;
    this.rooms.joinGeneral();
    this.rooms.refreshOffers();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#download?.cancel();
    this.#seeder.dispose();
    this.#limit.dispose();
    await this.rooms.close();
    await this.store.close();
  }

  #onTransfer(link: TransferChannel): void {
    this.#seeder.attach(link, (id) => id === this.served.manifest.id);
    this.#sources.add(link);
  }

  /** One download after the other: each ends well, or with a lie. */
  async #fetch(): Promise<void> {
    while (!this.#isClosed) {
      const { manifest } = this.wanted;
      this.#download = new Leecher(
        {
          sources: this.#sources,
          openPartial: () => PartialPackage.open(this.store, manifest),
          limits: [this.#limit],
          log: silentLog,
        },
        manifest.id,
      );
      await this.#download.run().then(
        ({ partial }) => partial.discard(),
        () => undefined,
      );
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

function readerOf(content: TestPackage): PackageReader {
  const map = new ChunkMap(content.manifest);
  return {
    manifest: content.manifest,
    map,
    held: Bitfield.full(map.chunks),
    hashes: (group) => {
      const { firstChunk, chunks } = map.group(group);
      return Promise.resolve(content.chunkHashes.subarray(firstChunk * 32, (firstChunk + chunks) * 32));
    },
    read: (first, count) => Promise.resolve(bytesOf(content, first, count)),
    close: () => Promise.resolve(),
  };
}

/** Nothing is looked up or announced, and no event comes but connections of the test. */
function quietSwarm(connected: Emitter<Connection>): Swarm {
  const nothing = { flushed: () => Promise.resolve(true), refresh: () => undefined, dispose: () => undefined };
  const lookUp: Swarm['lookUp'] = () => Promise.resolve([]);
  const known: Readonly<Record<string, unknown>> = { onDidConnect: connected.event, port: 0, isOnline: true, lookUp };
  return new Proxy(known, { get: (from, name: string) => from[name] ?? (() => nothing) }) as unknown as Swarm;
}

function forgetfulMemory(): RoomMemory {
  return { list: () => [], put: () => undefined, remove: () => undefined };
}
