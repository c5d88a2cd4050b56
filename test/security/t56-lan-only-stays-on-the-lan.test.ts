import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import type { Testnet } from 'hyperdht/testnet';
import { isLanAddress } from '../../src/engine/net/address';
import { readBeacon, writeOpenBeacon } from '../../src/engine/net/lan/lanPackets';
import { parseRoomCode } from '../../src/engine/net/roomCode';
import { generalKeys, privateKeys } from '../../src/engine/net/roomKeys';
import { ROOT } from '../cli/terminal';
import { LURES } from '../helpers/lan/lures';
import { TestNetwork, whyNoNetworks, type Seen, type Sniffer, type TestHost } from '../helpers/lan/testNetwork';
import { TestRooms, localDht } from '../helpers/testRooms';
import { writePeftAdapter } from '../helpers/writeAdapter';

const BOOTSTRAP = '8.8.8.8';
const GROUP = '239.76.83.87';
const BEACON_PORT = 47_687;
const DNS_PORT = 53;
/** By it the kernel tells switches which multicast it wants (IGMP, RFC 3376). */
const IGMP_REPORTS = '224.0.0.22';
/** What a polite goodbye to the DHT takes at most. */
const GOODBYE_MS = 1_200;
/** `ping` of dht-rpc: version and type, flags (internal), two bytes of id, the receiver's address, the command. */
const DHT_PING = Buffer.from('0304000000000000000000', 'hex');
/** An address that nobody has dialled yet, and that is no private one, is not dialled in any mode. */
const { forgedBeacon, ...WORKING_LURES } = LURES;
const [HERE, NEAR, HOSTILE] = ['10.77.0.1', '10.77.0.2', '10.77.0.66'] as const;
/** Of the hostile peer to lead astray: three answers, and what it asks for. */
const WAYS = 4;
const missing = whyNoNetworks();

describe(`T56: an engine on the local network alone${missing === undefined ? '' : ` (skipped: ${missing})`}`, function () {
  this.timeout(40_000);
  let network: TestNetwork;

  before(function () {
    if (missing !== undefined) this.skip();
    network = TestNetwork.open();
  });
  after(async () => {
    if (missing === undefined) await network.close();
  });

  it('sends nothing outside, whatever bootstrap and peers name, which leads it outside before it is told so', async () => {
    const [ana, ben, mallory] = [network.host('ana', 1), network.host('ben', 2), network.host('mallory', 66)];
    network.addGateway(ana, ben, mallory);
    const env = { LORA_SWARM_BOOTSTRAP: `${BOOTSTRAP}:49737` };
    const [, onBen] = await Promise.all([ana.serve({ env }), ben.serve({ env })]);
    const { code } = await ana.run(['room', 'create', 'lab']);
    await Promise.all([ana.run(['room', 'join', 'local']), ben.run(['room', 'join', String(code)])]);
    const runs = path.join(network.folder, 'runs');
    await writePeftAdapter(runs);

    const before = await network.sniff();
    const first = await startHostile(mallory);
    await forgeSenders(mallory, before);
    await before.until(() => outside(before).length > Object.keys(WORKING_LURES).length);
    first.kill('SIGKILL');
    await Promise.all([ana, ben].map((host) => host.run(['config', 'set', 'network.mode', 'local'])));
    await new Promise((resolve) => setTimeout(resolve, GOODBYE_MS));
    const after = await network.sniff();
    await startHostile(mallory);
    await forgeSenders(mallory, after);
    await ana.run(['share', runs, '--room', 'lab', '--no-wait']);
    await onBen.line('adapters:available');
    const got = await ben.run(['get', 'runs']);

    assert.deepEqual(outside(before), [BOOTSTRAP, ...Object.values(WORKING_LURES)].sort());
    assert.deepEqual(outside(after), []);
    assert.deepEqual(
      after.seen().filter(({ from, port }) => port === DNS_PORT && from !== LURES.forgedSender),
      [],
    );
    const reached = after.seen().filter(({ from }) => from === HERE);
    assert.deepEqual(
      [HOSTILE, NEAR].filter((to) => !reached.some((packet) => packet.to === to)),
      [],
    );
    assert.equal(fs.statSync(path.join(String(got['path']), 'adapter_model.safetensors')).size, 8_192);
  });

  function outside(sniffer: Sniffer): string[] {
    const isOutside = ({ from, to }: Seen): boolean =>
      (from === HERE || from === NEAR) && !isLanAddress(to) && to !== GROUP && to !== IGMP_REPORTS;
    return [
      ...new Set(
        sniffer
          .seen()
          .filter(isOutside)
          .map(({ to }) => to),
      ),
    ].sort();
  }

  /** Questions and beacons that seem to come from the internet. */
  async function forgeSenders(host: TestHost, sniffer: Sniffer): Promise<void> {
    const port = (): number | undefined => {
      const packets = sniffer.beacons().filter(({ from }) => from === HERE);
      return packets.map(({ hex }) => readBeacon(Buffer.from(hex, 'hex'))?.port).at(-1);
    };
    await sniffer.until(() => port() !== undefined);
    const forge = network.forger(host);
    const common = { fromPort: DNS_PORT, to: HERE };
    await forge({ ...common, from: LURES.forgedSender, toPort: port()!, bytes: DHT_PING });
    const bytes = writeOpenBeacon(Buffer.alloc(32, 0xff), 40_000);
    await forge({ ...common, from: forgedBeacon, toPort: BEACON_PORT, bytes });
  }

  /** @returns when it has led astray in each of its ways. */
  async function startHostile(host: TestHost): Promise<ChildProcess> {
    const program = path.join(ROOT, 'test/helpers/lan/hostilePeer.ts');
    const child = network.spawn(host.namespace, process.execPath, ['--import', 'tsx', program, HOSTILE]);
    const done = new Set<string>();
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error('the hostile peer ended')));
      readline.createInterface({ input: child.stdout! }).on('line', (line) => {
        done.add((JSON.parse(line) as { done: string }).done);
        if (done.size === WAYS) resolve();
      });
    });
    return child;
  }
});

describe('T56: an engine in private rooms alone', function () {
  this.timeout(20_000);
  let testnet: Testnet;
  let rooms: TestRooms;

  before(async () => {
    testnet = await localDht();
    rooms = new TestRooms(
      testnet.bootstrap.map(({ host, port }) => `${host}:${port}`),
      'ana',
    );
  });
  after(async () => {
    await rooms.close();
    await testnet.destroy();
  });

  it('announces them, and not the general room that it joined before', async () => {
    rooms.mode = 'private';
    await rooms.rooms.open();
    rooms.rooms.joinGeneral();
    const { room, code } = rooms.rooms.create('lab');
    await rooms.until(() => rooms.rooms.states(() => 0).some(({ id, phase }) => id === room && phase === 'joined'));

    const announced = await Promise.all(
      [generalKeys(), privateKeys(parseRoomCode(code))].map(({ topic }) => announcersOf(testnet, topic)),
    );

    assert.deepEqual(announced, [[], [rooms.key]]);
  });
});

async function announcersOf(testnet: Testnet, topic: Buffer): Promise<string[]> {
  const node = testnet.createNode() as unknown as {
    lookup(topic: Buffer): AsyncIterable<{ readonly peers: readonly { readonly publicKey: Buffer }[] }>;
  };
  const keys = new Set<string>();
  for await (const { peers } of node.lookup(topic)) for (const peer of peers) keys.add(peer.publicKey.toString('hex'));
  return [...keys];
}
