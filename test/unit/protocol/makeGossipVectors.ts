// Writes gossip.json and sealedBeacon.json from the code: node --import tsx test/unit/protocol/makeGossipVectors.ts
// Run it for a new kind only. A vector that is there already may not change: peers that are out there rely on it.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import c from 'compact-encoding';
import { heard, rumours, tellMe } from '../../../src/engine/net/gossip/gossipMessages';
import { makeRumours } from '../../../src/engine/net/gossip/rumour';
import { seal } from '../../../src/engine/net/lan/lanPackets';
import type { WireRelease } from '../../../src/engine/net/messages';
import { generalKeys, privateKeys, shardTopic } from '../../../src/engine/net/roomKeys';
import { identityKeys } from '../../../src/engine/release/release';
import { VECTORS, readVectors, vectorText } from './vectorFile';

const bytes = (size: number, label: string): Buffer =>
  createHash('shake256', { outputLength: size }).update(label).digest();
const write = (name: string, value: unknown): void =>
  writeFileSync(path.join(VECTORS, `${name}.json`), vectorText(value));

const seed = bytes(32, 'origin');
const keys = identityKeys(seed);
const entry = ({ authorKey, signature, payload }: WireRelease): WireRelease => ({ authorKey, signature, payload });
const entries = ['release', 'numberedRelease'].map((name) => entry(readVectors<WireRelease>(name)));
const room = generalKeys().topic;
const [told] = makeRumours(room, keys, 1_800_000_000_123, entries);
const [empty] = makeRumours(room, keys, 1_800_000_000_124, []);
const { origin, seq, part, parts } = told!;
const messages = {
  heard: { type: 8, message: { names: [{ origin, seq, part, parts }] } },
  tellMe: { type: 9, message: { wanted: [{ origin, part }] } },
  rumours: { type: 10, message: { rumours: [told!, empty!] } },
};

write('gossip', {
  room,
  shards: [0, 1, 2, 3].map((level) => ({ level, key: keys.publicKey, topic: shardTopic(level, keys.publicKey) })),
  rumour: { seed, ...told },
  empty: { seed, ...empty },
  heard: { ...messages.heard, encoded: c.encode(heard, messages.heard.message) },
  tellMe: { ...messages.tellMe, encoded: c.encode(tellMe, messages.tellMe.message) },
  rumours: { ...messages.rumours, encoded: c.encode(rumours, messages.rumours.message) },
});

const secret = bytes(16, 'room');
const place = { nonce: bytes(16, 'nonce'), address: '192.168.1.20', port: 50_000 };
const noise = Array.from({ length: 15 }, (_, i) => bytes(48, `noise ${i}`));
const sealed = seal(privateKeys(secret), keys.publicKey, place);
write('sealedBeacon', {
  secret,
  key: keys.publicKey,
  ...place,
  entry: sealed,
  packet: Buffer.concat([
    Buffer.from('4c534202', 'hex'),
    place.nonce,
    Buffer.from('c350', 'hex'),
    ...noise.slice(0, 3),
    sealed,
    ...noise.slice(3),
  ]),
});
