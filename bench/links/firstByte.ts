import fs from 'node:fs';
import path from 'node:path';
import { writePeftAdapter } from '../../test/helpers/writeAdapter';
import { FILE_ROLES } from '../../src/engine/release/manifest';
import type { Ground } from '../ground';
import type { BenchOptions } from '../options';
import type { Section } from '../section';
import { median } from '../stats';
import { whyNoDelay } from './delayedLink';
import type { EchoCalls } from './peers/echoPeer';
import { Stage, type LinkEngine } from './stage';
import { figure, leftOut, most, targetSection, type Row } from './targets';

const DELAYS = [50, 150];
const SHAPE = { rank: 64, hidden: 1024, blocks: 4, targets: ['q_proj'] } as const;
const NAMES = Object.values(FILE_ROLES).map(({ name }) => name);

/** From the wish until the first verified chunk is on the disk, on a connection that is open. */
export async function benchFirstByte(ground: Ground, { samples, say }: BenchOptions): Promise<Section> {
  const parent = ground.newFolder();
  const folders: string[] = [];
  for (let at = 1; at <= samples; at++)
    folders.push((await writePeftAdapter(path.join(parent, String(at)), { ...SHAPE, seed: at })).folder);
  const why = whyNoDelay();
  const rows: Row[] = [];
  say(`firstbyte: loopback, ${samples} times`);
  const stage = await Stage.onLoopback(ground);
  const here = median(await measure(stage, folders, true).finally(() => stage.close()));
  rows.push(figure('loopback: first byte', here, 'ms'));
  for (const rttMs of DELAYS)
    for (const lane of [true, false]) {
      const name = `RTT ${rttMs} ms, ${lane ? 'lane' : 'UDX'}`;
      if (why !== undefined) {
        rows.push(leftOut(name));
        continue;
      }
      say(`firstbyte: ${name}, ${samples} times`);
      rows.push(...(await farRows(ground, folders, { name, rttMs, lane })));
    }
  return targetSection({
    name: 'firstbyte',
    title: `First byte on an open connection: median of ${samples}`,
    rows,
    notes: [
      ...(why === undefined ? [] : [`Left out: ${why}.`]),
      'From the wish of the shell until a verified chunk is in the file, looked at each millisecond. One adapter after the other.',
    ],
  });
}

async function farRows(
  ground: Ground,
  folders: readonly string[],
  { name, rttMs, lane }: { name: string; rttMs: number; lane: boolean },
): Promise<Row[]> {
  const stage = await Stage.onLink(ground, { rttMs });
  try {
    const trip = median(await roundTrips(stage, folders.length));
    await stage.clear();
    const ms = median(await measure(stage, folders, lane));
    return [
      figure(`${name}: bare round trip`, trip, 'ms'),
      figure(`${name}: first byte`, ms, 'ms'),
      figure(`${name}: round trips`, ms / trip, 'RTT', most(1.1)),
    ];
  } finally {
    await stage.close();
  }
}

async function roundTrips(stage: Stage, times: number): Promise<number[]> {
  const { near, far } = stage;
  const port = await stage.run<EchoCalls>('echoPeer', near).ask('give', { host: near.address });
  return await stage
    .run<EchoCalls>('echoPeer', far)
    .ask('take', { host: far.address, from: near.address, port, times });
}

/** @returns milliseconds, once for each adapter. */
async function measure(stage: Stage, folders: readonly string[], lane: boolean): Promise<number[]> {
  const giver = await stage.engine({ lane });
  const { room, code } = await giver.createRoom();
  const ids = await giver.share(room, folders);
  const taker = await stage.engine({ end: stage.far, lane });
  await taker.meet(code, room, ids);
  const times: number[] = [];
  for (const id of ids) times.push(await firstByte(taker, room, id));
  return times;
}

async function firstByte(taker: LinkEngine, room: string, id: string): Promise<number> {
  const seen = new AbortController();
  const arriving = whenSomethingIsIn(path.join(taker.home, 'partial', id), seen.signal);
  const { startedAt, endedAt } = await taker.get({ target: id, room });
  seen.abort();
  return ((await arriving) ?? endedAt) - startedAt;
}

/** Looked at from outside, so that the engine does no more than it does for a user. @returns by the clock of all processes. */
function whenSomethingIsIn(folder: string, signal: AbortSignal): Promise<number | undefined> {
  const files = NAMES.map((name) => path.join(folder, name));
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const isThere = files.some((file) => (fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0);
      if (!isThere && !signal.aborted) return;
      clearInterval(timer);
      resolve(isThere ? performance.timeOrigin + performance.now() : undefined);
    }, 1);
  });
}
