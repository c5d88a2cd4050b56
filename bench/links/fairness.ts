import { setTimeout } from 'node:timers/promises';
import { writeLargeAdapter } from '../adapters';
import type { Ground } from '../ground';
import type { BenchOptions } from '../options';
import type { Section } from '../section';
import { median } from '../stats';
import { firstAt, rateBetween } from './series';
import { Stage, type LinkEngine } from './stage';
import { figure, least, targetSection } from './targets';

const MB = 1e6;
const LIMIT = 60 * MB;
/** What the greedy one fetches at once. The engine runs four downloads at a time. */
const GREEDY_ADAPTERS = 4;
/** All three are at work then. */
const SETTLE_MS = 1_000;
const MEASURE_MS = 8_000;

/**
 * One engine with an upload limit and three that fetch from it: two one adapter each, and one four at once. No two fetch the
 * same, so that they can't help each other.
 */
export async function benchFairness(ground: Ground, { size, runs, say }: BenchOptions): Promise<Section> {
  const sizes = [size / 4, size / 4, ...Array<number>(GREEDY_ADAPTERS).fill(size / 8)];
  say('fairness: writing six adapters');
  const folders: string[] = [];
  for (const [at, bytes] of sizes.entries())
    folders.push((await writeLargeAdapter(ground.newFolder(), bytes, undefined, at + 1)).folder);
  const shares: number[][] = [];
  const sums: number[] = [];
  const stage = await Stage.onLoopback(ground);
  try {
    for (let run = 1; run <= runs; run++) {
      say(`fairness: run ${run} of ${runs}`);
      const rates = await runOnce(stage, folders);
      const sum = rates.reduce((a, b) => a + b, 0);
      sums.push(sum / MB);
      shares.push(rates.map((rate) => rate / sum));
    }
  } finally {
    await stage.close();
  }
  const of = (at: number): number => median(shares.map((share) => share[at]!));
  return targetSection({
    name: 'fairness',
    title: `Upload fairness: one engine with a limit of 60 MB/s, three downloaders, median of ${runs}`,
    rows: [
      figure('sum of the three', median(sums), 'MB/s'),
      figure('one adapter', of(0), 'of the sum', least(0.25)),
      figure('one adapter, another', of(1), 'of the sum', least(0.25)),
      figure(`${GREEDY_ADAPTERS} adapters at once`, of(2), 'of the sum', least(0.25)),
    ],
    notes: [`In ${MEASURE_MS / 1_000} s or until the first is done, from ${SETTLE_MS / 1_000} s after all have begun.`],
  });
}

/** @returns bytes per second of each. */
async function runOnce(stage: Stage, folders: readonly string[]): Promise<number[]> {
  try {
    const giver = await stage.engine();
    const { room, code } = await giver.createRoom();
    const [one, other, ...greedy] = await giver.share(room, folders);
    await giver.set('transfer.uploadLimit', LIMIT);
    const wanted = [[one!], [other!], greedy];
    const takers: LinkEngine[] = [];
    for (const ids of wanted) {
      const taker = await stage.engine();
      await taker.meet(code, room, ids);
      takers.push(taker);
    }
    const done = takers.map((taker, at) => Promise.all(wanted[at]!.map((target) => taker.get({ target, room }))));
    await Promise.race([Promise.any(done), setTimeout(SETTLE_MS * 2 + MEASURE_MS)]);
    const samples = await Promise.all(takers.map((taker) => taker.samples()));
    for (const end of done) end.catch(() => undefined); // They end with their processes.
    const from = Math.max(...samples.map(firstAt)) + SETTLE_MS;
    const to = Math.min(from + MEASURE_MS, ...samples.map((series) => series.at(-1)!.at));
    return samples.map((series) => rateBetween(series, from, to));
  } finally {
    await stage.clear();
  }
}
