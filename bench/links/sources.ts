import { writeLargeAdapter } from '../adapters';
import type { Ground } from '../ground';
import type { BenchOptions } from '../options';
import type { Section } from '../section';
import { median } from '../stats';
import type { Got } from './peers/linkPeer';
import { Stage } from './stage';
import { below, figure, least, targetSection } from './targets';

const MB = 1e6;
const EQUAL = 20 * MB;
const FAST = 60 * MB;
const SLOW = 2 * MB;
/** A quarter of a minute at the rate of one source. */
const EQUAL_BYTES = 300 * MB;
/** Ten seconds: long enough that a start hardly counts. */
const MIXED_BYTES = 600 * MB;

/** What several sources bring, each with an upload limit of its own, so that the machine is not what limits. */
export async function benchSources(ground: Ground, { size, runs, say }: BenchOptions): Promise<Section> {
  const { folder, bytes } = await writeLargeAdapter(ground.newFolder(), Math.min(size, EQUAL_BYTES));
  const large = await writeLargeAdapter(ground.newFolder(), Math.min(size, MIXED_BYTES));
  const stage = await Stage.onLoopback(ground);
  const one: Got[] = [];
  const three: Got[] = [];
  const fast: Got[] = [];
  const mixed: Got[] = [];
  try {
    for (let run = 1; run <= runs; run++) {
      say(`sources: run ${run} of ${runs}`);
      one.push(await download(stage, folder, [EQUAL]));
      three.push(await download(stage, folder, [EQUAL, EQUAL, EQUAL]));
      fast.push(await download(stage, large.folder, [FAST]));
      mixed.push(await download(stage, large.folder, [FAST, SLOW]));
    }
  } finally {
    await stage.close();
  }
  const rates = { one: rateOf(one), three: rateOf(three), fast: rateOf(fast), mixed: rateOf(mixed) };
  return targetSection({
    name: 'sources',
    title: `Several sources with upload limits: ${(bytes / MB).toFixed(0)} and ${(large.bytes / MB).toFixed(0)} MB over loopback, median of ${runs}`,
    rows: [
      figure('one source of 20 MB/s', rates.one, 'MB/s'),
      figure('three sources of 20 MB/s', rates.three, 'MB/s'),
      figure('three, of one', rates.three / rates.one, 'x', least(2.9)),
      figure('three: fetched twice', twicePercent(three), '%', below(2)),
      figure('one source of 60 MB/s', rates.fast, 'MB/s'),
      figure('sources of 60 and 2 MB/s', rates.mixed, 'MB/s', least(60)),
      figure('60 and 2: fetched twice', twicePercent(mixed), '%', below(2)),
    ],
    notes: ['MB is 10^6 bytes. Time is from the wish to the package in the library. Fetched twice: of the package.'],
  });
}

/** One download from as many engines as there are limits. All of them are new, and gone after it. */
async function download(stage: Stage, folder: string, limits: readonly number[]): Promise<Got> {
  try {
    const [host, ...others] = await Promise.all(limits.map(() => stage.engine()));
    const { room, code } = await host!.createRoom();
    const [id] = await host!.share(room, [folder]);
    for (const other of others) {
      await other.meet(code, room, [id!]);
      await other.share(room, [folder]);
    }
    for (const [at, giver] of [host!, ...others].entries()) await giver.set('transfer.uploadLimit', limits[at]!);
    const taker = await stage.engine();
    await taker.meet(code, room, [id!], limits.length);
    const got = await taker.get({ target: id!, room });
    if (got.sources !== limits.length) throw new Error(`${got.sources} of ${limits.length} sources gave something`);
    return got;
  } finally {
    await stage.clear();
  }
}

function rateOf(runs: readonly Got[]): number {
  return median(runs.map(({ bytes, startedAt, endedAt }) => bytes / MB / ((endedAt - startedAt) / 1_000)));
}

/** Of the worst run. */
function twicePercent(runs: readonly Got[]): number {
  return Math.max(...runs.map(({ bytes, refetchedBytes }) => (100 * refetchedBytes) / bytes));
}
