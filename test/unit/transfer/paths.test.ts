import assert from 'node:assert/strict';
import { silentLog } from '../../../src/engine/log';
import { PartialPackage } from '../../../src/engine/store/partialPackage';
import type { DownloadResult } from '../../../src/engine/transfer/downloadParts';
import { Leecher } from '../../../src/engine/transfer/leecher';
import type { SourceRank } from '../../../src/engine/transfer/source';
import { PacedHolder, type Pace } from '../../helpers/pacedHolder';
import { makePackage, type TestPackage } from '../../helpers/packages';
import { withStore } from '../../helpers/stores';
import { TestSources } from '../../helpers/testSources';
import { VirtualClock } from '../../helpers/virtualClock';

const MB = 1e6;
const MIB = 1024 ** 2;

describe('a download over several paths', () => {
  let content: TestPackage;
  before(async () => {
    content = await makePackage({ weights: 24 * MIB });
  });

  it('is nearly three times as quick from three sources as from one of the same speed', async () => {
    const pace = { rate: 4 * MB, rttMs: 20 };

    const one = await run([pace]);
    const three = await run([pace, pace, pace]);

    assert.ok(one.seconds / three.seconds >= 2.9, `${one.seconds} s and ${three.seconds} s`);
    assert.ok(three.bytesTwice < 0.02 * content.manifest.size, `${three.bytesTwice} bytes twice`);
  });

  it('is not slowed down by a slow source beside a quick one', async () => {
    const quick = { rate: 12 * MB, rttMs: 20 };

    const alone = await run([quick]);
    const both = await run([quick, { rate: 0.4 * MB, rttMs: 20 }]);

    assert.ok(both.seconds <= 1.02 * alone.seconds, `${alone.seconds} s and ${both.seconds} s`);
    assert.ok(both.bytesTwice < 0.02 * content.manifest.size, `${both.bytesTwice} bytes twice`);
  });

  for (const rttMs of [50, 150])
    it(`fills a path of ${rttMs} ms in a few round trips`, async () => {
      const pace = { rate: 60 * MB, rttMs };

      const { seconds } = await run([pace]);

      const least = rttMs / 1_000 + content.manifest.size / pace.rate;
      assert.ok(seconds < least + (2.5 * rttMs) / 1_000, `${seconds} s, at least ${least} s`);
    });

  it('has its first chunk after one round trip', async () => {
    const { firstMs } = await run([{ rate: 60 * MB, rttMs: 100 }]);

    assert.ok(firstMs <= 110, `${firstMs} ms`);
  });

  it('leaves those further away alone while near ones have all of it soon', async () => {
    const { givenBy } = await run([
      { rate: 12 * MB, rttMs: 2, rank: 0 },
      { rate: 12 * MB, rttMs: 2, rank: 1 },
      { rate: 12 * MB, rttMs: 2, rank: 2 },
    ]);

    assert.deepEqual(
      givenBy.map((bytes) => bytes > 0),
      [true, false, false],
    );
  });

  it('asks those further away too when near ones would take long', async () => {
    const { givenBy, seconds } = await run([
      { rate: 1 * MB, rttMs: 2, rank: 0 },
      { rate: 8 * MB, rttMs: 40, rank: 2 },
    ]);

    assert.ok(givenBy[0]! > 2 * MB && givenBy[1]! > 15 * MB, givenBy.join());
    assert.ok(seconds < 1.1 * (content.manifest.size / (9 * MB)) + 0.5, `${seconds} s`);
  });

  it('asks those further away within seconds when the near one falls silent', async () => {
    const { givenBy, seconds } = await run([
      { rate: 12 * MB, rttMs: 2, rank: 0, silentAfter: 4 * MIB },
      { rate: 12 * MB, rttMs: 40, rank: 2 },
    ]);

    assert.ok(givenBy[1]! > 15 * MIB, givenBy.join());
    assert.ok(seconds < 9, `${seconds} s`);
  });

  interface Ran extends Pick<DownloadResult, 'seconds' | 'refetchedBytes'> {
    readonly givenBy: readonly number[];
    /** Of the peers' bytes, those that were not needed. */
    readonly bytesTwice: number;
    readonly firstMs: number;
  }

  async function run(paces: readonly (Pace & { readonly rank?: SourceRank })[]): Promise<Ran> {
    return await withStore(async (store) => {
      const clock = new VirtualClock();
      const sources = new TestSources();
      const partial = await PartialPackage.open(store, content.manifest);
      // The clock is virtual and the disk is not: a path must not stand still while it syncs.
      Object.defineProperty(partial, 'room', { value: Infinity });
      let firstMs: number | undefined;
      partial.onDidHold(() => (firstMs ??= clock.now()));
      const holders = paces.map((pace, i) => {
        const key = String(i + 1).repeat(64);
        sources.ranks.set(key, pace.rank ?? 2);
        return new PacedHolder(key, content, clock, pace);
      });
      for (const { link } of holders) sources.add(link);
      const parts = { sources, openPartial: () => Promise.resolve(partial), limits: [], log: silentLog, clock };
      const running = new Leecher(parts, content.manifest.id, { expectedBytes: content.manifest.size }).run();
      const state = { isOver: false };
      running.finally(() => (state.isOver = true)).catch(() => undefined);
      while (!state.isOver && clock.now() < 60_000) await clock.advance(50);
      const { seconds, refetchedBytes } = await running;
      const givenBy = holders.map(({ bytesGiven }) => bytesGiven);
      const bytesTwice = givenBy.reduce((a, b) => a + b, 0) - content.manifest.size;
      return { seconds, refetchedBytes, givenBy, bytesTwice, firstMs: firstMs! };
    });
  }
});
