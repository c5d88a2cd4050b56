import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { seededRandom } from '../helpers/packages';
import { inLanes, type Fault, type PointResult } from './fault';
import type { Ground } from './ground';
import { checkHome } from './laws';
import { describe, endsWell, hasBytes } from './recovery';
import { noSmallDisks, withSmallDisk } from './smallDisk';

const LANES = 8;
const FIRST_LANE = 20;
/** From the moment at which there is space again. */
const RESUME_MS = 30_000;
const FIGURES = /needs [\d.]+ [KMG]B .* [\d.]+ [KMG]B are free/;

/** Somebody else fills the disk while a download runs, and makes space again. */
export const diskFull: Fault = {
  id: 'R03',
  title: 'disk full, and freed',
  strike: async (bout) => {
    const missing = noSmallDisks();
    if (missing !== undefined) {
      bout.leaveOut(`full disks: ${missing}`);
      return;
    }
    const ground = await bout.ground;
    const random = seededRandom(3);
    const rounds = Array.from({ length: bout.rounds(50, 2) }, () => ({ share: random(), waitMs: random() * 2_000 }));
    let slowest = 0;
    await inLanes(rounds, LANES, ({ share, waitMs }, lane) =>
      bout.point(`full at ${Math.round(share * 100)} %`, async () => {
        const { refetched, ms } = await fillAndFree(ground, FIRST_LANE + lane, share, waitMs);
        slowest = Math.max(slowest, ms);
        return { refetched };
      }),
    );
    bout.note(`it went on ${(slowest / 1_000).toFixed(1)} s after there was space, at the latest`);
    await bout.point('a disk that is too small from the start', () => refused(ground));
  },
};

async function fillAndFree(
  ground: Ground,
  lane: number,
  share: number,
  waitMs: number,
): Promise<{ readonly refetched: number; readonly ms: number }> {
  const adapter = await ground.shared('small');
  return await withSmallDisk(ground.emptyHome(), 24, async (disk) => {
    const { home, kept } = await ground.newHome(lane, { home: path.join(disk, 'home') });
    const victim = ground.start({ home, get: adapter.id, retries: 1, maxRate: 3e6, isTalkative: true });
    await hasBytes(victim, share * adapter.manifest.size * 0.9);
    fillDisk(path.join(disk, 'film'));
    const word = await victim.until(
      (word) =>
        word.kind === 'got' || (word.kind === 'progress' && word.problem !== undefined && FIGURES.test(word.problem)),
    );
    if (word.kind === 'progress') {
      assert.match(word.problem ?? '', /^STORE_FULL/);
      assert.match(word.phase, /^(paused|failed)$/);
    }
    await wait(waitMs);
    fs.rmSync(path.join(disk, 'film'));
    const freedAt = performance.now();
    const { refetchedBytes } = await endsWell(victim, RESUME_MS + 10_000, 'space again');
    const ms = performance.now() - freedAt;
    assert.ok(!victim.said('error'), describe(victim));
    await checkHome(home, kept, adapter.manifest);
    return { refetched: refetchedBytes, ms };
  });
}

/** Writes until nothing goes in any more. */
function fillDisk(file: string): void {
  spawnSync('dd', ['if=/dev/zero', `of=${file}`, 'bs=64K'], { stdio: 'ignore' });
}

async function refused(ground: Ground): Promise<PointResult> {
  const adapter = await ground.shared('small');
  return await withSmallDisk(ground.emptyHome(), 4, async (disk) => {
    const { home } = await ground.newHome(FIRST_LANE, { home: path.join(disk, 'home') });
    const victim = ground.start({ home, get: adapter.id });
    const { code } = await victim.exited;
    const error = victim.said('error');
    assert.ok(code === 3 && error, describe(victim));
    assert.equal(error.code, 'STORE_FULL');
    assert.match(error.message, FIGURES);
    assert.deepEqual(fs.readdirSync(path.join(home, 'partial')), [], 'something was begun');
    return {};
  });
}
