import assert from 'node:assert/strict';
import { UploadSlots } from '../../../src/engine/transfer/uploadSlots';
import { VirtualClock } from '../../helpers/virtualClock';

const MB = 1_000_000;

describe('UploadSlots', () => {
  let clock: VirtualClock;
  let lost: string[];
  let slots: UploadSlots;
  beforeEach(() => {
    clock = new VirtualClock();
    lost = [];
    dueAt.clear();
    slots = new UploadSlots(clock, (key) => {
      lost.push(key);
      dueAt.set(key, clock.now() + slots.waitMs(key));
    });
  });
  afterEach(() => slots.dispose());

  const names = (count: number, prefix = 'p'): string[] => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
  /** Peers that have had their first megabytes. */
  const known = (keys: readonly string[]): void => {
    for (const key of keys) slots.got(key, 0);
    for (const key of keys) slots.got(key, 5 * MB);
  };
  /** When each peer was told to come back. */
  const dueAt = new Map<string, number>();
  /** Every peer asks every second, but for those who were sent away, and gets a megabyte when it is served. */
  const run = async (keys: readonly string[], seconds: number): Promise<Map<string, number>> => {
    const got = new Map(keys.map((key) => [key, 0]));
    for (let second = 0; second < seconds; second++) {
      for (const key of keys) {
        if (clock.now() < (dueAt.get(key) ?? 0)) continue;
        const waitMs = slots.waitMs(key);
        dueAt.set(key, clock.now() + waitMs);
        if (waitMs > 0) continue;
        slots.got(key, MB);
        got.set(key, got.get(key)! + 1);
      }
      await clock.advance(1_000);
    }
    return got;
  };

  it('serves everybody while there are no more than eight', async () => {
    known(names(8));

    const got = await run(names(8), 60);

    assert.deepEqual([...got.values()], Array<number>(8).fill(60));
    assert.deepEqual(lost, []);
  });

  it('gives everybody the first 5 MB, however many there are', () => {
    const many = names(50);

    for (const key of many) assert.equal(slots.waitMs(key), 0);
    for (const key of many) assert.equal(slots.got(key, 4 * MB), true);
    const stays = many.filter((key) => slots.got(key, 2 * MB));

    assert.equal(stays.length, 8);
  });

  it('tells who is sent away when to come back', () => {
    known(names(9));

    const waitMs = slots.waitMs('p8');

    assert.ok(waitMs > 0 && waitMs <= 10_000, `${waitMs} ms`);
    assert.equal(slots.waitMs('p3'), 0);
  });

  it('gives six slots to who gave most, and the others in turn', async () => {
    const givers = names(7, 'giver');
    const others = names(10, 'other');
    known([...others, ...givers]);
    givers.forEach((key, i) => slots.gave(key, (i + 1) * MB));
    await run([...others, ...givers], 10); // Until the first review.

    const got = await run([...others, ...givers], 300);

    for (const key of givers.slice(1)) assert.equal(got.get(key), 300, key);
    // Ten and the one that gave least share two slots: each of them gets about 2/11 of the time.
    for (const key of [...others, 'giver0']) assert.ok(got.get(key)! >= 20, `${key}: ${got.get(key)}`);
  });

  it('goes round among those who gave nothing', async () => {
    known(names(20));

    const got = await run(names(20), 600);

    const counts = [...got.values()];
    assert.ok(Math.min(...counts) >= 0.25 * 600 && Math.max(...counts) <= 0.6 * 600, counts.join(' '));
    assert.ok(lost.length > 0);
  });

  it('forgets what a peer gave long ago', async () => {
    const rest = names(8);
    known(['early', 'late', ...rest]);
    for (const key of rest.slice(0, 5)) slots.gave(key, 100 * MB);
    slots.gave('early', 40 * MB);
    await clock.advance(30 * 60_000);
    for (const key of rest.slice(0, 5)) slots.gave(key, 100 * MB);
    slots.gave('late', MB);

    const got = await run(['early', 'late', ...rest], 120);

    assert.ok(got.get('late')! >= 110, `${got.get('late')}`);
    assert.ok(got.get('early')! < 90, `${got.get('early')}`);
  });

  it('takes the slot of who wants nothing any more at once', async () => {
    known(names(9));
    assert.ok(slots.waitMs('p8') > 0);

    for (let second = 0; second < 6; second++) {
      for (const key of names(7)) slots.got(key, MB); // p7 does not ask.
      await clock.advance(1_000);
    }

    assert.equal(slots.waitMs('p8'), 0);
    assert.deepEqual(lost, []);
  });

  it('remembers a bounded number of peers', () => {
    for (const key of names(5_000)) slots.got(key, 6 * MB);

    assert.ok(slots.size <= 1_000, `${slots.size} peers`);
  });
});
