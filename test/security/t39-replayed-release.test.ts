import assert from 'node:assert/strict';
import { keyPair } from 'hypercore-crypto';
import { signRelease } from '../../src/engine/release/release';
import { TestEngines, untilState } from '../helpers/testEngines';
import { TestRooms } from '../helpers/testRooms';
import { makeRelease } from '../helpers/packages';

describe('an old or replayed release', function () {
  this.timeout(30_000);
  const engines = new TestEngines();
  const strangers: TestRooms[] = [];
  after(async () => {
    await Promise.all(strangers.map((rooms) => rooms.close()));
    await engines.dispose();
  });

  it('is ignored in the same room and in another one, also after a restart', async () => {
    const author = keyPair();
    const contentId = 'ab'.repeat(32);
    const words = (name: string, sequence: number, createdAt: number, id = contentId) =>
      signRelease({ ...makeRelease(id, { name, sequence, createdAt }).release }, author);
    const fresh = words('fresh', 7, 1);
    const old = words('old', 6, 4_000_000_000_000);
    const forged = words('forged', 7, 4_000_000_000_000);
    const marker = (n: number) => words(`marker-${n}`, 100 + n, 1, String(n).padStart(64, '0'));

    let ben = await engines.open('ben');
    const lab = await ben.engine.wish('createRoom', { label: 'lab' });
    const team = await ben.engine.wish('createRoom', { label: 'team' });
    const ana = await stranger('ana');
    ana.rooms.joinCode(lab.code);
    ana.offers.set(lab.room, [fresh]);
    ana.rooms.refreshOffers();
    await untilState(ben.engine, ({ rooms }) => rooms.some(({ adapters }) => adapters === 1));
    await ana.close();
    strangers.splice(0);
    await untilState(ben.engine, ({ rooms }) => rooms.every(({ adapters }) => adapters === 0));

    const mallory = await stranger('mallory');
    for (const { room, code } of [lab, team]) {
      mallory.rooms.joinCode(code);
      mallory.offers.set(room, [old, marker(1)]);
    }
    mallory.rooms.refreshOffers();
    const namesIn = async (room: string): Promise<string[]> =>
      (await ben.engine.wish('list', { room })).adapters.map(({ name }) => name);
    const both = (count: number): Promise<void> =>
      untilState(ben.engine, ({ rooms }) => rooms.every(({ adapters }) => adapters === count));
    await both(1);
    for (const room of ['lab', 'team']) assert.deepEqual(await namesIn(room), ['ana/marker-1']);

    await engines.close(ben.engine);
    ben = await engines.open('ben', { home: ben.home });
    for (const { room } of [lab, team]) mallory.offers.set(room, [old, forged, marker(1), marker(2)]);
    mallory.rooms.refreshOffers();
    await both(2);
    for (const room of ['lab', 'team']) assert.deepEqual(await namesIn(room), ['ana/marker-1', 'ana/marker-2']);
  });

  async function stranger(name: string): Promise<TestRooms> {
    const bootstrap = await engines.addresses();
    const rooms = new TestRooms(bootstrap, name);
    strangers.push(rooms);
    await rooms.rooms.open();
    return rooms;
  }
});
