import path from 'node:path';
import { writeSmallAdapter } from './adapters';
import { BenchEngine } from './engines';
import type { Ground } from './ground';
import type { LoadCalls } from './peers/loadPeer';
import type { BenchOptions } from './options';
import type { Section } from './section';
import { percentile } from './stats';

/** What somebody has who has shared adapters for years. */
const MANY = 500;
const SAMPLES = 9;
/** What we may take of the start of a window. */
const START_LIMIT_MS = 50;

/** How long a window waits for its engine, and how long loading and starting the extension hold up its host. */
export async function benchStartup(ground: Ground, { say }: BenchOptions): Promise<Section> {
  say('startup: a new storage folder');
  const fresh = await sample(() => openOnce(ground, ground.newFolder()));

  say(`startup: sharing ${MANY} adapters`);
  const home = ground.newFolder();
  await shareMany(ground, home);
  say('startup: a full storage folder');
  const full = await sample(() => openOnce(ground, home));

  say('startup: the bundle of the extension');
  const starts = await sample(async () => {
    const peer = ground.start<LoadCalls>('loadPeer');
    try {
      return await peer.ask('start', { path: path.join(ground.dist, 'extension.js') });
    } finally {
      await peer.kill();
    }
  });
  return {
    name: 'startup',
    title: `Startup, each in a new process, ${SAMPLES} times`,
    columns: [
      { key: 'medianMs', header: 'median ms', digits: 0 },
      { key: 'maxMs', header: 'max ms', digits: 0 },
    ],
    rows: [
      row('engine ready, new storage folder', fresh),
      row(`engine ready, ${MANY} shared adapters`, full),
      row(
        'extension bundle loaded, editor stubbed',
        starts.map(({ loadMs }) => loadMs),
      ),
      row(
        `loaded and activated, editor stubbed (limit ${START_LIMIT_MS})`,
        starts.map(({ loadMs, activateMs }) => loadMs + activateMs),
      ),
    ],
    notes: ['Ready: thread started, storage open, first state here. The files are in the page cache of the system.'],
  };
}

async function openOnce(ground: Ground, home: string): Promise<number> {
  const engine = BenchEngine.unopened(ground);
  try {
    const ms = await engine.open(home);
    await engine.close();
    return ms;
  } finally {
    await engine.peer.kill();
  }
}

async function shareMany(ground: Ground, home: string): Promise<void> {
  const engine = BenchEngine.unopened(ground);
  try {
    await engine.open(home);
    for (let seed = 1; seed <= MANY; seed++) {
      const { folder } = await writeSmallAdapter(ground.newFolder(), seed);
      await engine.wish('share', { path: folder, rooms: [], name: `adapter-${seed}` });
    }
    await engine.close();
  } finally {
    await engine.peer.kill();
  }
}

async function sample<T>(measure: () => Promise<T>): Promise<T[]> {
  const samples: T[] = [];
  while (samples.length < SAMPLES) samples.push(await measure());
  return samples;
}

function row(name: string, samples: readonly number[]): Section['rows'][number] {
  return { name, values: { medianMs: percentile(samples, 0.5), maxMs: percentile(samples, 1) } };
}
