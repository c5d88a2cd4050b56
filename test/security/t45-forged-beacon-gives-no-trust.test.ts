import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { hash, keyPair, randomBytes } from 'hypercore-crypto';
import HyperDHT from 'hyperdht';
import { readBeacon, unseal, writeOpenBeacon } from '../../src/engine/net/lan/lanPackets';
import { privateKeys } from '../../src/engine/net/roomKeys';
import { parseRoomCode } from '../../src/engine/net/roomCode';
import { TestRooms } from '../helpers/testRooms';

const GROUP = '239.76.83.87';
const PORT = 47_687;
/** Also of loopback, but not where the engines of the test are. */
const ELSEWHERE = '127.0.0.2';
/** Where the port stands in a sealed beacon: behind four bytes of magic and the nonce. */
const SEALED_PORT_AT = 20;

describe('T45: a forged beacon on the local network', function () {
  this.timeout(25_000);

  const open: TestRooms[] = [];
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
    await Promise.all(open.splice(0).map((rooms) => rooms.close()));
  });

  async function make(name: string, from?: TestRooms): Promise<TestRooms> {
    const rooms = new TestRooms([], name, from);
    open.push(rooms);
    await rooms.rooms.open();
    return rooms;
  }

  async function socket(address: string, port = 0): Promise<Socket> {
    const made = createSocket({ type: 'udp4', reuseAddr: true });
    ends.push(() => new Promise<void>((resolve) => made.close(resolve)));
    made.bind(port, address);
    await once(made, 'listening');
    made.setMulticastInterface('127.0.0.1');
    return made;
  }

  /** Hears what is said to everybody of loopback, as the engines of the test do. */
  async function listen(onPacket: (bytes: Buffer, from: string) => void): Promise<void> {
    const ear = createSocket({ type: 'udp4', reuseAddr: true });
    ends.push(() => new Promise<void>((resolve) => ear.close(resolve)));
    ear.bind(PORT);
    await once(ear, 'listening');
    ear.addMembership(GROUP, '127.0.0.1');
    ear.on('message', (bytes, { address }) => onPacket(bytes, address));
  }

  /** Waits until so many of these packets were said. */
  async function heard(times: number, isIt: (bytes: Buffer, from: string) => boolean): Promise<void> {
    let count = 0;
    await new Promise<void>((resolve, reject) => {
      listen((bytes, from) => {
        if (isIt(bytes, from) && ++count >= times) resolve();
      }).catch(reject);
    });
  }

  /** Says these packets to everybody of loopback, ten times a second, until the test ends. */
  async function forge(packets: () => readonly Buffer[], address = '127.0.0.1'): Promise<void> {
    const mouth = await socket(address);
    const timer = setInterval(() => packets().forEach((packet) => mouth.send(packet, PORT, GROUP)), 100);
    ends.unshift(() => clearInterval(timer));
  }

  /** A machine that takes handshakes for somebody else's key, which it does not have. */
  async function impostor(victim: Buffer): Promise<{ readonly port: number; asked(times: number): Promise<void> }> {
    const keys = keyPair();
    const node = new HyperDHT({ keyPair: keys, bootstrap: [], host: '127.0.0.1', firewalled: false });
    const server = node.createServer(() => undefined);
    await server.listen(keys);
    ends.push(async () => {
      await server.close(); // `force` leaves its announcing on a timer, which keeps the process.
      await node.destroy({ force: true });
    });
    const router = (node as unknown as { _router: Router })._router;
    let count = 0;
    const waiting = new Set<() => void>();
    const state = router.get(hash(keys.publicKey))!;
    router.set(hash(victim), {
      ...state,
      onpeerhandshake: (handshake, request) => {
        count++;
        for (const check of waiting) check();
        return state.onpeerhandshake(handshake, request);
      },
    });
    return {
      port: node.address()!.port,
      asked: (times) =>
        new Promise((resolve) => {
          const check = (): void => {
            if (count >= times) resolve();
          };
          waiting.add(check);
          check();
        }),
    };
  }

  for (const dialler of ['the friend', 'the misled'] as const)
    it(`with a friend's key leads to a stranger who is not let in, and the friend still is, when ${dialler} dials`, async () => {
      const pair = [await make('one'), await make('two')].sort((a, b) => (a.key < b.key ? -1 : 1)); // The lower key dials.
      const [ana, ben] = (dialler === 'the misled' ? pair : pair.reverse()) as [TestRooms, TestRooms];
      ana.rooms.joinLocal();
      ben.rooms.joinLocal();
      await ana.until(() => ana.rooms.peers.get(ben.key)?.isIn('local') === true);
      await ben.close();
      await ana.until(() => ana.rooms.peers.get(ben.key) === undefined);
      ana.happened.length = 0;
      const stranger = await impostor(ben.keys.publicKey);

      await forge(() => [writeOpenBeacon(ben.keys.publicKey, stranger.port)]);
      await stranger.asked(3);
      const shown = ana.rooms.peers.states(() => 0).filter(({ key }) => key === ben.key);
      const claimed = ana.happened.filter((event) => event.type === 'peer:connected' && event.key === ben.key);
      const back = await make('ben', ben);
      await ana.until(() => ana.rooms.peers.get(back.key)?.isIn('local') === true);

      assert.deepEqual([shown, claimed], [[], []]);
      assert.deepEqual(
        ana.warnings.filter((line) => line.includes(ben.key.slice(0, 8))),
        [],
      );
    });

  it('repeated or changed by somebody else opens for no member of a private room, who dials nobody', async function () {
    const pair = [await make('one'), await make('two')].sort((a, b) => (a.key < b.key ? -1 : 1));
    const [ana, ben] = pair as [TestRooms, TestRooms]; // The lower key dials at once.
    const { room, code } = ben.rooms.create('lab');
    const keys = privateKeys(parseRoomCode(code));
    const overheard = new Promise<Buffer>((resolve, reject) => {
      listen((bytes, from) => {
        const beacon = readBeacon(bytes);
        if (beacon?.kind === 'sealed' && unseal(beacon, from, keys)?.equals(ben.keys.publicKey)) resolve(bytes);
      }).catch(reject);
    });
    const theirs = await overheard;
    const came: string[] = [];
    // Where the packet leads if its sender's address does not count, and if its port does not.
    const traps = [await socket(ELSEWHERE, ben.swarm.port).catch(() => this.skip()), await socket('127.0.0.1')];
    for (const trap of traps) trap.on('message', (_bytes, { address, port }) => came.push(`${address}:${port}`));
    const toTrap = Buffer.from(theirs);
    toTrap.writeUInt16BE(traps[1]!.address().port, SEALED_PORT_AT);

    await ben.close();
    ana.rooms.joinCode(code);
    await forge(() => [theirs], ELSEWHERE);
    await forge(() => [toTrap]);
    await heard(50, (bytes, from) => bytes.equals(theirs) && from === ELSEWHERE);

    assert.deepEqual(came, []);
    assert.equal(ana.rooms.peers.count(room), 0);
  });

  it('in a flood, with a thousand keys, keeps nobody away', async function () {
    const ana = await make('ana');
    ana.rooms.joinLocal();
    const stranger = await socket(ELSEWHERE).catch(() => this.skip());
    const dialled = new Set<string>();
    stranger.on('message', (bytes, { port }) => {
      // Every question names the hash of the key that it is meant for, behind a header of eleven bytes.
      if (port === ana.swarm.port) dialled.add(bytes.toString('hex', 11, 43));
    });
    const isForged = (bytes: Buffer): boolean => bytes.readUInt16BE(bytes.length - 2) === stranger.address().port;
    await forge(
      () => Array.from({ length: 50 }, () => writeOpenBeacon(randomBytes(32), stranger.address().port)),
      ELSEWHERE,
    );
    await heard(1_000, isForged);

    const ben = await make('ben');
    ben.rooms.joinLocal();
    await ana.until(() => ana.rooms.peers.get(ben.key)?.isIn('local') === true);

    assert.ok(dialled.size <= 8, `${dialled.size} keys of one address were dialled`);
  });
});

interface Router {
  get(target: Buffer): RouterState | undefined;
  set(target: Buffer, state: RouterState): void;
}

interface RouterState {
  readonly onpeerhandshake: (handshake: unknown, request: unknown) => unknown;
}
