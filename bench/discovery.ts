import { setTimeout } from 'node:timers/promises';
import { writeSmallAdapter } from './adapters';
import { BenchEngine } from './engines';
import type { Ground } from './ground';
import type { BenchOptions } from './options';
import type { Section } from './section';
import { percentile } from './stats';

/** Milliseconds until the other side showed it. */
interface Times {
  readonly met: number[];
  readonly added: number[];
  readonly removed: number[];
  readonly closed: number[];
  readonly killed: number[];
}

/**
 * How long it takes until another engine sees what happened here. The one who is there already shares; every time somebody
 * new, with an own key and no connection, comes into a new room, sees a change, and goes.
 */
export async function benchDiscovery(ground: Ground, { samples, say }: BenchOptions): Promise<Section> {
  say(`discovery: private room, ${samples} times`);
  const inPrivate = await watchRoom(ground, samples, async (host) => {
    const { room, code } = await host.wish('createRoom', { label: 'bench' });
    return { room, code };
  });
  say(`discovery: local network room, ${samples} times`);
  const inLocal = await watchRoom(ground, samples, async (host) => {
    const { id } = await host.wish('joinRoom', { room: 'local' });
    return { room: id, code: 'local' };
  });
  return {
    name: 'discovery',
    title: `Discovery: until the other engine shows it, ${samples} times each, DHT of 10 nodes on loopback`,
    columns: [
      { key: 'p50Ms', header: 'p50 ms', digits: 0 },
      { key: 'p95Ms', header: 'p95 ms', digits: 0 },
      { key: 'maxMs', header: 'max ms', digits: 0 },
    ],
    rows: [...rows('private room', inPrivate), ...rows('local network', inLocal)],
    notes: [
      'Join: from joining by code, with nothing connected and no DHT node known, until the adapter is in the catalog.',
      'Share and unshare: from the wish, so with reading, hashing and signing. Killed: by SIGKILL, so nothing is said.',
    ],
  };
}

async function watchRoom(
  ground: Ground,
  samples: number,
  makeRoom: (host: BenchEngine) => Promise<{ room: string; code: string }>,
): Promise<Times> {
  const times: Times = { met: [], added: [], removed: [], closed: [], killed: [] };
  const host = await BenchEngine.start(ground);
  try {
    for (let at = 0; at < samples; at++) {
      // Anew each time: who was killed stays in the DHT for minutes, and whoever comes next would dial the dead too.
      const { room, code } = await makeRoom(host);
      const { id } = await share(ground, host, room, 1);
      await untilJoined(host, room);
      await meetOnce(ground, host, { room, code, id, isKilled: at % 2 === 1 }, times);
      await host.wish('leaveRoom', { room });
    }
    return times;
  } finally {
    await host.peer.kill();
  }
}

/** Until the room is announced, as it is when somebody joins one that others have been in. */
async function untilJoined(host: BenchEngine, room: string): Promise<void> {
  for (;;) {
    const { rooms } = await host.wish('rooms', {});
    if (rooms.find(({ id }) => id === room)?.phase === 'joined') return;
    await setTimeout(20);
  }
}

async function meetOnce(
  ground: Ground,
  host: BenchEngine,
  { room, code, id, isKilled }: { room: string; code: string; id: string; isKilled: boolean },
  times: Times,
): Promise<void> {
  const guest = await BenchEngine.start(ground);
  try {
    const { key } = await guest.wish('identity', {});
    const joined = performance.now();
    await guest.wish('joinRoom', { room: code });
    times.met.push((await guest.whenOffered(0, room, id)) - joined);
    await host.when('a peer', 0, (event) => event.type === 'peer:connected' && event.key === key);

    const shared = performance.now();
    const mine = await share(ground, host, room, 2 + times.met.length);
    times.added.push((await guest.whenOffered(0, room, mine.id)) - shared);
    const { mark } = guest;
    const withdrawn = performance.now();
    await host.wish('unshare', { target: mine.id });
    times.removed.push((await guest.whenWithdrawn(mark, room, mine.id)) - withdrawn);

    const left = performance.now();
    const gone = host.when(
      'a departure',
      host.mark,
      (event) => event.type === 'peer:disconnected' && event.key === key,
    );
    if (isKilled) await guest.peer.kill();
    else await guest.close();
    (isKilled ? times.killed : times.closed).push((await gone) - left);
  } finally {
    await guest.peer.kill();
  }
}

async function share(ground: Ground, host: BenchEngine, room: string, seed: number): Promise<{ id: string }> {
  const { folder } = await writeSmallAdapter(ground.newFolder(), seed);
  return await host.wish('share', { path: folder, rooms: [room], name: `adapter-${seed}` });
}

function rows(room: string, { met, added, removed, closed, killed }: Times): Section['rows'] {
  return [
    row(`${room}: join`, met),
    row(`${room}: share`, added),
    row(`${room}: unshare`, removed),
    row(`${room}: peer closes`, closed),
    ...(killed.length > 0 ? [row(`${room}: peer is killed`, killed)] : []),
  ];
}

function row(name: string, samples: readonly number[]): Section['rows'][number] {
  return {
    name,
    values: {
      p50Ms: percentile(samples, 0.5),
      p95Ms: percentile(samples, 0.95),
      maxMs: percentile(samples, 1),
    },
  };
}
