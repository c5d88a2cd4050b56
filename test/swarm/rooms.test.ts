import assert from 'node:assert/strict';
import type { Testnet } from 'hyperdht/testnet';
import { formatRoomCode } from '../../src/engine/net/roomCode';
import { TestRooms, localDht } from '../helpers/testRooms';

describe('rooms', () => {
  let testnet: Testnet;
  const open: TestRooms[] = [];

  before(async () => {
    testnet = await localDht();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((rooms) => rooms.close()));
  });
  after(() => testnet.destroy());

  async function make(name: string, from?: TestRooms): Promise<TestRooms> {
    const bootstrap = testnet.bootstrap.map(({ host, port }) => `${host}:${port}`);
    const rooms = new TestRooms(bootstrap, name, from);
    open.push(rooms);
    await rooms.rooms.open();
    return rooms;
  }

  it('two members of a private room see each other and what they offer', async () => {
    const [ana, ben] = [await make('ana'), await make('ben')];
    const { room, code } = ana.rooms.create('lab');
    ana.offer(room, 'one', 'two');

    const joined = ben.rooms.joinCode(code.toLowerCase().replaceAll('-', ' '), 'our lab');
    await ben.until(() => ben.listOf(joined, ana).length === 2);
    await ana.until(() => ana.rooms.peers.count(room) === 1);

    assert.equal(joined, room);
    assert.deepEqual(ben.listOf(room, ana), ['one', 'two']);
    assert.deepEqual(
      ben.rooms.peers.states(() => 0).map(({ name, rooms, path }) => ({ name, rooms, path })),
      [{ name: 'ana', rooms: [room], path: 'lan' }],
    );
  });

  it('a change shows on the other side within two seconds, and so does a departure', async () => {
    const [ana, ben] = [await make('ana'), await make('ben')];
    const { room, code } = ana.rooms.create('lab');
    ana.offer(room, 'one', 'two');
    ben.rooms.joinCode(code);
    await ben.until(() => ben.listOf(room, ana).length === 2);

    const removedAt = performance.now();
    ana.offer(room, 'two', 'three');
    await ben.until(() => ben.listOf(room, ana).join() === 'three,two');
    const removedMs = performance.now() - removedAt;
    const leftAt = performance.now();
    ana.rooms.leave('lab');
    await ben.until(() => ben.rooms.peers.count(room) === 0);
    const leftMs = performance.now() - leftAt;

    assert.ok(removedMs < 2_000, `the change took ${removedMs} ms`);
    assert.ok(leftMs < 2_000, `the departure took ${leftMs} ms`);
    assert.deepEqual(ben.listOf(room, ana), []);
  });

  it('members of one room do not see what is offered in another', async () => {
    const [ana, ben] = [await make('ana'), await make('ben')];
    const lab = ana.rooms.create('lab');
    const secret = ana.rooms.create('secret');
    ana.offer(lab.room, 'open');
    ana.offer(secret.room, 'hidden');
    ben.rooms.joinCode(lab.code);

    await ben.until(() => ben.listOf(lab.room, ana).length === 1);

    assert.deepEqual(ben.listOf(secret.room, ana), []);
    assert.equal(ana.rooms.peers.get(ben.key)?.isIn(secret.room), false);
  });

  it('who knows a key but not the code hears nothing and is let go', async () => {
    const ana = await make('ana');
    const { room } = ana.rooms.create('lab');
    ana.offer(room, 'hidden');
    await ana.swarm.listen();
    const prober = testnet.createNode({ firewalled: false });
    const heard: Buffer[] = [];

    const stream = prober.connect(ana.keys.publicKey);
    stream.on('data', (data: Buffer) => heard.push(data));
    stream.on('error', () => undefined);
    await new Promise((resolve) => stream.once('close', resolve));

    assert.equal(Buffer.concat(heard).length, 0);
    assert.equal(ana.rooms.peers.count(room), 0);
  });

  it('a wrong code is named as such', async () => {
    const ana = await make('ana');
    const code = formatRoomCode(Buffer.alloc(16, 7));
    const mistyped = `${code.slice(0, 5)}${code[5] === '2' ? '3' : '2'}${code.slice(6)}`;

    assert.throws(() => ana.rooms.joinCode(mistyped), { code: 'ROOM_CODE_INVALID' });
    assert.throws(() => ana.rooms.joinCode('https://example.org'), { code: 'ROOM_CODE_INVALID' });
  });

  it('rooms are remembered and joined again', async () => {
    const [ana, ben] = [await make('ana'), await make('ben')];
    const { room, code } = ana.rooms.create('lab');
    ben.rooms.joinCode(code, 'mine');
    await ben.until(() => ben.rooms.peers.count(room) === 1);
    await ben.close();

    const again = await make('ben', ben);
    await again.until(() => again.rooms.peers.count(room) === 1);

    assert.deepEqual(
      again.rooms.states(() => 0).map(({ label, kind }) => ({ label, kind })),
      [{ label: 'mine', kind: 'private' }],
    );
  });

  it('a removed member is cut off, the others move to a new code, one who was away follows', async () => {
    const [ana, ben, mallory, away] = [await make('ana'), await make('ben'), await make('mallory'), await make('away')];
    const { room, code } = ana.rooms.create('lab');
    for (const member of [ben, mallory, away]) member.rooms.joinCode(code);
    await ana.until(() => ana.rooms.peers.count(room) === 3);
    await ben.until(() => ben.rooms.members(room).length === 4);
    await away.close();
    await ana.until(() => ana.rooms.peers.count(room) === 2);

    const next = ana.rooms.removeMember('lab', mallory.key);
    ana.offer(room, 'fresh');
    await ben.until(() => ben.listOf(room, ana).length === 1);
    await mallory.until(() => mallory.rooms.peers.count(room) === 0);
    const back = await make('away', away);
    await back.until(() => back.listOf(room, ana).length === 1);

    assert.notEqual(next.code, code);
    assert.deepEqual(mallory.listOf(room, ana), []);
    assert.equal(ben.rooms.invite(room).code, next.code);
    assert.throws(() => ben.rooms.removeMember(room, ana.key), { code: 'ROOM_NOT_OWNER' });
  });
});

describe('the room of the local network', () => {
  it('works without any DHT', async () => {
    const [ana, ben] = [new TestRooms([], 'ana'), new TestRooms([], 'ben')];
    await Promise.all([ana.rooms.open(), ben.rooms.open()]);
    ana.offer('local', 'here');

    ana.rooms.joinLocal();
    ben.rooms.joinLocal();
    await ben.until(() => ben.listOf('local', ana).length === 1);

    assert.equal(ana.swarm.dhtNodes, 0);
    await Promise.all([ana.close(), ben.close()]);
  });
});
