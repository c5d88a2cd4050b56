import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { seededRandom } from '../helpers/packages';
import type { EngineShell } from '../service/engineShells';
import type { Told } from '../service/engineShell';
import { Workshop, type Shell } from '../service/shells';
import type { Bout, Fault } from './fault';
import { checkLibrary, MAX_UNSAFE_BYTES } from './laws';
import { Windows } from './windows';

const LANE = 80;
const TAKEOVER_MS = 1_000;
const RESUME_MS = 5_000;
/** Kills of one crowd of windows; the next one has another size. */
const KILLS_OF_CROWD = 24;

/** Two to six windows of one storage folder; the one that leads is killed, and another one takes over. */
export const leaderKilled: Fault = {
  id: 'R16',
  title: 'leading window killed, two to six of them',
  strike: async (bout) => {
    await killLeaders(bout);
    await killLeadersThatDownload(bout);
  },
};

/** A small engine that says every 4 ms that it runs, behind the real lock and service: two at once would show. */
async function killLeaders(bout: Bout): Promise<void> {
  const workshop = new Workshop();
  const random = seededRandom(16);
  const takeovers: number[] = [];
  try {
    await workshop.build();
    for (let left = bout.rounds(480, 5); left > 0; left -= KILLS_OF_CROWD) {
      const count = 2 + Math.floor(random() * 5);
      let shells = Array.from({ length: count }, () => workshop.start('stay'));
      let leader = await leaderOf(shells);
      for (let kill = 0; kill < Math.min(left, KILLS_OF_CROWD); kill++)
        await bout.point(`${count} windows, kill ${takeovers.length}`, async () => {
          await Promise.all(shells.map((shell) => Promise.race([shell.line('follows'), shell.line('leads')])));
          const others = shells.filter((shell) => shell !== leader);
          const killedAt = performance.now();
          await leader.kill();
          leader = await leaderOf(others);
          takeovers.push(performance.now() - killedAt);
          shells = [...others, workshop.start('stay')];
          const ids = workshop.leaderLog().map((line) => line.split(' ')[1]!);
          const runs = ids.filter((id, i) => id !== ids[i - 1]);
          assert.equal(new Set(runs).size, runs.length, `an engine wrote after another had begun: ${runs.join(' ')}`);
          return undefined;
        });
      await workshop.clear();
    }
    takeovers.sort((a, b) => a - b);
    const at = (share: number): number => takeovers[Math.ceil(share * takeovers.length) - 1] ?? 0;
    bout.note(`takeover p50 ${at(0.5).toFixed(0)} ms, p95 ${at(0.95).toFixed(0)} ms, most ${at(1).toFixed(0)} ms`);
    await bout.point('takeover p95', () => {
      assert.ok(at(0.95) <= TAKEOVER_MS, `p95 ${at(0.95)} ms`);
      return Promise.resolve(undefined);
    });
  } finally {
    await workshop.dispose();
  }
}

function leaderOf(shells: readonly Shell[]): Promise<Shell> {
  return Promise.race(shells.map((shell) => shell.line('leads').then(() => shell)));
}

/** The real engine, whose download has to go on in another process. */
async function killLeadersThatDownload(bout: Bout): Promise<void> {
  const ground = await bout.ground;
  const adapter = await ground.shared(bout.isSample ? 'small' : 'middle');
  const rate = bout.isSample ? 3e6 : 12e6;
  const windows = await Windows.open(ground);
  const random = seededRandom(160);
  let longest = 0;
  try {
    windows.adopt('reader', (await ground.newHome(LANE)).home);
    const home = windows.home('reader');
    let shells = [await windows.start('reader'), await windows.start('reader'), await windows.start('reader')];
    for (let round = 0; round < bout.rounds(20, 1); round++) {
      const share = 0.1 + 0.6 * random();
      await bout.point(`download, leader killed at ${Math.round(share * 100)} %`, async () => {
        assert.equal(shells.filter(({ isLeader }) => isLeader).length, 1, 'leaders');
        const leader = shells.find(({ isLeader }) => isLeader)!;
        const asking = shells.find(({ isLeader }) => !isLeader)!;
        const { id, result } = asking.ask('get', { target: adapter.id, maxRate: rate });
        await asking.told((told) => isOf(told, id) && told.bytesDone >= share * adapter.manifest.size);

        const from = asking.all.length;
        const killedAt = performance.now();
        await leader.kill();
        await flowsAgain(asking, id, from);
        const resumedMs = performance.now() - killedAt;
        const { refetchedBytes } = await result;
        checkLibrary(home);
        assert.ok(fs.existsSync(path.join(home, 'library', adapter.id)), 'it is not in the library');
        await asking.wish('forget', { id: adapter.id }); // The next round fetches it again, however this one went.

        longest = Math.max(longest, resumedMs);
        assert.ok(resumedMs <= RESUME_MS, `nothing came for ${Math.round(resumedMs)} ms`);
        assert.ok(refetchedBytes <= MAX_UNSAFE_BYTES, `L2: ${refetchedBytes} bytes twice`);
        for (const area of ['partial', 'library', 'tmp'])
          assert.deepEqual(fs.readdirSync(path.join(home, area)), [], `L5: left in ${area}`);
        return { refetched: refetchedBytes };
      });
      shells = shells.filter(({ isAlive }) => isAlive);
      while (shells.length < 3) shells.push(await windows.start('reader'));
    }
    bout.note(`a download went on after at most ${(longest / 1_000).toFixed(1)} s`);
  } finally {
    await windows.dispose();
  }
}

const isOf = (told: Told, id: number): told is Told & { readonly type: 'progress' } =>
  told.type === 'progress' && told.id === id && told.bytesTotal > 0;

/** Resolves when more is there than the next engine began with, or all of it. */
async function flowsAgain(shell: EngineShell, id: number, from: number): Promise<void> {
  const first = await shell.told((told) => isOf(told, id) || (told.type === 'answer' && told.id === id), from);
  if (!isOf(first, id)) return;
  await shell.told(
    (told) => (isOf(told, id) && told.bytesDone > first.bytesDone) || (told.type === 'answer' && told.id === id),
    from,
  );
}
