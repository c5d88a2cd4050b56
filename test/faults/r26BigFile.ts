import assert from 'node:assert/strict';
import { bigAdapter } from './bigAdapter';
import type { Fault } from './fault';
import { NO_UPLOAD_LIMIT } from './ground';
import { checkHome } from './laws';
import { describe, endsWell } from './recovery';
import { Sharers } from './sharers';

const LANE = 90;
const LIMIT_MS = 10 * 60_000;
const MAX_RSS = 250e6;
const MAX_LAG_MS = 200;

/** The largest file that there may be, from one source and from several. */
export const bigFile: Fault = {
  id: 'R26',
  title: 'a file of 4 GiB from 1, 2 and 4 sources',
  isLong: true,
  strike: async (bout) => {
    const ground = await bout.ground;
    for (const kind of ['sparse', 'dense'] as const)
      for (const count of [1, 2, 4])
        await bout.point(`${kind}, ${count} sources`, async () => {
          const folder = await bigAdapter(ground, kind);
          const sharers = await Sharers.start(ground, {
            count,
            first: LANE,
            lane: true,
            folder,
            uploadLimit: NO_UPLOAD_LIMIT,
          });
          try {
            const { home, kept } = await ground.newHome(LANE + 4);
            const { adapter } = sharers;
            const victim = ground.start({ home, get: adapter.id, watchesLag: true }, { limitMs: LIMIT_MS });
            const startedAt = performance.now();
            const { refetchedBytes, sources } = await endsWell(victim, LIMIT_MS, 'a large file');
            const seconds = (performance.now() - startedAt) / 1_000;
            const { peakRss = 0, lagMs = 0 } = victim.said('closed') ?? {};
            bout.note(
              `${kind}, ${sources} of ${count} sources: ${seconds.toFixed(0)} s, ` +
                `${Math.round(peakRss / 1e6)} MB resident, longest pause ${lagMs.toFixed(0)} ms`,
            );
            assert.ok(!victim.said('error'), describe(victim));
            await checkHome(home, kept, adapter.manifest);
            ground.removeHome(home);
            assert.ok(peakRss < MAX_RSS, `${Math.round(peakRss / 1e6)} MB resident`);
            assert.ok(lagMs <= MAX_LAG_MS, `nothing else could run for ${Math.round(lagMs)} ms`);
            return { refetched: refetchedBytes };
          } finally {
            await sharers.end();
          }
        });
  },
};
