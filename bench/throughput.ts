import fs from 'node:fs';
import path from 'node:path';
import { writeLargeAdapter } from './adapters';
import { BenchEngine } from './engines';
import type { Ground } from './ground';
import type { PipeCalls } from './peers/pipePeer';
import { watchUsage, type Usage } from './peers/usage';
import type { BenchOptions } from './options';
import type { Section } from './section';
import { medianRun } from './stats';

const MB = 1e6;

interface Run {
  readonly mbPerS: number;
  readonly firstByteMs: number | undefined;
  readonly giving: Usage;
  readonly taking: Usage;
  /** Of this process, which does next to nothing meanwhile: what the machine does to everybody. */
  readonly idle: Usage;
  /** Bytes on the disk of who took, per byte of the package. */
  readonly disk: number | undefined;
}

/**
 * An adapter from disk to disk between two processes on loopback, against the bare connection in the same run: a HyperDHT
 * stream that carries bytes from memory to nowhere, and one that carries the same file.
 */
export async function benchThroughput(ground: Ground, { size, runs, say }: BenchOptions): Promise<Section> {
  say(`throughput: writing an adapter of ${(size / MB).toFixed(0)} MB`);
  const { weightsPath, bytes, folder } = await writeLargeAdapter(ground.newFolder(), size);
  const engine: Run[] = [];
  const memory: Run[] = [];
  const file: Run[] = [];
  for (let run = 1; run <= runs; run++) {
    say(`throughput: run ${run} of ${runs}`); // One after the other, so that a busy moment does not hit one kind only.
    memory.push(await runPipe(ground, bytes));
    file.push(await runPipe(ground, bytes, weightsPath));
    engine.push(await runEngines(ground, folder));
  }
  const limit = medianRun(memory, ({ mbPerS }) => mbPerS);
  const limitOnDisk = medianRun(file, ({ mbPerS }) => mbPerS);
  const ours = medianRun(engine, ({ mbPerS }) => mbPerS);
  return {
    name: 'throughput',
    title: `Throughput: ${(bytes / MB).toFixed(0)} MB over loopback, median run of ${runs} by MB/s`,
    columns: [
      { key: 'mbPerS', header: 'MB/s', digits: 0 },
      { key: 'ratio', header: 'of pipe', digits: 2 },
      { key: 'firstByteMs', header: 'first byte ms', digits: 0 },
      { key: 'takerCpuSeconds', header: 'CPU s taker', digits: 1 },
      { key: 'giverCpuSeconds', header: 'giver', digits: 1 },
      { key: 'takerRssMB', header: 'RSS MB taker', digits: 0 },
      { key: 'giverRssMB', header: 'giver', digits: 0 },
      { key: 'takerLoopP99Ms', header: 'p99 ms taker', digits: 1 },
      { key: 'takerLoopMaxMs', header: 'max', digits: 1 },
      { key: 'giverLoopP99Ms', header: 'giver p99', digits: 1 },
      { key: 'idleLoopP99Ms', header: 'idle p99', digits: 1 },
      { key: 'disk', header: 'disk x', digits: 2 },
    ],
    rows: [
      row('HyperDHT pipe, memory to memory', limit, limit),
      row('HyperDHT pipe, file to file', limitOnDisk, limit),
      row('engine, disk to library', ours, limit),
      ...(runs === 1 ? [] : engine).map((run, at) => row(`  run ${at + 1}`, run, limit)),
    ],
    notes: [
      'MB is 10^6 bytes. Time is from the wish to the verified, synced package in the library; the pipe verifies nothing.',
      'First byte: on an open connection, until it is on disk (engine) or has arrived (pipe).',
      'Loop delay is that of the main thread: in the engine rows the host thread, while the engine works in its own.',
      'Idle: a process that does nothing meanwhile. What it reads above 2 ms is the machine, not the engine.',
    ],
  };
}

async function runEngines(ground: Ground, adapter: string): Promise<Run> {
  const giver = await BenchEngine.start(ground);
  const taker = BenchEngine.unopened(ground);
  const home = ground.newFolder();
  try {
    await taker.open(home);
    const { room, code } = await giver.wish('createRoom', { label: 'bench' });
    const { id, bytes } = await giver.wish('share', { path: adapter, rooms: [room] });
    const { mark } = taker;
    await taker.wish('joinRoom', { room: code, label: 'bench' });
    await taker.whenOffered(mark, room, id);

    await Promise.all([giver.peer.ask('watch'), taker.peer.ask('watch')]);
    const endIdle = watchUsage();
    const start = performance.now();
    const arriving = whenFileGrows(path.join(home, 'partial', id, 'adapter_model.safetensors'));
    const { ms } = await taker.peer.ask('get', { target: id, room });
    const [giving, taking] = await Promise.all([giver.peer.ask('usage'), taker.peer.ask('usage')]);
    return {
      mbPerS: bytes / MB / (ms / 1000),
      firstByteMs: (await arriving) - start,
      giving,
      taking,
      idle: endIdle(),
      disk: diskBytes(home) / bytes,
    };
  } finally {
    await Promise.all([giver.peer.kill(), taker.peer.kill()]);
    fs.rmSync(home, { recursive: true, force: true });
  }
}

async function runPipe(ground: Ground, bytes: number, from?: string): Promise<Run> {
  const giver = ground.start<PipeCalls>('pipePeer');
  const taker = ground.start<PipeCalls>('pipePeer');
  const to = from === undefined ? undefined : path.join(ground.newFolder(), 'taken');
  try {
    const bootstrap = await ground.bootstrap();
    const given = await giver.ask('give', { bootstrap, bytes, ...(from === undefined ? {} : { path: from }) });
    await Promise.all([giver.ask('watch'), taker.ask('watch')]);
    const endIdle = watchUsage();
    const params = { bootstrap, bytes, ...given, ...(to === undefined ? {} : { path: to }) };
    const { ms, firstByteMs } = await taker.ask('take', params);
    const [giving, taking] = await Promise.all([giver.ask('usage'), taker.ask('usage')]);
    return { mbPerS: bytes / MB / (ms / 1000), firstByteMs, giving, taking, idle: endIdle(), disk: undefined };
  } finally {
    await Promise.all([giver.kill(), taker.kill()]);
    if (to !== undefined) fs.rmSync(to, { force: true });
  }
}

/** Looked at from here, so that neither engine does more than it does for a user. */
function whenFileGrows(file: string): Promise<number> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if ((fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0) return;
      clearInterval(timer);
      resolve(performance.now());
    }, 1);
    timer.unref();
  });
}

/** What the folder takes on the disk. Windows does not tell, so sizes are counted there. */
function diskBytes(folder: string): number {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => fs.statSync(path.join(entry.parentPath, entry.name)))
    .reduce((sum, { blocks, size }) => sum + (process.platform === 'win32' ? size : blocks * 512), 0);
}

function row(name: string, run: Run, limit: Run): Section['rows'][number] {
  const { mbPerS, firstByteMs, giving, taking, idle, disk } = run;
  return {
    name,
    values: {
      mbPerS,
      ratio: mbPerS / limit.mbPerS,
      firstByteMs,
      takerCpuSeconds: taking.cpuSeconds,
      giverCpuSeconds: giving.cpuSeconds,
      takerRssMB: taking.peakRssBytes / MB,
      giverRssMB: giving.peakRssBytes / MB,
      takerLoopP99Ms: taking.loopP99Ms,
      takerLoopMaxMs: taking.loopMaxMs,
      giverLoopP99Ms: giving.loopP99Ms,
      idleLoopP99Ms: idle.loopP99Ms,
      disk,
    },
  };
}
