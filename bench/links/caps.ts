import { setTimeout } from 'node:timers/promises';
import { writeLargeAdapter } from '../adapters';
import type { Ground } from '../ground';
import type { BenchOptions } from '../options';
import type { Section } from '../section';
import { firstAt, rateBetween } from './series';
import { Stage, type LinkEngine } from './stage';
import { figure, most, targetSection, type Row } from './targets';

const MB = 1e6;
/** One after the other, while the download runs. Each as long as the target says. */
const LIMITS = [10 * MB, 25 * MB, 0.5 * MB, 5 * MB];
const WINDOW_MS = 10_000;
/** The sum of all windows, and something to spare. */
const BYTES = 1.2 * LIMITS.reduce((sum, limit) => sum + (limit * WINDOW_MS) / 1_000, 0);
/** Percent. */
const TARGET = 5;

type Key = 'transfer.downloadLimit' | 'transfer.uploadLimit';

/** How exactly a limit holds over ten seconds, from the first byte and after each change. */
export async function benchCaps(ground: Ground, { say }: BenchOptions): Promise<Section> {
  const { folder } = await writeLargeAdapter(ground.newFolder(), BYTES);
  const stage = await Stage.onLoopback(ground);
  const rows: Row[] = [];
  try {
    for (const key of ['transfer.downloadLimit', 'transfer.uploadLimit'] as const) {
      say(`caps: ${key}`);
      rows.push(...(await runOnce(stage, folder, key)));
    }
  } finally {
    await stage.close();
  }
  return targetSection({
    name: 'caps',
    title: 'Rate limits: one download over loopback, the limit changed while it runs, each for 10 s',
    rows,
    notes: ['MB is 10^6 bytes. Bytes verified at the taker in 10 s, from the first byte or from the change on.'],
  });
}

async function runOnce(stage: Stage, folder: string, key: Key): Promise<Row[]> {
  try {
    const giver = await stage.engine();
    const { room, code } = await giver.createRoom();
    const [id] = await giver.share(room, [folder]);
    const taker = await stage.engine();
    await taker.meet(code, room, [id!]);
    const limited = key === 'transfer.uploadLimit' ? giver : taker;
    await limited.set(key, LIMITS[0]!);
    taker.peer.ask('get', { target: id!, room }).catch(() => undefined); // Ends with its process.
    const changes = await changeLimits(limited, taker, key);
    const samples = await taker.samples();
    const label = key === 'transfer.uploadLimit' ? 'upload' : 'download';
    return LIMITS.flatMap((limit, at) => {
      const rate = rateBetween(samples, changes[at]!, changes[at]! + WINDOW_MS);
      const name = `${label} limit of ${limit / MB} MB/s`;
      return [
        figure(name, rate / MB, 'MB/s'),
        figure(`${name}: off by`, (100 * Math.abs(rate - limit)) / limit, '%', most(TARGET)),
      ];
    });
  } finally {
    await stage.clear();
  }
}

/** @returns when each began to count. */
async function changeLimits(limited: LinkEngine, taker: LinkEngine, key: Key): Promise<number[]> {
  let start: number;
  while ((start = firstAt(await taker.samples())) === Infinity) await setTimeout(50);
  const changes = [start];
  for (const limit of LIMITS.slice(1)) {
    await setTimeout(start + WINDOW_MS - now());
    await limited.set(key, limit);
    changes.push((start = now()));
  }
  await setTimeout(WINDOW_MS + 500); // And the sample after the end.
  return changes;
}

const now = (): number => performance.timeOrigin + performance.now();
