import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import type { Fault } from './fault';
import { checkHome } from './laws';
import { describe, endsWell, hasBytes } from './recovery';
import { Sharers } from './sharers';

const FIRST_LANE = 60;
const RECOVER_MS = 30_000;
/** Silence takes as long as it takes. */
const LONG_MS = 400_000;
const HOUR_MS = 3_600_000;
/** What may be asked of all peers and on its way when the machine falls asleep. */
const IN_FLIGHT_BYTES = 32 * 1024 ** 2;

/** The machine sleeps: its process stands still, its connections die behind its back, and the clock has moved on when it wakes. */
export const sleeps: Fault = {
  id: 'R13',
  title: 'sleep and wake',
  strike: async (bout) => {
    const ground = await bout.ground;
    for (const lane of bout.isSample ? [true] : [false, true]) {
      const sharers = await Sharers.start(ground, { count: 1, first: FIRST_LANE + (lane ? 2 : 0), lane });
      try {
        for (const ms of bout.isSample ? [20_000] : [2_000, 10_000, 20_000, 60_000, 180_000])
          await bout.point(`${lane ? 'lane' : 'room'}: ${ms / 1_000} s`, async () => {
            const { home, kept } = await ground.newHome(FIRST_LANE + 1);
            const { adapter } = sharers;
            const victim = ground.start(
              { home, get: adapter.id, maxRate: 10e6, isTalkative: true, lane },
              { limitMs: LONG_MS },
            );
            await hasBytes(victim, 0.3 * adapter.manifest.size);
            victim.kill('SIGSTOP');
            await wait(ms);
            const before = victim.said('progress')?.bytesDone ?? 0;
            victim.command({ kind: 'clock', addMs: 8 * HOUR_MS });
            victim.kill('SIGCONT');
            const wokeAt = performance.now();
            // What the kernel had taken in meanwhile does not count.
            await hasBytes(victim, Math.min(adapter.manifest.size, before + 12e6));
            const took = performance.now() - wokeAt;
            assert.ok(took <= RECOVER_MS, `it went on after ${Math.round(took)} ms only`);
            const { refetchedBytes } = await endsWell(victim, 60_000, 'awake');
            assert.ok(!victim.said('error'), describe(victim));
            assert.ok(refetchedBytes <= IN_FLIGHT_BYTES, `L2: ${refetchedBytes} bytes twice`);
            await checkHome(home, kept, adapter.manifest);
            ground.removeHome(home);
            bout.note(
              `${lane ? 'lane' : 'room'}: went on ${(took / 1_000).toFixed(1)} s after ${ms / 1_000} s of sleep`,
            );
            return { refetched: refetchedBytes };
          });
      } finally {
        await sharers.end();
      }
    }
  },
};
