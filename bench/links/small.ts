import path from 'node:path';
import { writePeftAdapter } from '../../test/helpers/writeAdapter';
import { writeLargeAdapter } from '../adapters';
import type { Ground } from '../ground';
import type { BenchOptions } from '../options';
import type { Section } from '../section';
import { median } from '../stats';
import { Stage } from './stage';
import { figure, least, targetSection } from './targets';

const MB = 1e6;
const COUNT = 500;
/** 4 bytes for each number of A and B, in each block. */
const SHAPE = { rank: 64, hidden: 1024, blocks: 4, targets: ['q_proj'] } as const;
const SMALL_BYTES = 4 * 2 * SHAPE.rank * SHAPE.hidden * SHAPE.blocks;

/** Many small adapters, all asked for at once, against one file with as many bytes. */
export async function benchSmall(ground: Ground, { size, runs, say }: BenchOptions): Promise<Section> {
  const count = Math.max(1, Math.min(COUNT, Math.floor(size / SMALL_BYTES)));
  say(`small: writing ${count} adapters of ${(SMALL_BYTES / MB).toFixed(1)} MB, and one of the same bytes`);
  const parent = ground.newFolder();
  const many: string[] = [];
  for (let at = 1; at <= count; at++)
    many.push((await writePeftAdapter(path.join(parent, String(at)), { ...SHAPE, seed: at })).folder);
  const { folder } = await writeLargeAdapter(ground.newFolder(), count * SMALL_BYTES);
  const single: number[] = [];
  const small: number[] = [];
  const stage = await Stage.onLoopback(ground);
  try {
    for (let run = 1; run <= runs; run++) {
      say(`small: run ${run} of ${runs}`);
      single.push(await fetchAll(stage, [folder]));
      small.push(await fetchAll(stage, many));
    }
  } finally {
    await stage.close();
  }
  return targetSection({
    name: 'small',
    title: `Many small adapters: ${count} of ${(SMALL_BYTES / MB).toFixed(1)} MB at once over loopback, median of ${runs}`,
    rows: [
      figure('one file of the same bytes', median(single), 'MB/s'),
      figure(`${count} adapters`, median(small), 'MB/s'),
      figure(`${count} adapters, of one file`, median(small) / median(single), 'x', least(0.5)),
    ],
    notes: [
      'MB is 10^6 bytes. From the first wish until the last package is in the library, each verified and synced.',
    ],
  });
}

/** @returns MB/s. */
async function fetchAll(stage: Stage, folders: readonly string[]): Promise<number> {
  try {
    const giver = await stage.engine();
    const { room, code } = await giver.createRoom();
    const ids = await giver.share(room, folders);
    const taker = await stage.engine();
    await taker.meet(code, room, ids);
    const start = performance.now();
    const got = await Promise.all(ids.map((target) => taker.get({ target, room })));
    const seconds = (performance.now() - start) / 1_000;
    return got.reduce((sum, { bytes }) => sum + bytes, 0) / MB / seconds;
  } finally {
    await stage.clear();
  }
}
