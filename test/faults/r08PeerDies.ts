import assert from 'node:assert/strict';
import { seededRandom } from '../helpers/packages';
import type { Fault } from './fault';
import { checkHome } from './laws';
import { describe, endsWell, hasBytes, longestGap } from './recovery';
import { Sharers } from './sharers';

const FIRST_LANE = 30;
/** Chunks of one who is silent are asked of others after 5 s. */
const MAX_GAP_MS = 7_000;
/** Enough for all three to be busy, and for a second or two to strike in. */
const RATE = 12e6;

/** One of three who give is killed; nobody says goodbye. */
export const peerDies: Fault = {
  id: 'R08',
  title: 'one of three seeders killed',
  strike: async (bout) => {
    const ground = await bout.ground;
    const random = seededRandom(8);
    let longest = 0;
    for (const lane of [false, true]) {
      const sharers = await Sharers.start(ground, { count: 3, first: FIRST_LANE + (lane ? 5 : 0), lane });
      try {
        for (let round = 0; round < bout.rounds(20, 1); round++) {
          const share = 0.05 + 0.6 * random();
          const which = Math.floor(random() * 3);
          await bout.point(`${lane ? 'lane' : 'room'}: killed at ${Math.round(share * 100)} %`, async () => {
            const { home, kept } = await ground.newHome(FIRST_LANE + 4);
            const { adapter } = sharers;
            const victim = ground.start({ home, get: adapter.id, maxRate: RATE, isTalkative: true, lane });
            await hasBytes(victim, share * adapter.manifest.size);
            sharers.at(which).kill();
            const { refetchedBytes } = await endsWell(victim, 60_000, 'a seeder died');
            const gap = longestGap(victim);
            longest = Math.max(longest, gap);
            assert.ok(gap <= MAX_GAP_MS, `nothing came for ${Math.round(gap)} ms`);
            assert.ok(!victim.said('error'), describe(victim));
            await checkHome(home, kept, adapter.manifest);
            ground.removeHome(home);
            return { refetched: refetchedBytes };
          });
          if (sharers.at(which).hasEnded) await sharers.restart(which);
        }
      } finally {
        await sharers.end();
      }
    }
    bout.note(`longest time without a byte ${(longest / 1_000).toFixed(1)} s`);
  },
};
