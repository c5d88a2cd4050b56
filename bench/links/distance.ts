import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { writeLargeAdapter } from '../adapters';
import type { Ground } from '../ground';
import type { BenchOptions } from '../options';
import { installRivals } from '../rivals';
import type { Section } from '../section';
import { median } from '../stats';
import { whyNoDelay } from './delayedLink';
import type { StreamCalls } from './peers/streamPeer';
import { firstAt, rateBetween } from './series';
import { Stage } from './stage';
import { figure, least, leftOut, targetSection, type Row } from './targets';

const MB = 1e6;
const DELAYS = [50, 150];
/** Ten seconds at 150 ms. */
const MAX_BYTES = 200 * MB;
const LOSS = { rttMs: 80, lossPercent: 0.5 };
/** A stream over a link with loss goes up and down for seconds. */
const LOSS_MS = 12_000;
/** Of the bare stream when nothing gets lost, for comparison. */
const STREAM_MS = 5_000;

/** What is left of the rate when the other end is far away, and when packets get lost on the way. */
export async function benchLinks(ground: Ground, { size, runs, say }: BenchOptions): Promise<Section> {
  const written = await writeLargeAdapter(ground.newFolder(), Math.min(size, MAX_BYTES));
  const why = whyNoDelay();
  const rows: Row[] = [];
  const whyNoTorrent = why === undefined ? await installRivals(say) : undefined;
  if (why === undefined) {
    for (const rttMs of DELAYS)
      rows.push(...(await delayRows(ground, { rttMs, runs, say, hasTorrent: whyNoTorrent === undefined, ...written })));
    rows.push(...(await lossRows(ground, { runs, say, folder: written.folder })));
  } else {
    for (const rttMs of DELAYS) rows.push(leftOut(`RTT ${rttMs} ms`));
    rows.push(leftOut(`loss ${LOSS.lossPercent} %, RTT ${LOSS.rttMs} ms`));
  }
  return targetSection({
    name: 'links',
    title: `Long and lossy links: up to ${(written.bytes / MB).toFixed(0)} MB between two network namespaces, median of ${runs}`,
    rows,
    notes: [
      ...[why, whyNoTorrent].flatMap((reason) => (reason === undefined ? [] : [`Left out: ${reason}.`])),
      'MB is 10^6 bytes. A link of user space between two namespaces, with the socket buffers that the system gives each of them.',
      'Lane: the fast connection within one network, over TCP. UDX: the connection of the rooms.',
      `Delay: from the wish to the package in the library, or from naming the peer to the verified file.`,
      `Loss: of the packets of each direction; bytes in ${LOSS_MS / 1_000} s from the first on. The bare stream is HyperDHT's, from memory to nowhere.`,
    ],
  });
}

interface DelayParts {
  readonly rttMs: number;
  readonly runs: number;
  readonly say: (line: string) => void;
  readonly hasTorrent: boolean;
  readonly folder: string;
  readonly weightsPath: string;
}

async function delayRows(
  ground: Ground,
  { rttMs, runs, say, hasTorrent, folder, weightsPath }: DelayParts,
): Promise<Row[]> {
  const stream: number[] = [];
  const torrent: number[] = [];
  const lane: number[] = [];
  const udx: number[] = [];
  const stage = await Stage.onLink(ground, { rttMs });
  try {
    for (let run = 1; run <= runs; run++) {
      say(`links: RTT ${rttMs} ms, run ${run} of ${runs}`);
      stream.push(await runStream(stage, STREAM_MS));
      if (hasTorrent) torrent.push(await runTorrent(ground, stage, weightsPath));
      lane.push(await runEngines(stage, folder, true));
      udx.push(await runEngines(stage, folder, false));
    }
  } finally {
    await stage.close();
  }
  const name = `RTT ${rttMs} ms`;
  const against = (rates: readonly number[], label: string): Row[] => [
    figure(`${name}: ours, ${label}`, median(rates), 'MB/s'),
    ...(hasTorrent
      ? [figure(`${name}: ${label}, of WebTorrent`, median(rates) / median(torrent), 'x', least(1.2))]
      : []),
  ];
  return [
    figure(`${name}: bare UDX stream`, median(stream), 'MB/s'),
    hasTorrent ? figure(`${name}: WebTorrent TCP`, median(torrent), 'MB/s') : leftOut(`${name}: WebTorrent TCP`),
    ...against(lane, 'lane'),
    ...against(udx, 'UDX'),
  ];
}

