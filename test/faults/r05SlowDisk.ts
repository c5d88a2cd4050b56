import assert from 'node:assert/strict';
import path from 'node:path';
import type { Fault } from './fault';
import { checkHome } from './laws';
import { describe } from './recovery';
import { delaying, noStrace } from './strace';

const LANE = 95;
const DELAY_US = 20_000;
/** Of the whole process, however large the adapter is. */
const MAX_RSS_BYTES = 160e6;
/** More than on a quick disk: what a peer may send before it is told to wait. */
const MAX_MORE_BYTES = 48 * 1024 ** 2;

/** Every write of the weights takes 20 ms. Peers have to wait; the bytes must not pile up in memory. */
export const slowDisk: Fault = {
  id: 'R05',
  title: 'slow disk',
  strike: async (bout) => {
    const missing = noStrace();
    if (missing !== undefined) {
      bout.leaveOut(`slow disks: ${missing}`);
      return;
    }
    const ground = await bout.ground;
    const adapter = await ground.shared(bout.isSample ? 'middle' : 'large');
    for (let round = 0; round < bout.rounds(5, 1); round++)
      await bout.point(`round ${round}`, async () => {
        const peaks: number[] = [];
        const seconds: number[] = [];
        for (const delay of [0, DELAY_US]) {
          const { home, kept } = await ground.newHome(LANE);
          const file = path.join(home, 'partial', adapter.id, 'adapter_model.safetensors');
          const startedAt = performance.now();
          const victim = ground.start({ home, get: adapter.id }, { wrap: delaying(file, 'pwrite64', delay) });
          assert.equal((await victim.exited).code, 0, describe(victim));
          seconds.push((performance.now() - startedAt) / 1_000);
          peaks.push(victim.said('closed')!.peakRss);
          await checkHome(home, kept, adapter.manifest);
          ground.removeHome(home);
        }
        const more = peaks[1]! - peaks[0]!;
        bout.note(
          `${Math.round(peaks[0]! / 1e6)} MB in ${seconds[0]!.toFixed(1)} s, slow ${Math.round(peaks[1]! / 1e6)} MB in ${seconds[1]!.toFixed(1)} s`,
        );
        assert.ok(seconds[1]! > seconds[0]!, 'the disk was not slow');
        assert.ok(peaks[1]! <= MAX_RSS_BYTES, `${peaks[1]} bytes of memory`);
        assert.ok(more <= MAX_MORE_BYTES, `${more} bytes more`);
        return {};
      });
  },
};
