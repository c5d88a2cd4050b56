import assert from 'node:assert/strict';
import { CHUNK_BYTES } from '../../../src/engine/limits';
import { silentLog } from '../../../src/engine/log';
import { ChunkMap } from '../../../src/engine/release/chunkMap';
import { PartialPackage } from '../../../src/engine/store/partialPackage';
import type { DownloadResult } from '../../../src/engine/transfer/downloadParts';
import { Leecher } from '../../../src/engine/transfer/leecher';
import type { LocalChunks, LocalRun } from '../../../src/engine/transfer/parts';
import { FakeHolder, damaged, type Twist } from '../../helpers/fakeHolder';
import { makePackage, type TestPackage } from '../../helpers/packages';
import { bytesOf, withStore } from '../../helpers/stores';
import { TestSources } from '../../helpers/testSources';
import { VirtualClock } from '../../helpers/virtualClock';

const MIB = 1024 ** 2;
const ANA = 'a'.repeat(64);
const BEN = 'b'.repeat(64);

describe('where a download gets its chunks', () => {
  let content: TestPackage;
  let small: TestPackage;
  before(async () => {
    content = await makePackage({ weights: 12 * MIB });
    small = await makePackage({ weights: MIB });
  });

  describe('while its folder is made', () => {
    it('is memory, with chunks verified, and no more than 8 MiB', () =>
      withDownload(content, async ({ add, start, letOpen, view }) => {
        const holder = add(ANA);
        const running = start();
        await turns(300);
        const early = view().held.filter((cell) => cell === 255).length;
        const asked = holder.asked.length;

        letOpen();
        const { partial, refetchedBytes } = await running;

        assert.ok(early > 100 && early * CHUNK_BYTES <= 8 * MIB, `${early} chunks in memory`);
        assert.ok(asked * CHUNK_BYTES <= 8 * MIB, `${asked} asked`);
        assert.equal(partial.held.isFull, true);
        assert.equal(refetchedBytes, 0);
        assert.equal(holder.asked.length, new ChunkMap(content.manifest).chunks);
      }));

    it('is still a place where liars are found out', () =>
      withDownload(content, async ({ add, start, letOpen }) => {
        const liar = add(ANA, (message) =>
          message.type === 'data' ? { ...message, bytes: damaged(message.bytes) } : message,
        );
        add(BEN);
        const running = start();
        await turns(20);

        assert.deepEqual(liar.link.strikes, ['badData']);
        letOpen();
        assert.equal((await running).sources, 1);
      }));
  });

  describe('when the size is known', () => {
    it('is asked for more than the first chunk before the manifest is here, each source elsewhere', () =>
      withDownload(
        content,
        async ({ add, start, letOpen }) => {
          letOpen();
          const [ana, ben] = [add(ANA), add(BEN)];
          const running = start();

          const firsts = [ana, ben].map(({ link }) => link.sentOf('request').map(({ first, count }) => [first, count]));
          await running;

          assert.deepEqual(firsts, [
            [
              [0, 1],
              [1, 15],
            ],
            [
              [16, 1],
              [17, 15],
            ],
          ]);
        },
        { expectedBytes: 12 * MIB },
      ));

    it('forgives an author who said too much', () =>
      withDownload(
        small,
        async ({ add, start, letOpen }) => {
          letOpen();
          const holders = [add(ANA), add(BEN)];

          const { partial } = await start();

          assert.equal(partial.held.isFull, true);
          assert.ok(holders[1]!.link.sentOf('request').some(({ first, count }) => first + count > partial.map.chunks));
          assert.deepEqual(
            holders.flatMap(({ link }) => link.strikes),
            [],
          );
        },
        { expectedBytes: 1024 * MIB },
      ));
  });

  describe('when another package here has some', () => {
    it('is that package, and peers only for the rest and the very first', () =>
      withDownload(
        content,
        async ({ add, start, letOpen }) => {
          letOpen();
          const holder = add(ANA);

          const { copiedBytes, refetchedBytes, partial } = await start();

          const wanted = [0, ...Array.from({ length: 10 }, (_, i) => 70 + i), 192, 193];
          assert.deepEqual(
            [...holder.asked].sort((a, b) => a - b),
            wanted,
          );
          assert.equal(copiedBytes, content.manifest.size - partial.map.bytes(0, 1) - 10 * CHUNK_BYTES - 300);
          assert.equal(refetchedBytes, 0);
          await partial.finish();
        },
        { local: (map) => localOf(content, (chunk) => chunk < 192 && (chunk < 70 || chunk >= 80), map) },
      ));

    it('is a peer where that package turns out to be damaged or gone', () =>
      withDownload(
        content,
        async ({ add, start, letOpen }) => {
          letOpen();
          add(ANA);

          const { copiedBytes, sources } = await start();

          assert.deepEqual([copiedBytes, sources], [0, 1]);
        },
        {
          local: (map) => ({
            ...localOf(content, () => true, map),
            read: (_from, first, count) =>
              first < 64
                ? Promise.reject(new Error('gone'))
                : Promise.resolve(damaged(bytesOf(content, first, count), 5)),
          }),
        },
      ));

    it('is a peer after half a second when the disk takes longer than that to say so', () =>
      withDownload(
        content,
        async ({ add, start, letOpen, clock }) => {
          letOpen();
          const holder = add(ANA);
          const running = start();
          await turns(50);
          assert.equal(holder.asked.length, 1);

          await clock.advance(600);

          assert.equal((await running).sources, 1);
        },
        { local: (map) => ({ ...localOf(content, () => true, map), find: () => new Promise(() => undefined) }) },
      ));
  });

  describe('when a peer has two links', () => {
    it('is asked for the first chunk on the lane, too, when that opens before the manifest is here', () =>
      withDownload(content, async ({ add, start, letOpen, sources }) => {
        letOpen();
        const room = add(ANA, () => undefined);
        const running = start();
        const lane = new FakeHolder(ANA, content);
        lane.link.isLane = true;

        sources.replace(room.link, lane.link);
        const [asked] = lane.link.sentOf('request');
        await running;

        assert.deepEqual([asked?.first, asked?.count], [0, 1]);
      }));

    it('is the lane as soon as it is there, and the other one when it closes', () =>
      withDownload(content, async ({ add, start, letOpen, sources }) => {
        letOpen();
        const room = add(ANA, stuckAfter(20));
        const running = start();
        await turns(80);
        const lane = new FakeHolder(ANA, content, stuckAfter(40));
        lane.link.isLane = true;
        sources.replace(room.link, lane.link);
        await turns(80);
        const [closed, asked] = [room.link.sentOf('close').length, lane.asked.length];

        room.twist = (message) => message;
        sources.replace(lane.link, room.link);
        lane.link.close();
        const result = await running;

        assert.equal(closed, 1);
        assert.ok(asked > 40, `${asked} chunks asked on the lane`);
        assert.equal(room.link.sentOf('open').length, 2);
        assert.equal(result.sources, 1);
        assert.equal(result.refetchedBytes, 0);
      }));
  });

  describe('when nine are there', () => {
    it('is a near one in the place of the slowest of those further away', () =>
      withDownload(content, async ({ add, start, letOpen, sources }) => {
        letOpen();
        const far = Array.from({ length: 8 }, (_, i) => add(String(i).repeat(64), stuckAfter(0)));
        const running = start();
        await turns(20);
        sources.ranks.set(ANA, 0);

        add(ANA);
        const closed = far.filter(({ link }) => link.sentOf('close').length > 0).length;
        await running;

        assert.equal(closed, 1);
      }));
  });
});

