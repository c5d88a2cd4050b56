import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { build } from 'esbuild';
import { silentLog } from '../../src/engine/log';
import { openEngine, type ServiceClient } from '../../src/service/client';
import { seededRandom } from '../helpers/packages';
import { ROOT } from '../run/machine';
import { pickOne } from './damage';
import type { Fault, PointResult } from './fault';
import type { Ground, Shared } from './ground';
import { checkLibrary } from './laws';

const LANE = 70;
/** Slow enough that somebody can give up on the way. */
const RATE = 12e6;
const HANGS_MS = 60_000;
const IN_FLIGHT_BYTES = 1024 ** 2;

/** Several windows ask for one adapter, and some give up: one transfer, and whoever still wants it has it. */
export const askedTwice: Fault = {
  id: 'R15',
  title: 'asked twice, with cancel races',
  strike: async (bout) => {
    const ground = await bout.ground;
    const adapter = await ground.shared('tiny');
    const { home } = await ground.newHome(LANE);
    const workerPath = path.join(ROOT, 'out-test', `worker-${process.pid}.cjs`);
    await build({
      entryPoints: [path.join(ROOT, 'src/service/worker.ts')],
      outfile: workerPath,
      ...{ bundle: true, platform: 'node', packages: 'external', logLevel: 'error' },
    });
    const options = {
      ...{ home, workerPath, host: '127.0.0.1', bootstrap: ground.bootstrap, log: silentLog },
      ollamaHost: 'http://127.0.0.1:9',
    };
    const leader = await openEngine(options);
    const follower = await openEngine(options);
    const random = seededRandom(15);
    const tally = { got: 0, gaveUp: 0 };
    try {
      assert.deepEqual([leader.isLeader, follower.isLeader], [true, false]);
      for (let round = 0; round < bout.rounds(500, 20); round++)
        await bout.point(`round ${round}`, () =>
          race({ ground, adapter, home, clients: [leader, follower], random, tally }),
        );
      bout.note(`${tally.got} got it, ${tally.gaveUp} gave up in time or were ended`);
    } finally {
      await follower.close();
      await leader.close();
      fs.rmSync(workerPath, { force: true });
      ground.removeHome(home);
    }
  },
};

interface Race {
  readonly ground: Ground;
  readonly adapter: Shared;
  readonly home: string;
  readonly clients: readonly ServiceClient[];
  readonly random: () => number;
  readonly tally: { got: number; gaveUp: number };
}

type End = { readonly kind: 'got'; readonly refetched: number } | { readonly kind: 'error'; readonly error: unknown };

async function race({ adapter, home, clients, random, tally }: Race): Promise<PointResult> {
  const { id } = adapter;
  const [leader] = clients;
  let completed = 0;
  let most = 0;
  const listening = [
    leader!.onDidHappen((event) => {
      if (event.type === 'transfer:complete' && event.id === id) completed++;
    }),
    leader!.onDidChangeState(({ transfers }) => {
      most = Math.max(
        most,
        transfers.filter((transfer) => transfer.id === id && transfer.direction === 'download').length,
      );
    }),
  ];
  const hangs = AbortSignal.timeout(HANGS_MS);
  const isEndedForAll = random() < 0.15;
  const askers = Array.from({ length: 2 + Math.floor(random() * 3) }, () => {
    const giveUp = new AbortController();
    const client = pickOne(random, clients);
    const afterMs = random() * 40;
    const cancelMs = random() < 0.5 ? random() * 180 : undefined;
    if (cancelMs !== undefined) void wait(afterMs + cancelMs).then(() => giveUp.abort());
    const end = wait(afterMs)
      .then(() =>
        client.wish('get', { target: id, maxRate: RATE }, { signal: AbortSignal.any([giveUp.signal, hangs]) }),
      )
      .then(
        ({ refetchedBytes }): End => ({ kind: 'got', refetched: refetchedBytes }),
        (error: unknown): End => ({ kind: 'error', error }),
      );
    return { end, isPatient: cancelMs === undefined };
  });
  if (isEndedForAll) {
    await wait(random() * 150);
    await pickOne(random, clients).wish('cancel', { id });
  }
  const ends = await Promise.all(askers.map(({ end }) => end));
  for (const { kind } of ends) tally[kind === 'got' ? 'got' : 'gaveUp']++;
  for (const [index, end] of ends.entries()) checkEnd(end, { isPatient: askers[index]!.isPatient, isEndedForAll });

  // Whoever asks now gets it, whatever the others did.
  const { refetchedBytes } = await clients[1]!.wish('get', { target: id }, { signal: hangs });
  for (const each of listening) each.dispose();
  checkLibrary(home);
  assert.ok(fs.existsSync(path.join(home, 'library', id)), 'it is not in the library');
  assert.ok(completed <= 1, `${completed} transfers`);
  assert.ok(most <= 1, `${most} transfers at a time`);
  const refetched = Math.max(refetchedBytes, ...ends.map((end) => (end.kind === 'got' ? end.refetched : 0)));
  assert.ok(refetched <= IN_FLIGHT_BYTES, `L2: ${refetched} bytes twice`);
  await leader!.wish('forget', { id });
  for (const area of ['partial', 'library', 'tmp'])
    assert.deepEqual(fs.readdirSync(path.join(home, area)), [], `L5: left in ${area}`);
  return { refetched };
}

function checkEnd(end: End, { isPatient, isEndedForAll }: { isPatient: boolean; isEndedForAll: boolean }): void {
  if (end.kind === 'got') return; // Before it was given up.
  const { name, code } = end.error as Error & { code?: string };
  if (isEndedForAll && code === 'DOWNLOAD_CANCELLED') return;
  assert.equal(name, 'AbortError', `one who asked got ${String(end.error)}`);
  assert.ok(!isPatient, 'one who did not give up was given up on');
}
