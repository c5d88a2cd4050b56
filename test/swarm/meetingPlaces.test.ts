import assert from 'node:assert/strict';
import type { Testnet } from 'hyperdht/testnet';
import { keyPair, type KeyPair } from 'hypercore-crypto';
import { silentLog } from '../../src/engine/log';
import { MeetingPlaces } from '../../src/engine/net/gossip/meetingPlaces';
import { shardTopic } from '../../src/engine/net/roomKeys';
import { Swarm, type JoinedTopic } from '../../src/engine/net/swarm';
import { localDht } from '../helpers/testRooms';

describe('where the open room meets', function () {
  this.timeout(120_000);

  let testnet: Testnet;
  let nodes: readonly Announcing[];
  let swarm: Swarm;
  const open: MeetingPlaces[] = [];
  const keys = keyPair();
  const mine = keys.publicKey.toString('hex');
  const met: string[] = [];
  const joined: JoinedTopic[] = [];
  const announced: { readonly topic: Buffer; readonly keys: KeyPair; readonly node: Announcing }[] = [];
  beforeEach(async () => {
    testnet = await localDht();
    met.length = 0;
    joined.length = 0;
    announced.length = 0;
    nodes = testnet.nodes as unknown as readonly Announcing[];
    const bootstrap = testnet.bootstrap.map(({ host, port }) => `${host}:${port}`);
    swarm = new Swarm({ keyPair: keys, host: '127.0.0.1', bootstrap: () => bootstrap, log: silentLog });
  });
  afterEach(async () => {
    for (const places of open.splice(0)) places.dispose();
    await swarm.close();
    await testnet.destroy();
  });

  /** So many peers stand on a topic, as the nodes of the DHT see it. Each node sends so many packets a second only. */
  async function crowd(topic: Buffer, count: number): Promise<void> {
    const standing = Array.from({ length: count }, (_, i) => ({
      topic,
      keys: keyPair(),
      node: nodes[i % nodes.length]!,
    }));
    announced.push(...standing);
    const relays = [{ host: '127.0.0.1', port: 9 }];
    await Promise.all(standing.map(({ node, keys: theirs }) => node.announce(topic, theirs, relays).finished()));
  }

  async function leave(): Promise<void> {
    await Promise.all(announced.map(({ node, topic, keys: theirs }) => node.unannounce(topic, theirs)));
  }

  async function keysOn(topic: Buffer): Promise<Set<string>> {
    return new Set((await swarm.lookUp(topic)).map(({ publicKey }) => publicKey.toString('hex')));
  }

  async function look(neighbours: number, strangers: readonly string[] = [], crowded = 600): Promise<MeetingPlaces> {
    const places = new MeetingPlaces({
      swarm: {
        join: (topic, options) => {
          const topicOf = swarm.join(topic, options);
          joined.push(topicOf);
          return topicOf;
        },
        lookUp: (topic) => swarm.lookUp(topic),
        meet: ({ key }) => void met.push(key.toString('hex')),
      },
      key: keys.publicKey,
      topic: shardTopic(0, keys.publicKey),
      neighbours: () => neighbours,
      strangers: () => strangers,
      onLooked: () => undefined,
      log: silentLog,
      crowded,
    });
    open.push(places);
    await places.look(true);
    return places;
  }

  it('is one topic for all while they are few, and dials those who are there', async () => {
    await crowd(shardTopic(0, keys.publicKey), 50);

    const { level } = await look(0);

    assert.equal(level, 0);
    assert.equal(new Set(met).size, 12);
  });

  it('is divided by the first digits of the keys where it is crowded, and some stay where all began', async () => {
    const [all, half] = [shardTopic(0, keys.publicKey), shardTopic(1, keys.publicKey)];
    await Promise.all([crowd(all, 150), crowd(half, 150)]);

    const { level } = await look(0, [], 60);
    await Promise.all(joined.map((topic) => topic.flushed()));
    const [there, onTop] = [await keysOn(shardTopic(2, keys.publicKey)), await keysOn(half)];

    assert.equal(level, 2);
    assert.deepEqual([there.has(mine), onTop.size > 20], [true, true]);
  });

  it('is one again when it is not crowded any more', async () => {
    const topic = shardTopic(0, keys.publicKey);
    await crowd(topic, 150);
    const divided = await look(0, [], 60);
    const before = divided.level;

    await leave();
    await divided.look(true); // It may have begun before.
    await divided.look(true);

    assert.deepEqual([before, divided.level], [1, 0]);
  });

  it('dials those that others told of when it has few neighbours', async () => {
    const stranger = keyPair().publicKey.toString('hex');

    await look(5, [stranger]);
    const few = [...met];
    await look(6, [stranger]);

    assert.deepEqual([few, met], [[stranger], [stranger]]);
  });

  it('asks nobody when the engine is closed, and opens nothing for it', async () => {
    const places = await look(0);
    await swarm.close();

    await places.look(true);

    assert.equal(swarm.isRunning, false);
  });
});

interface Announcing {
  announce(topic: Buffer, keys: object, relays: readonly object[]): { finished(): Promise<void> };
  unannounce(topic: Buffer, keys: object): Promise<void>;
}
