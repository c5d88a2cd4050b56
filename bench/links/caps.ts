import { setTimeout } from 'node:timers/promises';
import { writeLargeAdapter } from '../adapters';
import type { Ground } from '../ground';
import type { BenchOptions } from '../options';
import type { Section } from '../section';
import type { Sample } from './peers/linkPeer';
import { Stage, type LinkEngine } from './stage';
import { figure, most, targetSection, type Row } from './targets';

const MB = 1e6;
/** One after the other, while the download runs. Each as long as the target says. */
const LIMITS = [10 * MB, 25 * MB, 0.5 * MB, 5 * MB];
const WINDOW_MS = 10_000;
/** The sum of all windows, and something to spare. */
const BYTES = 1.2 * LIMITS.reduce((sum, limit) => sum + (limit * WINDOW_MS) / 1_000, 0);
/** Between two looks for the first byte. */
const LOOK_MS = 5;
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
    const rows: Row[] = [];
    let before: Sample | undefined;
    for (const bytesPerSecond of LIMITS) {
      await cap.set(cap.side === 'giver' ? giver : taker, room, bytesPerSecond);
      if (!before) taker.peer.ask('get', { target: id!, room }).catch(() => undefined); // Ends with its process.
      before ??= await firstBytes(taker, id!);
      await setTimeout(WINDOW_MS);
      const after = await taker.peer.ask('arrived', id!);
      const rate = ((after.bytes - before.bytes) * 1_000) / (after.at - before.at);
      const name = `${cap.name}, ${bytesPerSecond / MB} MB/s`;
      const off = (100 * Math.abs(rate - bytesPerSecond)) / bytesPerSecond;
      rows.push(figure(name, rate / MB, 'MB/s'), figure(`${name}: off by`, off, '%', most(TARGET)));
      before = after;
    }
    return rows;
  } finally {
    await stage.clear();
  }
}

async function firstBytes(taker: LinkEngine, id: string): Promise<Sample> {
  for (;;) {
    const sample = await taker.peer.ask('arrived', id);
    if (sample.bytes > 0) return { ...sample, bytes: 0 };
    await setTimeout(LOOK_MS);
  }
}
