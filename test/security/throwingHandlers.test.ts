import assert from 'node:assert/strict';
import { silentLog } from '../../src/engine/log';
import type { JoinedRoom } from '../../src/engine/net/joinedRoom';
import { makeRekey } from '../../src/engine/net/members/legacyRekey';
import { Lanes } from '../../src/engine/net/lane/lanes';
import type { Peer, PeerEvents } from '../../src/engine/net/peer';
import { makePrivate } from '../../src/engine/net/roomBook';
import { makeRoomSecret } from '../../src/engine/net/roomCode';
import type { RoomLink } from '../../src/engine/net/roomLink';
import type { TransferChannel } from '../../src/engine/net/transferChannel';
import { TRANSFER_CODECS, type TransferMessage } from '../../src/engine/net/transferMessages';
import { Bitfield } from '../../src/engine/release/bitfield';
import { ChunkMap } from '../../src/engine/release/chunkMap';
import type { Manifest } from '../../src/engine/release/manifest';
import { identityKeys } from '../../src/engine/release/release';
import type { PackageReader } from '../../src/engine/transfer/parts';
import { RateLimit } from '../../src/engine/transfer/rate';
import { Seeder } from '../../src/engine/transfer/seeder';
import { FakeLink } from '../helpers/fakeLink';
import { memoryPeers } from '../helpers/memoryPeers';
import { makePackage, makeRelease } from '../helpers/packages';

const OWNER = identityKeys();
const { secret, nonce } = makeRoomSecret(OWNER.publicKey);

/** The room as one of its members has it. */
function makeRoom(): JoinedRoom {
  const room = makePrivate(secret);
  room.learnOrigin({ creator: OWNER.publicKey, nonce }, undefined);
  return room;
}

/** The engine under test, which has a bug; a peer that sets it off; and one that has nothing to do with it. */
class Scene {
  readonly room = makeRoom();
  readonly theirRoom = makeRoom();
  readonly lanes = new Lanes({ host: '127.0.0.1', log: silentLog });
  readonly theirLanes = new Lanes({ host: '127.0.0.1', log: silentLog });
  readonly strikes: string[] = [];
  readonly theirs = Promise.withResolvers<RoomLink>();
  /** Ways to us, as the peer has them. */
  readonly besideRooms = Promise.withResolvers<TransferChannel>();
  readonly lane = Promise.withResolvers<TransferChannel>();
  /** The catalog of the peer was heard. */
  readonly listed = Promise.withResolvers<undefined>();
  readonly hit = Promise.withResolvers<undefined>();
  readonly closed = Promise.withResolvers<undefined>();
  readonly uncaught: unknown[] = [];
  readonly #onUncaught = (error: unknown): void => void this.uncaught.push(error);
  readonly #others: unknown[] = process.listeners('uncaughtException');
  /** What is done with messages of transfers. */
  onMessage: () => void = () => undefined;
  badPeer!: Peer;
  goodPeer!: Peer;
  /** Nothing comes from the peer any more. */
  cut: () => void = () => undefined;

  /** @param broken what throws when it is about the one peer. */
  static async run(broken: keyof PeerEvents | undefined, use: (scene: Scene) => Promise<void>): Promise<void> {
    const scene = new Scene();
    scene.#watch();
    try {
      await scene.#begin(broken);
      await use(scene);
      await scene.#end();
    } finally {
      scene.#unwatch();
      for (const peer of [scene.badPeer, scene.goodPeer]) peer.close();
      await scene.lanes.close();
      await scene.theirLanes.close();
    }
  }

