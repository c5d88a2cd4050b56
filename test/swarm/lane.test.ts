import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import type { Testnet } from 'hyperdht/testnet';
import type { TransferChannel } from '../../src/engine/net/transferChannel';
import type { TransferMessage } from '../../src/engine/net/transferMessages';
import { TestRooms, localDht } from '../helpers/testRooms';

const CONTENT = 'ab'.repeat(32);

describe('the lane between two engines', () => {
  let testnet: Testnet;
  let ana: TestRooms;
  let ben: TestRooms;

  before(async () => {
    testnet = await localDht();
  });
  beforeEach(async () => {
    const bootstrap = testnet.bootstrap.map(({ host, port }) => `${host}:${port}`);
    [ana, ben] = [new TestRooms(bootstrap, 'ana'), new TestRooms(bootstrap, 'ben')];
    await Promise.all([ana.rooms.open(), ben.rooms.open()]);
  });
  afterEach(() => Promise.all([ana.close(), ben.close()]));
  after(() => testnet.destroy());

  it('opens when something is fetched, and not before', async () => {
    await meet(ana, ben);
    assert.deepEqual([laneOf(ana), laneOf(ben)], [undefined, undefined]);

    ask(ben);
    await lanes(ana, ben);

    assert.equal(ben.rooms.peers.get(ana.key)?.transfer, laneOf(ben));
    assert.deepEqual([laneOf(ben)?.peerKey, laneOf(ana)?.peerKey], [ana.key, ben.key]);
  });

  it('carries what is asked and what is answered', async () => {
    await meet(ana, ben);
    ask(ben);
    await lanes(ana, ben);
    const asked = next(laneOf(ana)!);
    const answered = next(laneOf(ben)!);

    laneOf(ben)!.send({ type: 'open', handle: 1, contentId: CONTENT });
    laneOf(ana)!.send({ type: 'refused', handle: 1, reason: 'unknown', retryMs: 0 });

    assert.deepEqual(await asked, { type: 'open', handle: 1, contentId: CONTENT });
    assert.deepEqual(await answered, { type: 'refused', handle: 1, reason: 'unknown', retryMs: 0 });
  });

  it('is dialled by the other side when one side does not get through', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    ana.lanes.listen = () => Promise.resolve(port); // As behind a firewall: nobody is there for who dials.
    await meet(ana, ben);

    ask(ben);
    await lanes(ana, ben);

    assert.equal(laneOf(ben)?.isOpen, true);
  });

  it('leaves the way beside the rooms when it ends, and ends with the rooms', async () => {
    await meet(ana, ben);
    ask(ben);
    await lanes(ana, ben);
    const ended = new Promise<void>((resolve) => laneOf(ben)!.onDidClose(resolve));

    laneOf(ana)!.strike('protocol');
    await ended;

    assert.notEqual(ben.rooms.peers.get(ana.key)?.transfer.isLane, true);
  });

  it('counts a fault on it against the peer', async () => {
    await meet(ana, ben);
    ask(ben);
    await lanes(ana, ben);

    laneOf(ana)!.strike('badData');

    assert.match(ana.warnings.join(), /was sent away: badData/);
  });
});

async function meet(ana: TestRooms, ben: TestRooms): Promise<void> {
  const { code } = ana.rooms.create('lab');
  ben.rooms.joinCode(code);
  await Promise.all([ana.until(() => ana.links.length === 1), ben.until(() => ben.links.length === 1)]);
}

function ask(from: TestRooms): void {
  from.links[0]!.send({ type: 'open', handle: 9, contentId: CONTENT });
}

async function lanes(...all: TestRooms[]): Promise<void> {
  await Promise.all(all.map((rooms) => rooms.until(() => laneOf(rooms) !== undefined)));
}

function laneOf(rooms: TestRooms): TransferChannel | undefined {
  return rooms.links.find(({ isLane }) => isLane);
}

function next(link: TransferChannel): Promise<TransferMessage> {
  return new Promise((resolve) => link.onDidReceive(resolve));
}
