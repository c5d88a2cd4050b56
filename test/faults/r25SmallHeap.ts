import assert from 'node:assert/strict';
import { bigAdapter } from './bigAdapter';
import type { Fault } from './fault';
import { NO_UPLOAD_LIMIT } from './ground';
import { checkHome } from './laws';
import { describe, endsWell } from './recovery';
import { Sharers } from './sharers';

const LANE = 84;
const MINUTES_MS = 60_000;

/** Both sides have a heap that is a fraction of the file: nothing may ever be in memory whole, nor its list of chunks as objects. */
export const smallHeap: Fault = {
  id: 'R25',
  title: 'a heap much smaller than the file',
  strike: async (bout) => {
    const ground = await bout.ground;
    const heapMB = bout.isSample ? 32 : 128;
    const env = { NODE_OPTIONS: `--max-old-space-size=${heapMB}` };
    const folder = bout.isSample ? await ground.writeAdapter('middle', 25) : await bigAdapter(ground, 'dense');
    const options = { count: 1, first: LANE, lane: true, place: { env }, folder, uploadLimit: NO_UPLOAD_LIMIT };
    const sharers = await Sharers.start(ground, options);
    try {
      for (let round = 0; round < bout.rounds(10, 1); round++)
        await bout.point(`a heap of ${heapMB} MB, round ${round}`, async () => {
          const { home, kept } = await ground.newHome(LANE + 1);
          const { adapter } = sharers;
          const victim = ground.start({ home, get: adapter.id }, { env, limitMs: 10 * MINUTES_MS });
          const { refetchedBytes } = await endsWell(victim, 10 * MINUTES_MS, 'with a small heap');
          assert.ok(!victim.said('error'), describe(victim));
          assert.ok(!sharers.at(0).hasEnded, describe(sharers.at(0)));
          await checkHome(home, kept, adapter.manifest);
          ground.removeHome(home);
          bout.note(`${Math.round((victim.said('closed')?.peakRss ?? 0) / 1e6)} MB resident at most`);
          return { refetched: refetchedBytes };
        });
    } finally {
      await sharers.end();
    }
  },
};
