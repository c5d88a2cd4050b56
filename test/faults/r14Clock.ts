import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { seededRandom } from '../helpers/packages';
import type { Bout, Fault, PointResult } from './fault';
import type { Ground } from './ground';
import { checkHome } from './laws';
import { findNode } from '../run/machine';
import { describe, endsWell, hasBytes, longestGap } from './recovery';
import { Sharers } from './sharers';

const FIRST_LANE = 80;
const DAY_MS = 86_400_000;
const JUMP_DAYS = 400;
/** The clock is for people to read; a download that watches another one does not notice. */
const MAX_GAP_MS = 5_000;
const FAKETIME_FOLDERS = [
  '/usr/lib/x86_64-linux-gnu/faketime',
  '/usr/lib/aarch64-linux-gnu/faketime',
  '/usr/lib/faketime',
  '/usr/local/lib/faketime',
];

/** Moves the clock of a victim, by days from what it was at the start. */
type Clock = (days: number) => void;

/** The clock of one side jumps by more than a year, forth and back, while it fetches and while it shares. */
export const clockJumps: Fault = {
  id: 'R14',
  title: 'clock jumps by 400 days',
  strike: async (bout) => {
    const ground = await bout.ground;
    const library = findFaketime();
    if (library === undefined)
      bout.leaveOut('the clock of the system: libfaketime is not installed; the clock of the program jumps instead');
    const sharers = await Sharers.start(ground, { count: 1, first: FIRST_LANE, lane: true });
    try {
      for (let round = 0; round < bout.rounds(20, 2); round++) {
        const days = round % 2 === 0 ? JUMP_DAYS : -JUMP_DAYS;
        const isSystem = library !== undefined && round % 4 < 2;
        await bout.point(`${isSystem ? 'system' : 'program'} ${days} days, round ${round}`, () =>
          jump(bout, ground, sharers, { days, library: isSystem ? library : undefined, seed: round }),
        );
      }
    } finally {
      await sharers.end();
    }
  },
};

async function jump(
  _bout: Bout,
  ground: Ground,
  sharers: Sharers,
  { days, library, seed }: { readonly days: number; readonly library: string | undefined; readonly seed: number },
): Promise<PointResult> {
  const random = seededRandom(seed);
  const { adapter } = sharers;
  const { home, kept } = await ground.newHome(FIRST_LANE + 1);
  const file = `${home}.clock`;
  const env = library === undefined ? {} : systemClock(library, file);
  const victim = ground.start({ home, get: adapter.id, maxRate: 10e6, isTalkative: true }, { env });
  let at = 0;
  const set: Clock = (to) => {
    if (library === undefined) victim.command({ kind: 'clock', addMs: (to - at) * DAY_MS });
    else writeClock(file, to);
    at = to;
  };
  await hasBytes(victim, (0.1 + 0.3 * random()) * adapter.manifest.size);
  set(days);
  sharers.at(0).command({ kind: 'clock', addMs: -days * DAY_MS });
  await hasBytes(victim, (0.5 + 0.3 * random()) * adapter.manifest.size);
  set(-days);
  sharers.at(0).command({ kind: 'clock', addMs: days * DAY_MS });
  const { refetchedBytes } = await endsWell(victim, 60_000, 'the clock jumped');

  const gap = longestGap(victim);
  assert.ok(gap <= MAX_GAP_MS, `nothing came for ${Math.round(gap)} ms`);
  assert.ok(!victim.said('error'), describe(victim));
  await checkHome(home, kept, adapter.manifest);
  // A start in another year finds what the last one left.
  const next = ground.start({ home, get: adapter.id }, { env });
  assert.equal((await next.exited).code, 0, describe(next));
  await checkHome(home, kept, adapter.manifest);
  ground.removeHome(home);
  fs.rmSync(file, { force: true });
  return { refetched: refetchedBytes };
}

function systemClock(library: string, file: string): Record<string, string> {
  writeClock(file, 0);
  return {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
}

function writeClock(file: string, days: number): void {
  // Renamed, so that it is never read half written.
  fs.writeFileSync(`${file}.new`, `${days < 0 ? '' : '+'}${days}d\n`);
  fs.renameSync(`${file}.new`, file);
}

/** The library, if Node takes the time from it here. */
function findFaketime(): string | undefined {
  const library = FAKETIME_FOLDERS.map((folder) => path.join(folder, 'libfaketimeMT.so.1')).find((file) =>
    fs.existsSync(file),
  );
  if (library === undefined) return undefined;
  const env = { ...process.env, LD_PRELOAD: library, FAKETIME: '+400d', FAKETIME_DONT_FAKE_MONOTONIC: '1' };
  const { stdout } = spawnSync(findNode(), ['-p', 'Date.now()'], { env, encoding: 'utf8' });
  return Number(stdout) > Date.now() + 399 * DAY_MS ? library : undefined;
}
