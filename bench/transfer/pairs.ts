import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { BenchEngine } from '../engines';
import type { Ground, Peer, PeerName } from '../ground';
import type { Calls } from '../peers/calls';
import type { DriveCalls } from '../peers/drivePeer';
import type { PipeCalls } from '../peers/pipePeer';
import type { PipeKind } from '../peers/pipes';
import type { TorrentCalls, TorrentKind } from '../peers/torrentPeer';
import { watchUsage } from '../peers/usage';
import type { Cargo } from './cargo';
import { diskBytesOf, type Carried, type EndUsage, whenFileGrows } from './carried';

// One run of each way that has two ends, each in a new process that is gone after it. What is written goes into `scratch`.

/** The fast connection of a network is tried when two have met; it is there well before this. */
const LANE_MS = 1_000;
/** Whatever is slower than this has stopped. */
const SLOWEST_BYTES_PER_MS = 4_000;
const START_MS = 60_000;

/** From memory to nowhere, as many bytes as the file has. */
export function runPipe(ground: Ground, kind: PipeKind, { bytes }: Cargo): Promise<Carried> {
  return withTwo<PipeCalls>(ground, 'pipePeer', async (ends) => {
    const params = { kind, bytes, bootstrap: kind === 'udx' ? await ground.bootstrap() : [] };
    const address = await ends.giver.ask('give', params);
    return await watched(ends, bytes, () => ends.taker.ask('take', { ...params, address }));
  });
}

/** From disk to the library, on a connection that is open. */
export async function runEngines(ground: Ground, lane: boolean, cargo: Cargo, scratch: string): Promise<Carried> {
  const [giver, taker] = [BenchEngine.unopened(ground), BenchEngine.unopened(ground)];
  const home = path.join(scratch, 'taker');
  try {
    await giver.open(path.join(scratch, 'giver'), { lane, isWatched: true });
    await taker.open(home, { lane, isWatched: true });
    const { room, code } = await giver.wish('createRoom', { label: 'bench' });
    const { id } = await giver.wish('share', { path: cargo.folder, rooms: [room] });
    const { mark } = taker;
    await taker.wish('joinRoom', { room: code, label: 'bench' });
    await taker.whenOffered(mark, room, id);
    await setTimeout(LANE_MS);

    const partial = cargo.in(path.join(home, 'partial', id));
    const run = await watched({ giver: giver.peer, taker: taker.peer }, cargo.bytes, () =>
      withFirstByte(partial, () => taker.peer.ask('get', { target: id, room })),
    );
    return { ...run, diskBytes: diskBytesOf(home), file: cargo.in(run.path), path: run.over };
  } finally {
    await Promise.all([giver.peer.kill(), taker.peer.kill()]);
  }
}

/** From disk to disk. The hashes are known before; the connection is made within the time. */
export async function runTorrent(ground: Ground, kind: TorrentKind, cargo: Cargo, scratch: string): Promise<Carried> {
  const torrent = await cargo.torrent();
  return await withTwo<TorrentCalls>(ground, 'torrentPeer', async (ends) => {
    if (kind === 'utp' && !(await ends.giver.ask('canUtp'))) throw new Error('its uTP has no build for this system');
    const port = await ends.giver.ask('give', { torrent, folder: cargo.folder, kind });
    await ends.taker.ask('prepare', { torrent, folder: scratch, kind });
    const file = cargo.in(scratch);
    const run = await watched(ends, cargo.bytes, () => withFirstByte(file, () => ends.taker.ask('take', { port })));
    return { ...run, diskBytes: diskBytesOf(scratch), file };
  });
}

/** From a drive to a folder, on a connection that is open. */
export async function runDrive(ground: Ground, cargo: Cargo, scratch: string): Promise<Carried> {
  const made = await cargo.drive();
  const params = { drive: made.drive, bootstrap: await ground.bootstrap() };
  return await withTwo<DriveCalls>(ground, 'drivePeer', async (ends) => {
    const [store, folder] = [path.join(scratch, 'store'), path.join(scratch, 'folder')];
    fs.mkdirSync(folder);
    const address = await ends.giver.ask('give', { ...params, store: made.store });
    await ends.taker.ask('prepare', { ...params, store, address });
    const file = cargo.in(folder);
    const run = await watched(ends, cargo.bytes, () => withFirstByte(file, () => ends.taker.ask('take', { folder })));
    return { ...run, diskBytes: diskBytesOf(scratch), file };
  });
}

interface Ends<C extends Calls> {
  readonly giver: Peer<C>;
  readonly taker: Peer<C>;
}

type WatchedCalls = {
  readonly watch: () => Promise<void>;
  readonly usage: () => Promise<EndUsage>;
};

async function withTwo<C extends Calls>(
  ground: Ground,
  name: PeerName,
  run: (ends: Ends<C>) => Promise<Carried>,
): Promise<Carried> {
  const ends = { giver: ground.start<C>(name), taker: ground.start<C>(name) };
  try {
    return await run(ends);
  } finally {
    await Promise.all([ends.giver.kill(), ends.taker.kill()]);
  }
}

async function watched<R extends { readonly ms: number }>(
  { giver, taker }: Ends<WatchedCalls>,
  bytes: number,
  take: () => Promise<R>,
) {
  await Promise.all([giver.ask('watch'), taker.ask('watch')]);
  const endIdle = watchUsage();
  const end = new AbortController();
  const limitMs = START_MS + bytes / SLOWEST_BYTES_PER_MS;
  const late = setTimeout(limitMs, undefined, end).then(() => {
    throw new Error(`no end after ${Math.round(limitMs / 1_000)} s`);
  });
  try {
    const taken = await Promise.race([take(), late]);
    const [giving, taking] = await Promise.all([giver.ask('usage'), taker.ask('usage')]);
    return { ...taken, giving, taking, idle: endIdle() };
  } finally {
    late.catch(() => undefined);
    end.abort();
  }
}

/** @param file what grows when something has arrived. */
async function withFirstByte<R extends object>(file: string, take: () => Promise<R>) {
  const end = new AbortController();
  const start = performance.now();
  const growing = whenFileGrows(file, end.signal);
  const taken = await take().finally(() => end.abort());
  const grownAt = await growing;
  return { ...taken, firstByteMs: grownAt === undefined ? undefined : grownAt - start };
}