  /** mocha would end the test at once; here it is told at the end what came up. */
  #watch(): void {
    for (const listener of this.#others) process.off('uncaughtException', listener as () => void);
    process.on('uncaughtException', this.#onUncaught);
    process.on('unhandledRejection', this.#onUncaught);
  }

  #unwatch(): void {
    process.off('uncaughtException', this.#onUncaught);
    process.off('unhandledRejection', this.#onUncaught);
    for (const listener of this.#others) process.on('uncaughtException', listener as () => void);
  }

  throwNow(): never {
    this.hit.resolve(undefined);
    throw new TypeError('a bug of ours');
  }

  async #begin(broken: keyof PeerEvents | undefined): Promise<void> {
    const events: Partial<PeerEvents> = {
      onStrike: (_peer, reason) => this.strikes.push(reason),
      onClosed: () => this.closed.resolve(undefined),
      onSnapshot: () => this.listed.resolve(undefined),
      onTransfer: (channel) => void channel.onDidReceive(() => this.onMessage()),
    };
    if (broken) {
      const before = events[broken] as ((...args: unknown[]) => void) | undefined;
      Object.assign(events, {
        [broken]: (...args: unknown[]) => {
          before?.(...args);
          this.throwNow();
        },
      });
    }
    const good = Promise.withResolvers<undefined>();
    ({ answering: this.goodPeer } = await memoryPeers(
      { room: makeRoom(), events: {} },
      { room: this.room, events: { onHello: () => good.resolve(undefined) } },
    ));
    await good.promise;

    ({ answering: this.badPeer, cut: this.cut } = await memoryPeers(
      {
        room: this.theirRoom,
        lanes: this.theirLanes,
        events: {
          onProven: (_peer, link) => this.theirs.resolve(link),
          onTransfer: (channel) => (channel.isLane ? this.lane : this.besideRooms).resolve(channel),
        },
      },
      { room: this.room, events, lanes: this.lanes },
    ));
  }

  /** The bug came up, that peer is gone and nothing else happened. */
  async #end(): Promise<void> {
    await this.hit.promise;
    await this.closed.promise;
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(this.uncaught, []);
    assert.equal(this.badPeer.isClosed, true);
    assert.equal(this.badPeer.links.size, 0);
    assert.equal(this.goodPeer.isClosed, false);
    assert.equal(this.goodPeer.isIn(this.room.id), true);
  }
}

describe('a handler with a bug', () => {
  it('costs the peer that said hello its connection, and no other', () =>
    Scene.run('onHello', () => Promise.resolve()));

  it('costs the peer that told its catalog its connection, and no other', () =>
    Scene.run('onSnapshot', () => Promise.resolve()));

  it('costs the peer that told a change its connection, and no other', () =>
    Scene.run('onDelta', async ({ listed, theirRoom }) => {
      await listed.promise;
      theirRoom.feed.set([makeRelease('ab'.repeat(32))]);
    }));

  it('costs the peer that named a new secret its connection, and no other', () =>
    Scene.run('onRekey', async ({ theirs }) => {
      const link = await theirs.promise;
      link.sendRekey(makeRekey({ key: OWNER.publicKey, nonce }, OWNER, []).message);
    }));

  for (const event of ['onProven', 'onTransfer'] as const)
    it(`costs the peer its connection when it is proven, and no other: ${event}`, () =>
      Scene.run(event, () => Promise.resolve()));

  for (const event of ['onLeft', 'onClosed'] as const)
    it(`leaves nothing of a peer that went: ${event}`, () =>
      Scene.run(event, async ({ theirs, badPeer }) => {
        await theirs.promise;
        badPeer.close();
      }));

  it('does not keep a peer that is struck', () =>
    Scene.run('onStrike', async ({ theirs, badPeer }) => {
      await theirs.promise;
      badPeer.strike('badData');
    }));

  it('costs a peer that falls silent its connection, and no other', () =>
    Scene.run('onAway', async ({ theirs, cut }) => {
      await theirs.promise;
      cut();
    }));

  for (const { type } of TRANSFER_CODECS)
    it(`costs the peer that sent "${type}" its connection, and no other`, () =>
      Scene.run(undefined, async (scene) => {
        const channel = await scene.besideRooms.promise;
        scene.onMessage = () => scene.throwNow();

        channel.send(EXAMPLES[type]);
      }));

  it('costs the peer that sent something on the lane its connection, and no other', () =>
    Scene.run(undefined, async (scene) => {
      const beside = await scene.besideRooms.promise;
      beside.send(EXAMPLES.open); // Who asks for something dials.
      const lane = await scene.lane.promise;
      scene.onMessage = () => scene.throwNow();

      lane.send(EXAMPLES.request);
    }));

  it('costs who asked for a package that handle, when the bug comes up after the package was opened', async () => {
    const { manifest } = await makePackage();
    const errors: string[] = [];
    const seeder = new Seeder({
      open: () => Promise.resolve(emptyReader(manifest)),
      uploadLimit: new RateLimit(0),
      limitsFor: () => {
        throw new TypeError('a bug of ours');
      },
      log: { ...silentLog, error: (message) => void errors.push(message) },
      onSourceProblem: () => undefined,
    });
    const link = new FakeLink('a');
    seeder.attach(link, () => true);

    const closed = new Promise<void>((resolve) => {
      link.onDidSend(({ type }) => type === 'closed' && resolve());
    });
    link.say({ type: 'open', handle: 1, contentId: manifest.id });
    link.say({ type: 'getManifest', handle: 1 });
    await closed;

    assert.match(errors.join(), /a bug of ours/);
    seeder.dispose();
  });
});

/** A package of which nothing is here. */
function emptyReader(manifest: Manifest): PackageReader {
  const map = new ChunkMap(manifest);
  return {
    manifest,
    map,
    held: new Bitfield(map.chunks),
    hashes: () => Promise.resolve(undefined),
    read: () => Promise.reject(new Error('nothing is here')),
    close: () => Promise.resolve(),
  };
}

const RANGE = { first: 0, count: 1 };
const EXAMPLES: Readonly<Record<TransferMessage['type'], TransferMessage>> = {
  open: { type: 'open', handle: 1, contentId: 'ab'.repeat(32) },
  opened: { type: 'opened', handle: 1, have: 'full' },
  refused: { type: 'refused', handle: 1, reason: 'busy', retryMs: 1 },
  getManifest: { type: 'getManifest', handle: 1 },
  manifest: { type: 'manifest', handle: 1, bytes: Uint8Array.of(1) },
  getHashes: { type: 'getHashes', handle: 1, group: 0 },
  hashes: { type: 'hashes', handle: 1, group: 0, bytes: new Uint8Array(32) },
  request: { type: 'request', handle: 1, ...RANGE },
  data: { type: 'data', handle: 1, first: 0, bytes: Uint8Array.of(1) },
  cancel: { type: 'cancel', handle: 1, ...RANGE },
  reject: { type: 'reject', handle: 1, ...RANGE, reason: 'busy', retryMs: 1 },
  have: { type: 'have', handle: 1, ranges: [RANGE] },
  close: { type: 'close', handle: 1 },
  closed: { type: 'closed', handle: 1, reason: 'gone' },
};
