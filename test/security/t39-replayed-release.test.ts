import assert from 'node:assert/strict';
import path from 'node:path';
import { keyPair } from 'hypercore-crypto';
import { signRelease, type SignedRelease } from '../../src/engine/release/release';
import { readPackageFacts } from '../../src/engine/store/packageFiles';
import { TestEngines, untilState } from '../helpers/testEngines';
import { TestRooms } from '../helpers/testRooms';
import { makeRelease } from '../helpers/packages';
import { writePeftAdapter } from '../helpers/writeAdapter';

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

  it('is ignored in a room that its author did not mean it for, while it counts where it was meant for', async () => {
    const [ben, ana] = [await engines.open('ben-2'), await engines.open('ana-2')];
    const lab = await ben.engine.wish('createRoom', { label: 'lab' });
    const team = await ben.engine.wish('createRoom', { label: 'team' });
    await ana.engine.wish('joinRoom', { room: lab.code, label: 'lab' });
    await untilState(ana.engine, ({ rooms, peers }) => peers.length === 1 && !rooms[0]!.isUnmet);
    const folder = path.join(engines.folder, 'runs', 'secret');
    await writePeftAdapter(folder);
    const shared = await ana.engine.wish('share', { path: folder, rooms: ['lab'] });
    await untilState(ben.engine, ({ rooms }) => rooms.some(({ adapters }) => adapters === 1));
    const record = await readPackageFacts(path.join(ana.home, 'shared', shared.id), shared.id);
    const signed = record!.release!;

    // Mallory is in both rooms and says ana's words, as they are, in the other one.
    const mallory = await stranger('mallory-2');
    for (const { code } of [lab, team]) mallory.rooms.joinCode(code);
    mallory.offers.set(team.room, [signed, marker('m')]);
    mallory.offers.set(lab.room, [signed]);
    mallory.rooms.refreshOffers();
    await untilState(ben.engine, ({ rooms }) => rooms.every(({ adapters }) => adapters === 1));
    const found = await ben.engine.wish('list', { search: 'secret' });
    const inTeam = await ben.engine.wish('list', { room: 'team' });

    assert.equal(signed.release.rooms?.length, 1);
    assert.deepEqual(
      found.adapters.map(({ id, rooms }) => [id, rooms]),
      [[shared.id, [lab.room]]],
    );
    assert.deepEqual(
      inTeam.adapters.map(({ name }) => name),
      ['mallory/m'],
    );
  });

  function marker(name: string): SignedRelease {
    const { release } = makeRelease('cd'.repeat(32), { name, author: 'mallory' });
    return signRelease(release, keyPair(Buffer.alloc(32, 5)));
  }

  async function stranger(name: string): Promise<TestRooms> {
    const bootstrap = await engines.addresses();
    const rooms = new TestRooms(bootstrap, name);
    strangers.push(rooms);
    await rooms.rooms.open();
    return rooms;
  }
});
