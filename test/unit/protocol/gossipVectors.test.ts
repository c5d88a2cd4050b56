import assert from 'node:assert/strict';
import c, { type Encoder } from 'compact-encoding';
import { heard, rumours, tellMe } from '../../../src/engine/net/gossip/gossipMessages';
import { isGenuine, makeRumours, type Rumour } from '../../../src/engine/net/gossip/rumour';
import { readBeacon, seal, unseal, type SealPlace } from '../../../src/engine/net/lan/lanPackets';
import { generalKeys, privateKeys, shardTopic } from '../../../src/engine/net/roomKeys';
import { identityKeys } from '../../../src/engine/release/release';
import { readVectors, vectorText } from './vectorFile';

const plain = (value: unknown): unknown => JSON.parse(vectorText(value));

interface Vectors {
  readonly room: Buffer;
  readonly shards: readonly { readonly level: number; readonly key: Buffer; readonly topic: Buffer }[];
  readonly rumour: Rumour & { readonly seed: Buffer };
  readonly empty: Rumour & { readonly seed: Buffer };
  readonly heard: MessageVector;
  readonly tellMe: MessageVector;
  readonly rumours: MessageVector;
}

interface MessageVector {
  readonly message: unknown;
  readonly encoded: Buffer;
}

describe('protocol vectors of the general room', () => {
  const vectors = readVectors<Vectors>('gossip');

  it('divide it by the digits of keys', () => {
    assert.deepEqual(vectors.room, generalKeys().topic);
    for (const { level, key, topic } of vectors.shards) assert.deepEqual(shardTopic(level, key), topic);
  });

  for (const name of ['rumour', 'empty'] as const)
    it(`sign what is passed on: ${name}`, () => {
      const { seed, ...rumour } = vectors[name];

      const [made] = makeRumours(vectors.room, identityKeys(seed), rumour.seq, rumour.entries);

      assert.deepEqual(plain(made), plain(rumour));
      assert.ok(isGenuine(vectors.room, rumour));
      assert.ok(!isGenuine(privateKeys(Buffer.alloc(16)).topic, rumour));
    });

  for (const [name, encoding] of [
    ['heard', heard],
    ['tellMe', tellMe],
    ['rumours', rumours],
  ] as const)
    it(`encode and decode ${name}`, () => {
      const { message, encoded } = vectors[name];

      assert.deepEqual(c.encode(encoding as Encoder, message), encoded);
      assert.deepEqual(plain(c.decode(encoding as Encoder, encoded)), plain(message));
    });
});

describe('protocol vectors of a private room on the local network', () => {
  const vectors = readVectors<SealPlace & Readonly<Record<'secret' | 'key' | 'entry' | 'packet', Buffer>>>(
    'sealedBeacon',
  );

  it('seal a key for who knows the room, in a packet from this very place', () => {
    const room = privateKeys(vectors.secret);
    const beacon = readBeacon(vectors.packet);

    assert.deepEqual(seal(room, vectors.key, vectors), vectors.entry);
    assert.ok(beacon?.kind === 'sealed');
    assert.deepEqual(unseal(beacon, vectors.address, room), vectors.key);
    assert.equal(unseal(beacon, '192.168.1.21', room), undefined);
    assert.equal(unseal(beacon, vectors.address, privateKeys(Buffer.alloc(16))), undefined);
  });
});
