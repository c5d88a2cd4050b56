import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CHUNK_BYTES } from '../../src/engine/limits';
import { PartialPackage } from '../../src/engine/store/partialPackage';
import { damaged } from '../helpers/fakeHolder';
import { makePackage, type TestPackage } from '../helpers/packages';
import { withStore } from '../helpers/stores';
import { TestSources } from '../helpers/testSources';
import { connect } from '../helpers/transferLinks';
import { TransferSwarm, leecherOf, next } from '../helpers/transferSwarm';

const MIB = 1024 ** 2;
/** What may be on its way when a transfer stops: one frame in the connection, one behind it, and one that is verified. */
const ON_ITS_WAY = 3 * MIB;

describe('transfer over encrypted connections', () => {
  let content: TestPackage;
  let size: number;
  before(async () => {
    content = await makePackage({ weights: 8 * MIB + 12_345 });
    ({ size } = content.manifest);
  });

  it('fetches a package from one source, byte for byte', () =>
    TransferSwarm.run(content, async (swarm) => {
      await swarm.addSource();

      const result = await swarm.leecher().run();
      const { folder } = await result.partial.finish();

      assert.deepEqual([result.sources, result.refetchedBytes, result.resumedBytes], [1, 0, 0]);
      const weights = await readFile(join(folder, 'adapter_model.safetensors'));
      assert.ok(weights.equals(content.contents[0]!));
    }));

  it('shares the work between three sources of the same speed', () =>
    TransferSwarm.run(content, async (swarm) => {
      const sources = await Promise.all([1, 2, 3].map(() => swarm.addSource({ limit: 8 * MIB })));

      const result = await swarm.leecher().run();
      await result.partial.finish();

      assert.equal(result.sources, 3);
      for (const { bytesGiven } of sources) assert.ok(bytesGiven > 0.2 * size, `${bytesGiven} of ${size}`);
      assert.ok(result.refetchedBytes <= ON_ITS_WAY, `${result.refetchedBytes} bytes twice`);
    }));

  it('drops a liar among three after its first bad chunk, and the file is right', () =>
    TransferSwarm.run(content, async (swarm) => {
      await swarm.addSource({ limit: 8 * MIB });
      const liar = await swarm.addSource({ isLying: true });
      await swarm.addSource({ limit: 8 * MIB });

      const result = await swarm.leecher().run();
      await result.partial.finish();

      assert.deepEqual(liar.ours.strikes, ['badData']);
      assert.ok(liar.bytesGiven <= MIB, `${liar.bytesGiven} bytes of the liar`);
      assert.equal(result.sources, 2);
    }));

  it('ends when every source lies, with nothing under a final name', () =>
    TransferSwarm.run(content, async (swarm) => {
      const liars = await Promise.all([1, 2, 3].map(() => swarm.addSource({ isLying: true })));

      await assert.rejects(swarm.leecher().run(), { code: 'NO_SOURCES' });

      for (const { ours } of liars) assert.deepEqual(ours.strikes, ['badData']);
      assert.equal(swarm.store.library.get(content.manifest.id), undefined);
    }));

  it('goes on with another source when one dies midway', () =>
    TransferSwarm.run(content, async (swarm) => {
      const dying = await swarm.addSource({ limit: 4 * MIB });
      await swarm.addSource({ limit: 4 * MIB });
      const running = swarm.leecher().run();
      await swarm.held(0.3);

      dying.theirs.destroy();
      const result = await running;
      await result.partial.finish();

      assert.equal(result.sources, 2);
      assert.ok(result.refetchedBytes <= ON_ITS_WAY, `${result.refetchedBytes} bytes twice`);
    }));

  it('waits when the last source is gone, and goes on when one comes', () =>
    TransferSwarm.run(content, async (swarm) => {
      const dying = await swarm.addSource({ limit: 4 * MIB });
      let onWait = (): void => undefined;
      const waits = new Promise<void>((resolve) => (onWait = resolve));
      const onProgress = ({ phase, bytesDone }: { phase: string; bytesDone: number }) => {
        if (phase === 'waiting' && bytesDone > 0) onWait();
      };
      const running = swarm.leecher({ onProgress }).run();
      await swarm.held(0.2);
      dying.theirs.destroy();
      await waits;

      await swarm.addSource();
      const result = await running;

      assert.equal(result.sources, 2);
    }));

  it('pauses, goes on and fetches hardly anything twice', () =>
    TransferSwarm.run(content, async (swarm) => {
      const source = await swarm.addSource({ limit: 6 * MIB });
      const leecher = swarm.leecher();
      const running = leecher.run();
      await swarm.held(0.3);

      const saidGoodbye = next(source.theirs.link, 'close');
      await leecher.pause();
      const { held } = await swarm.partial;
      const paused = held.count;
      await saidGoodbye;
      const later = held.count;
      leecher.resume();
      const result = await running;
      await result.partial.finish();

      assert.equal(later, paused);
      assert.ok(source.bytesGiven - size <= ON_ITS_WAY, `${source.bytesGiven} of ${size}`);
    }));

  it('removes everything when it is cancelled', () =>
    TransferSwarm.run(content, async (swarm) => {
      await swarm.addSource({ limit: 6 * MIB });
      const leecher = swarm.leecher();
      const running = leecher.run();
      await swarm.held(0.3);

      leecher.cancel();

      await assert.rejects(running, { code: 'DOWNLOAD_CANCELLED' });
      assert.equal(swarm.store.journal.has(content.manifest.id), false);
    }));

  it('keeps what is there when it is stopped, and fetches the rest the next time', () =>
    TransferSwarm.run(content, async (swarm) => {
      const stop = new AbortController();
      const source = await swarm.addSource({ limit: 6 * MIB });
      const stopped = swarm.leecher({ signal: stop.signal }).run();
      await swarm.held(0.4);
      stop.abort();
      await assert.rejects(stopped, { name: 'AbortError' });
      const kept = (await swarm.partial).held.count;

      source.limit.bytesPerSecond = 0;
      const result = await swarm.leecher({ manifest: content.manifest }).run();
      await result.partial.finish();

      assert.ok(result.resumedBytes > (kept - 1) * CHUNK_BYTES);
      assert.ok(source.bytesGiven - size <= ON_ITS_WAY, `${source.bytesGiven} of ${size}`);
    }));

  it('is never quicker than the limit of this side or of the other', () =>
    TransferSwarm.run(content, async (swarm) => {
      const limit = 8 * MIB;
      // The bucket is full at the start, and one piece may go into debt.
      const leastSeconds = (size - limit / 4 - MIB) / limit;
      const source = await swarm.addSource();

      const here = await swarm.leecher({ limit }).run();
      await here.partial.discard();
      source.limit.bytesPerSecond = limit;
      const there = await swarm.leecher().run();

      assert.ok(here.seconds >= leastSeconds, `${here.seconds} s here`);
      assert.ok(there.seconds >= leastSeconds, `${there.seconds} s there`);
    }));

  it('passes on what it has while it fetches the rest', () =>
    TransferSwarm.run(content, (swarm) =>
      withStore(async (storeOfC) => {
        await swarm.addSource({ limit: 6 * MIB });
        const fetchingB = swarm.leecher().run();
        await swarm.held(0.1);
        const b = await swarm.connectTo({ store: swarm.store });

        const sources = new TestSources(b.ours.link);
        const openC = () => PartialPackage.open(storeOfC, content.manifest);
        const fetchingC = leecherOf(content, sources, openC).run();
        const resultB = await fetchingB;
        const beforeB = b.bytesGiven;
        await resultB.partial.finish(); // Its files move while C reads them.
        const resultC = await fetchingC;
        await resultC.partial.finish();

        assert.ok(beforeB > 0.3 * size, `${beforeB} of ${size} before B had everything`);
        assert.deepEqual([b.ours.strikes, b.theirs.strikes], [[], []]);
      }),
    ));

  it('sends no bad chunk of a file that changes while it is served, and says so', () =>
    TransferSwarm.run(content, async (swarm) => {
      const changing = await swarm.addSource({ limit: 6 * MIB });
      const running = swarm.leecher().run();
      await swarm.held(0.2);

      const path = join(swarm.seedFolder, 'adapter_model.safetensors');
      const right = await readFile(path);
      const closed = next(changing.ours.link, 'closed');
      await writeFile(path, damaged(right, 7.5 * MIB));
      assert.equal((await closed).reason, 'changed');
      await writeFile(path, right);
      await swarm.addSource();
      const result = await running;
      await result.partial.finish();

      assert.deepEqual(changing.ours.strikes, []);
      assert.deepEqual(changing.problems, ['SOURCE_CHANGED']);
      assert.equal(result.refetchedBytes, 0);
    }));

  it('drops who asks ten thousand times for one chunk, and serves others meanwhile', () =>
    TransferSwarm.run(content, async (swarm) => {
      const source = await swarm.addSource();
      const [asker, theirs] = await connect();
      source.seeder.attach(theirs.link, () => true);
      const closed = new Promise<void>((resolve) => asker.link.onDidClose(resolve));
      let served = 0;
      asker.link.onDidReceive(({ type }) => {
        if (type === 'data') served++;
      });

      const opened = next(asker.link, 'opened');
      asker.link.send({ type: 'open', handle: 1, contentId: content.manifest.id });
      await opened;
      for (let i = 0; i < 10_000; i++) asker.link.send({ type: 'request', handle: 1, first: 3, count: 1 });
      const result = await swarm.leecher().run();
      await closed;

      assert.deepEqual(theirs.strikes, ['flood']);
      assert.ok(served <= 64, `${served} served`);
      assert.ok(result.partial.held.isFull);
    }));
});