interface Download {
  readonly clock: VirtualClock;
  readonly sources: TestSources;
  readonly add: (key: string, twist?: Twist) => FakeHolder;
  readonly start: () => Promise<DownloadResult<PartialPackage>>;
  /** Until then the folder is being made. */
  readonly letOpen: () => void;
  readonly view: () => Leecher['view'];
}

interface Options {
  readonly expectedBytes?: number;
  readonly local?: (map: ChunkMap) => LocalChunks;
}

async function withDownload(
  content: TestPackage,
  use: (download: Download) => Promise<void>,
  { expectedBytes, local }: Options = {},
): Promise<void> {
  await withStore(async (store) => {
    const clock = new VirtualClock();
    const sources = new TestSources();
    const partial = await PartialPackage.open(store, content.manifest);
    const isOpen = Promise.withResolvers<undefined>();
    const parts = {
      sources,
      openPartial: () => isOpen.promise.then(() => partial),
      limits: [],
      log: silentLog,
      clock,
      ...(local ? { local: local(partial.map) } : {}),
    };
    const leecher = new Leecher(parts, content.manifest.id, { ...(expectedBytes ? { expectedBytes } : {}) });
    const add = (key: string, twist?: Twist) => {
      const holder = new FakeHolder(key, content, twist);
      sources.add(holder.link);
      return holder;
    };
    await use({
      clock,
      sources,
      add,
      start: () => leecher.run(),
      letOpen: () => isOpen.resolve(undefined),
      view: () => leecher.view,
    });
  });
}

/** Another package with some of the same chunks, at the same places. */
function localOf(content: TestPackage, has: (chunk: number) => boolean, map: ChunkMap): LocalChunks {
  return {
    hasAny: true,
    find: (firstChunk, hashes) => {
      const runs: LocalRun[] = [];
      for (let chunk = firstChunk; chunk < firstChunk + hashes.byteLength / 32; chunk++)
        if (has(chunk)) runs.push({ first: chunk, count: 1, from: 'other', fromFirst: chunk });
      return Promise.resolve(runs);
    },
    read: (_from, first, count) => {
      assert.ok(first + count <= map.chunks);
      return Promise.resolve(bytesOf(content, first, count));
    },
  };
}

function stuckAfter(chunks: number): Twist {
  let given = 0;
  return (message) => (message.type !== 'data' || given++ < chunks ? message : undefined);
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
