import assert from 'node:assert/strict';
import type { Testnet } from 'hyperdht/testnet';
import { untilJoined } from '../helpers/securityGround';
import { TestRooms, localDht } from '../helpers/testRooms';

describe('who is said to have an adapter in the general room, and is not connected', function () {
  this.timeout(60_000);

  let testnet: Testnet;
  const open: TestRooms[] = [];
  before(async () => {
    testnet = await localDht();
  });
  after(async () => {
    await Promise.all(open.map((rooms) => rooms.close()));
    await testnet.destroy();
  });

  /** One of very many: no lookup of the room finds it, or somebody else for it. */
  async function lost(name: string): Promise<TestRooms> {
    const rooms = new TestRooms(
      testnet.bootstrap.map(({ host, port }) => `${host}:${port}`),
      name,
    );
    open.push(rooms);
    rooms.swarm.lookUp = () => Promise.resolve([]);
    await rooms.rooms.open();
    rooms.rooms.joinGeneral();
    await untilJoined(rooms);
    return rooms;
  }

  it('is dialled by key while it is fetched, and heard itself then', async () => {
    const [ana, ben] = [await lost('ana'), await lost('ben')];
    ana.offer('general', 'sql');
    const before = ben.rooms.peers.count('general');

    const search = ben.rooms.seek('ab'.repeat(32), ['general'], () => [ana.key]);
    await ben.until(() => ben.listOf('general', ana).length > 0);
    search.dispose();

    assert.equal(before, 0);
    assert.deepEqual(ben.listOf('general', ana), ['sql']);
  });
});