async function lossRows(
  ground: Ground,
  { runs, say, folder }: Pick<DelayParts, 'runs' | 'say' | 'folder'>,
): Promise<Row[]> {
  const stream: number[] = [];
  const lane: number[] = [];
  const udx: number[] = [];
  const stage = await Stage.onLink(ground, LOSS);
  try {
    for (let run = 1; run <= runs; run++) {
      say(`links: loss ${LOSS.lossPercent} %, run ${run} of ${runs}`);
      stream.push(await runStream(stage, LOSS_MS));
      udx.push(await runLossy(stage, folder, false));
      lane.push(await runLossy(stage, folder, true));
    }
  } finally {
    await stage.close();
  }
  const name = `loss ${LOSS.lossPercent} %, RTT ${LOSS.rttMs} ms`;
  return [
    figure(`${name}: bare UDX stream`, median(stream), 'MB/s'),
    figure(`${name}: ours, UDX`, median(udx), 'MB/s'),
    figure(`${name}: UDX, of the bare stream`, median(udx) / median(stream), 'x', least(0.8)),
    figure(`${name}: ours, lane`, median(lane), 'MB/s'),
  ];
}

/** @returns MB/s, from disk to library. */
async function runEngines(stage: Stage, folder: string, lane: boolean): Promise<number> {
  try {
    const { taker, room, id } = await pair(stage, folder, lane);
    const { bytes, startedAt, endedAt } = await taker.get({ target: id, room });
    return bytes / MB / ((endedAt - startedAt) / 1_000);
  } finally {
    await stage.clear();
  }
}

/** @returns MB/s of the first seconds. */
async function runLossy(stage: Stage, folder: string, lane: boolean): Promise<number> {
  try {
    const { taker, room, id } = await pair(stage, folder, lane);
    const getting = taker.peer.ask('get', { target: id, room });
    const done = await Promise.race([getting, setTimeout(LOSS_MS * 1.5)]);
    await taker.peer.ask('stop');
    const samples = await taker.samples();
    const from = firstAt(samples);
    const to = Math.min(from + LOSS_MS, done ? done.endedAt : Infinity);
    return rateBetween(samples, from, to) / MB;
  } finally {
    await stage.clear();
  }
}

async function pair(stage: Stage, folder: string, lane: boolean) {
  const giver = await stage.engine({ end: stage.near, lane });
  const { room, code } = await giver.createRoom();
  const [id] = await giver.share(room, [folder]);
  const taker = await stage.engine({ end: stage.far, lane });
  await taker.meet(code, room, [id!]);
  return { taker, room, id: id! };
}

/** @returns MB/s, from disk to disk. */
async function runTorrent(ground: Ground, stage: Stage, file: string): Promise<number> {
  const folder = ground.newFolder();
  try {
    const maker = stage.torrent(stage.near);
    await maker.ask('bind', stage.near.address);
    const torrent = await maker.ask('make', { path: file });
    const [giver, taker] = [stage.torrent(stage.near), stage.torrent(stage.far)];
    await Promise.all([giver.ask('bind', stage.near.address), taker.ask('bind', stage.far.address)]);
    const port = await giver.ask('give', { torrent, folder: path.dirname(file), kind: 'tcp' });
    await taker.ask('prepare', { torrent, folder, kind: 'tcp' });
    const { ms } = await taker.ask('take', { port, from: stage.near.address });
    return fs.statSync(file).size / MB / (ms / 1_000);
  } finally {
    await stage.clear();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns MB/s of the first seconds. */
async function runStream(stage: Stage, ms: number): Promise<number> {
  try {
    const { bootstrap, near, far } = stage;
    const giver = stage.run<StreamCalls>('streamPeer', near);
    const given = await giver.ask('give', { host: near.address, bootstrap });
    const taker = stage.run<StreamCalls>('streamPeer', far);
    const place = { host: far.address, bootstrap, from: near.address };
    return (await taker.ask('take', { ...place, ...given, ms })) / MB;
  } finally {
    await stage.clear();
  }
}
