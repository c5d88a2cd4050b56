import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { writePeftAdapter } from '../../test/helpers/writeAdapter';
import { FILE_ROLES } from '../../src/engine/release/manifest';
import type { Ground } from '../ground';
import type { BenchOptions } from '../options';
import type { Section } from '../section';
import { median } from '../stats';
import { findPlace } from '../transfer/place';
import { whyNoDelay } from './delayedLink';
import type { EchoCalls } from './peers/echoPeer';
import { Stage, type LinkEngine } from './stage';
import { figure, leftOut, most, targetSection, type Row } from './targets';

const MB = 1e6;
const DELAYS = [50, 150];
const SHAPE = { rank: 64, hidden: 1024, blocks: 4, targets: ['q_proj'] } as const;
const NAMES = Object.values(FILE_ROLES).map(({ name }) => name);
/** After so long TCP begins anew with ten packets, of which a chunk is forty-five. */
const REST_MS = 2_000;
const RESTED_SAMPLES = 5;

interface Way {
  readonly lane: boolean;
  /** Parent of the storage folders. */
  readonly place: string | undefined;
}

/** From the wish until the first verified chunk is on the disk, on a connection that is open. */
export async function benchFirstByte(ground: Ground, { samples, say }: BenchOptions): Promise<Section> {
  const parent = ground.newFolder();
  const folders: string[] = [];
  for (let at = 1; at <= samples + RESTED_SAMPLES; at++)
    folders.push((await writePeftAdapter(path.join(parent, String(at)), { ...SHAPE, seed: at })).folder);
  const tmpfs = findPlace(ground, 'tmpfs', 10 * folders.length * MB);
  const place = typeof tmpfs === 'string' ? undefined : tmpfs.folder;
  const why = whyNoDelay();
  const rows: Row[] = [];
  say(`firstbyte: loopback, ${samples} times`);
  for (const [name, parentFolder] of [['temporary folder', undefined], ...(place ? [['tmpfs', place]] : [])] as const) {
    const stage = await Stage.onLoopback(ground);
    const { warm } = await measure(stage, folders, { lane: true, place: parentFolder }).finally(() => stage.close());
    rows.push(figure(`loopback, ${name}: first byte`, warm, 'ms'));
  }
  for (const rttMs of DELAYS)
    if (why === undefined) rows.push(...(await farRows(ground, folders, { rttMs, place, say })));
    else rows.push(leftOut(`RTT ${rttMs} ms`));
  return targetSection({
    name: 'firstbyte',
    title: `First byte on an open connection: median of ${samples}`,
    rows,
    notes: [
      ...(why === undefined ? [] : [`Left out: ${why}.`]),
      ...(typeof tmpfs === 'string'
        ? [`Nothing on tmpfs: ${tmpfs}.`]
        : ['With delay the storage folders are on tmpfs.']),
      'From the wish of the shell until a verified chunk is in the file, looked at each millisecond. One adapter after the other.',
      `Rested: after ${REST_MS / 1_000} s without a byte, ${RESTED_SAMPLES} times. TCP and UDX begin slowly then, whatever they carry.`,
    ],
  });
}

async function farRows(
  ground: Ground,
  folders: readonly string[],
  { rttMs, place, say }: { rttMs: number; place: string | undefined; say: (line: string) => void },
): Promise<Row[]> {
  const stage = await Stage.onLink(ground, { rttMs });
  try {
    say(`firstbyte: RTT ${rttMs} ms`);
    const bare = await measureBare(stage);
    const rows = [
      figure(`RTT ${rttMs} ms: a bare packet there and back`, bare.packet, 'ms'),
      figure(`RTT ${rttMs} ms: 64 KiB over bare TCP, rested`, bare.chunk / bare.packet, 'RTT'),
    ];
    for (const lane of [true, false]) {
      await stage.clear();
      const name = `RTT ${rttMs} ms, ${lane ? 'lane' : 'UDX'}`;
      const { warm, rested } = await measure(stage, folders, { lane, place });
      rows.push(
        figure(`${name}: first byte`, warm, 'ms'),
        figure(`${name}: first byte`, warm / bare.packet, 'RTT', most(1.1)),
        figure(`${name}: first byte, rested`, rested / bare.packet, 'RTT'),
      );
    }
    return rows;
  } finally {
    await stage.close();
  }
}

/** @returns milliseconds. */
async function measureBare(stage: Stage): Promise<{ packet: number; chunk: number }> {
  const { near, far } = stage;
  const ports = await stage.run<EchoCalls>('echoPeer', near).ask('give', { host: near.address });
  const peer = stage.run<EchoCalls>('echoPeer', far);
  const params = { host: far.address, from: near.address, ...ports, times: RESTED_SAMPLES };
  const packet = median(await peer.ask('packets', { ...params, times: 4 * RESTED_SAMPLES }));
  return { packet, chunk: median(await peer.ask('chunks', { ...params, restMs: REST_MS })) };
}

/** @returns milliseconds: one adapter right after the other, and the last ones each after a rest. */
async function measure(
  stage: Stage,
  folders: readonly string[],
  { lane, place }: Way,
): Promise<{ warm: number; rested: number }> {
  const giver = await stage.engine({ lane, place });
  const { room, code } = await giver.createRoom();
  const ids = await giver.share(room, folders);
  const taker = await stage.engine({ end: stage.far, lane, place });
  await taker.meet(code, room, ids);
  const warm: number[] = [];
  const rested: number[] = [];
  for (const [at, id] of ids.entries()) {
    const isRested = at >= ids.length - RESTED_SAMPLES;
    if (isRested) await setTimeout(REST_MS);
    (isRested ? rested : warm).push(await firstByte(taker, room, id));
  }
  return { warm: median(warm), rested: median(rested) };
}

async function firstByte(taker: LinkEngine, room: string, id: string): Promise<number> {
  const over = new AbortController();
  const arriving = whenSomethingIsIn(path.join(taker.home, 'partial', id), over.signal);
  const { startedAt, endedAt } = await taker.get({ target: id, room });
  over.abort();
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
