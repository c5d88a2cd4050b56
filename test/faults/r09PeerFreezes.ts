import assert from 'node:assert/strict';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { seededRandom } from '../helpers/packages';
import type { Bout, Fault } from './fault';
import type { Ground, Shared } from './ground';
import { blackHoles } from './r10BadLinks';
import { checkHome } from './laws';
import type { Victim } from './process';
import { endsWell, hasBytes, longestGap, onlyLonely } from './recovery';
import { Sharers } from './sharers';
import { holdUpReading, noAttaching } from './strace';

const FIRST_LANE = 45;
/** A frozen source's chunks are asked of others after 5 s, before the connection is given up. */
const REASSIGN_MS = 7_000;
const RECOVER_MS = 30_000;
/** Silence takes as long as it takes. */
const LONG_MS = 400_000;
const RATE = 12e6;
/** As a disk that is gone: longer than anybody waits. */
const HANGS_US = 600e6;

/** A peer is there and does nothing. Its process is stopped, which to the network looks like a cable that was pulled out; or its disk hangs. */
export const peerFreezes: Fault = {
  id: 'R09',
  title: 'a peer freezes, or its disk hangs',
  strike: async (bout) => {
    const ground = await bout.ground;
    for (const lane of bout.isSample ? [false] : [false, true]) {
      const sharers = await Sharers.start(ground, { count: 2, first: FIRST_LANE + (lane ? 5 : 0), lane });
      try {
        await one(bout, ground, sharers, lane, STOPPED);
        const missing = noAttaching();
        if (missing === undefined) await one(bout, ground, sharers, lane, DISK_HANGS);
        else bout.leaveOut(`disks that hang: ${missing}`);
        await all(bout, ground, sharers, lane);
      } finally {
        await sharers.end();
      }
    }
    await blackHoles(bout);
  },
};

/** How one of two peers comes to give nothing. */
interface Standstill {
  readonly name: string;
  readonly rounds: number;
  readonly seed: number;
  /** Resolves when it gives nothing any more, with what lets it go on. */
  readonly begin: (frozen: Victim, adapter: Shared) => Promise<() => unknown>;
}

const STOPPED: Standstill = {
  ...{ name: 'one of two', rounds: 10, seed: 9 },
  begin: (frozen) => {
    frozen.kill('SIGSTOP');
    return Promise.resolve(() => frozen.kill('SIGCONT'));
  },
};

/** It answers all the time, and what it was asked for does not come: only who looks at the chunks notices. */
const DISK_HANGS: Standstill = {
  ...{ name: 'the disk of one of two hangs', rounds: 5, seed: 10 },
  begin: (frozen, { folder }) =>
    holdUpReading(frozen.child.pid!, path.join(folder, 'adapter_model.safetensors'), HANGS_US),
};

/** The other one takes over. */
async function one(bout: Bout, ground: Ground, sharers: Sharers, lane: boolean, how: Standstill): Promise<void> {
  const random = seededRandom(how.seed);
  const where = `${lane ? 'lane' : 'room'}: ${how.name}`;
  let longest = 0;
  for (let round = 0; round < bout.rounds(how.rounds, 1); round++) {
    const share = 0.1 + 0.5 * random();
    await bout.point(`${where} at ${Math.round(share * 100)} %`, async () => {
      const { home, kept } = await ground.newHome(FIRST_LANE + 4);
      const { adapter } = sharers;
      const victim = ground.start(
        { home, get: adapter.id, maxRate: RATE, isTalkative: true, lane },
        { limitMs: LONG_MS },
      );
      await hasBytes(victim, share * adapter.manifest.size);
      const letGo = await how.begin(sharers.at(round % 2), adapter);
      try {
        const { refetchedBytes } = await endsWell(victim, 60_000, how.name);
        const gap = longestGap(victim);
        longest = Math.max(longest, gap);
        assert.ok(gap <= REASSIGN_MS, `nothing came for ${Math.round(gap)} ms`);
        await checkHome(home, kept, adapter.manifest);
        ground.removeHome(home);
        return { refetched: refetchedBytes };
      } finally {
        await letGo();
      }
    });
  }
  bout.note(`${where}: longest time without a byte ${(longest / 1_000).toFixed(1)} s`);
}

/** Nobody is left until they are back. */
async function all(bout: Bout, ground: Ground, sharers: Sharers, lane: boolean): Promise<void> {
  for (const ms of bout.isSample ? [16_000] : [5_000, 20_000, 120_000]) {
    await bout.point(`${lane ? 'lane' : 'room'}: all for ${ms / 1_000} s`, async () => {
      const { home, kept } = await ground.newHome(FIRST_LANE + 4);
      const { adapter } = sharers;
      const victim = ground.start(
        { home, get: adapter.id, maxRate: RATE, isTalkative: true, lane, retries: 3 },
        { limitMs: LONG_MS },
      );
      await hasBytes(victim, 0.2 * adapter.manifest.size);
      for (const sharer of sharers.all) sharer.kill('SIGSTOP');
      await wait(ms);
      const before = victim.said('progress')?.bytesDone ?? 0;
      for (const sharer of sharers.all) sharer.kill('SIGCONT');
      const backAt = performance.now();
      await hasBytes(victim, before + 1);
      const took = performance.now() - backAt;
      assert.ok(took <= RECOVER_MS, `it went on after ${Math.round(took)} ms only`);
      const { refetchedBytes } = await endsWell(victim, 60_000, 'all are back');
      onlyLonely(victim);
      await checkHome(home, kept, adapter.manifest);
      ground.removeHome(home);
      bout.note(`${lane ? 'lane' : 'room'}: went on ${(took / 1_000).toFixed(1)} s after ${ms / 1_000} s of silence`);
      return { refetched: refetchedBytes };
    });
  }
}
