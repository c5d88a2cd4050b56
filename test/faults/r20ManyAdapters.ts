import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { MAX_PEER_ENTRIES } from '../../src/engine/limits';
import { makeRelease } from '../helpers/packages';
import { TestRooms } from '../helpers/testRooms';
import type { EngineShell } from '../service/engineShells';
import type { Fault } from './fault';
import { Windows } from './windows';

const LANE = 82;
const OPEN_MS = 300;
const FILTER_MS = 100;
const LAG_MS = 200;
const PAGE = 200;
const TIMES = 5;
const LOOK_MS = 20;
/** An engine checks some thousand signatures a second. */
const ALL_MS = 60_000;

/** What a person looks for, and how many of 20 have it. */
const LOOKS: readonly (readonly [search: string, share: number])[] = [
  ['sql', 0.2],
  ['Qwen', 0.25],
  ['number 123', -1],
  ['there is no such', 0],
];

/** A room with so many adapters that a list of them must not be drawn, sent or read as one. */
export const manyAdapters: Fault = {
  id: 'R20',
  title: '10,000 adapters in a room',
  strike: async (bout) => {
    const ground = await bout.ground;
    // A sample shares the processors with other tests: their times would be measured, too.
    const within = (ms: number, limit: number, what: string): void => {
      if (!bout.isSample) assert.ok(ms <= limit, `${what} ${Math.round(ms)} ms`);
    };
    const windows = await Windows.open(ground);
    const givers: TestRooms[] = [];
    try {
      windows.adopt('reader', (await ground.newHome(LANE)).home);
      const reader = await windows.start('reader');
      const count = bout.rounds(20, 2);
      const expected = count * MAX_PEER_ENTRIES;
      for (let i = 0; i < count; i++) {
        const giver = new TestRooms(ground.bootstrap, `giver ${i}`);
        givers.push(giver);
        onlyWaits(giver);
        await giver.rooms.open();
        const room = giver.rooms.joinCode(ground.room);
        giver.offers.set(room, offersOf(i));
        giver.rooms.refreshOffers();
      }

      await bout.point(`${expected} adapters come`, async () => {
        const startedAt = performance.now();
        let longest = 0;
        for (;;) {
          // What a window asks meanwhile has to be answered, however much there is to check and to enter.
          longest = Math.max(longest, await msOf(() => reader.wish('state', {})));
          const { total } = await reader.wish('list', { search: 'bulk', limit: 1 });
          if (total >= expected) break;
          assert.ok(performance.now() - startedAt < ALL_MS, `${total} of ${expected} came`);
          await wait(LOOK_MS);
        }
        bout.note(
          `all there after ${((performance.now() - startedAt) / 1_000).toFixed(1)} s, longest wait ${longest.toFixed(0)} ms`,
        );
        within(longest, LAG_MS, 'a window waited');
        return undefined;
      });
      await bout.point('the list opens', async () => {
        const ms = await median(() => reader.wish('list', { offset: 0, limit: PAGE }));
        bout.note(`a page opens in ${ms.toFixed(0)} ms`);
        within(ms, OPEN_MS, 'a page took');
        return undefined;
      });
      await bout.point('the last page opens', async () => {
        const offset = expected - PAGE;
        const ms = await median(() => reader.wish('list', { search: 'bulk', offset, limit: PAGE }));
        within(ms, OPEN_MS, 'a page took');
        const { adapters } = await reader.wish('list', { search: 'bulk', offset, limit: PAGE });
        assert.equal(adapters.length, PAGE);
        return undefined;
      });
      for (const [search, share] of LOOKS)
        await bout.point(`filtered by "${search}"`, async () => {
          const ms = await median(() => reader.wish('list', { search: `bulk ${search}`, limit: PAGE }));
          const { total } = await reader.wish('list', { search: `bulk ${search}`, limit: PAGE });
          if (share >= 0) assert.equal(total, share * expected);
          else assert.ok(total >= count, `${total} found`);
          bout.note(`"${search}" in ${ms.toFixed(0)} ms`);
          within(ms, FILTER_MS, 'a filter took');
          return undefined;
        });
    } finally {
      for (const giver of givers) await giver.close();
      await windows.dispose();
    }
  },
};

/** Givers that met each other would check each other's lists, on the processors that the reader needs. */
function onlyWaits({ swarm }: TestRooms): void {
  const join = swarm.join.bind(swarm);
  swarm.join = (topic) => join(topic, { server: true, client: false });
  swarm.meet = () => undefined;
}

const KINDS = ['sql', 'chat', 'code', 'tone', 'json'] as const;
const BASES = ['meta-llama/Llama-3.2-1B', 'Qwen/Qwen2.5-7B', 'google/gemma-2-2b', 'microsoft/phi-3-mini'] as const;

/** All of authors with one name, each of whom is shown with the start of a key: what costs most. */
function offersOf(giver: number): ReturnType<typeof makeRelease>[] {
  return Array.from({ length: MAX_PEER_ENTRIES }, (_, i) => {
    const number = giver * MAX_PEER_ENTRIES + i;
    const baseModel = BASES[i % BASES.length]!;
    return makeRelease(
      createHash('sha256').update(`bulk ${number}`).digest('hex'),
      {
        ...{ name: `bulk-${KINDS[i % KINDS.length]!}-number-${i}`, sequence: i + 1 },
        shape: { blocks: 2, dims: { q_proj: [64, 64] }, baseModel },
      },
      giver,
    );
  });
}

async function msOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

async function median(work: () => ReturnType<EngineShell['wish']>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < TIMES; i++) times.push(await msOf(work));
  return times.sort((a, b) => a - b)[Math.floor(TIMES / 2)]!;
}
