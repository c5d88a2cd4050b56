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

interface Cap {
  readonly name: string;
  /** Who it is set at. */
  readonly side: 'giver' | 'taker';
  readonly set: (engine: LinkEngine, room: string, bytesPerSecond: number) => Promise<unknown>;
}

const CAPS: readonly Cap[] = [
  { name: 'download limit', side: 'taker', set: (engine, _room, rate) => engine.set('transfer.downloadLimit', rate) },
  { name: 'upload limit', side: 'giver', set: (engine, _room, rate) => engine.set('transfer.uploadLimit', rate) },
  {
    name: 'download limit of the room',
    side: 'taker',
    set: (engine, room, download) => engine.wish('setRoomLimits', { room, download }),
  },
  {
    name: 'upload limit of the room',
    side: 'giver',
    set: (engine, room, upload) => engine.wish('setRoomLimits', { room, upload }),
  },
];

/** How exactly a limit holds over ten seconds, from the first byte and after each change. */
export async function benchCaps(ground: Ground, { say }: BenchOptions): Promise<Section> {
  const { folder } = await writeLargeAdapter(ground.newFolder(), BYTES);
  const stage = await Stage.onLoopback(ground);
  const rows: Row[] = [];
  try {
    for (const cap of CAPS) {
      say(`caps: ${cap.name}`);
      rows.push(...(await runOnce(stage, folder, cap)));
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

async function runOnce(stage: Stage, folder: string, cap: Cap): Promise<Row[]> {
  try {
    const giver = await stage.engine();
    const { room, code } = await giver.createRoom();
    const [id] = await giver.share(room, [folder]);
    const taker = await stage.engine();
    await taker.meet(code, room, [id!]);
    const limit = (rate: number): Promise<unknown> => cap.set(cap.side === 'giver' ? giver : taker, room, rate);
    await limit(LIMITS[0]!);
    taker.peer.ask('get', { target: id!, room }).catch(() => undefined); // Ends with its process.
    const changes = await changeLimits(taker, limit);
    const samples = await taker.samples();
    return LIMITS.flatMap((bytesPerSecond, at) => {
      const rate = rateBetween(samples, changes[at]!, changes[at]! + WINDOW_MS);
      const name = `${cap.name}, ${bytesPerSecond / MB} MB/s`;
      return [
        figure(name, rate / MB, 'MB/s'),
        figure(`${name}: off by`, (100 * Math.abs(rate - bytesPerSecond)) / bytesPerSecond, '%', most(TARGET)),
      ];
    });
  } finally {
    await stage.clear();
  }
}

/** @returns when each began to count. */
async function changeLimits(taker: LinkEngine, limit: (rate: number) => Promise<unknown>): Promise<number[]> {
  let start: number;
  while ((start = firstAt(await taker.samples())) === Infinity) await setTimeout(50);
  const changes = [start];
  for (const rate of LIMITS.slice(1)) {
    await setTimeout(start + WINDOW_MS - now());
    await limit(rate);
    changes.push((start = now()));
  }
  await setTimeout(WINDOW_MS + 500); // And the sample after the end.
  return changes;
}

const now = (): number => performance.timeOrigin + performance.now();
