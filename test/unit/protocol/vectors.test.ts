import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import c, { type Encoder } from 'compact-encoding';
import { packageConfig } from '../../../src/engine/adapter/packageConfig';
import { openRekey } from '../../../src/engine/net/members/legacyRekey';
import { LanBeacon, type LanPeer } from '../../../src/engine/net/lan/lanBeacon';
import { silentLog } from '../../../src/engine/log';
import {
  catalogDelta,
  catalogPage,
  empty,
  hello,
  proofHandshake,
  rekey,
  type Rekey,
} from '../../../src/engine/net/messages';
import { formatRoomCode, parseRoomCode, roomSecretOf } from '../../../src/engine/net/roomCode';
import {
  adapterTopic,
  generalKeys,
  localKeys,
  privateKeys,
  roomProof,
  type RoomKeys,
} from '../../../src/engine/net/roomKeys';
import { LaneReader, encodeLaneMessage } from '../../../src/engine/net/lane/laneFrames';
import { laneOffer, type LaneOffer } from '../../../src/engine/net/lane/peerLane';
import { TRANSFER_CODECS, type TransferMessage } from '../../../src/engine/net/transferMessages';
import { hashPackage } from '../../../src/engine/release/hashPackage';
import { parseManifest, type FileRole } from '../../../src/engine/release/manifest';
import { identityKeys, openRelease, releaseId, signRelease, type Release } from '../../../src/engine/release/release';
import { patternBytes, readVectors, vectorText } from './vectorFile';

interface MessageVector {
  /** Number on the wire. */
  readonly type: number;
  readonly name: string;
  readonly fields: unknown;
  readonly encoded: Buffer;
}

interface LaneVectors {
  readonly offer: { readonly fields: LaneOffer; readonly encoded: Buffer };
  readonly messages: readonly { readonly fields: TransferMessage; readonly encoded: Buffer }[];
}

interface RoomVectors {
  readonly codes: readonly { readonly secret: Buffer; readonly code: string }[];
  readonly commitment: {
    readonly ownerSeed: Buffer;
    readonly ownerKey: Buffer;
    readonly nonce: Buffer;
    readonly secret: Buffer;
  };
  readonly keys: readonly (RoomKeys & { readonly kind: string; readonly root: Buffer })[];
  readonly adapterTopic: { readonly secret: Buffer; readonly contentId: Buffer; readonly topic: Buffer };
  readonly proofs: {
    readonly secret: Buffer;
    readonly handshakeHash: Buffer;
    readonly asker: Buffer;
    readonly answerer: Buffer;
    readonly ask: Buffer;
    readonly answer: Buffer;
  };
}

interface FileVector {
  readonly role: FileRole;
  readonly size?: number;
  readonly original?: Buffer;
  readonly bytes?: Buffer;
  readonly sha256: Buffer;
  readonly groups: readonly Buffer[];
}

interface PackageVectors {
  readonly files: readonly FileVector[];
  readonly chunks: { readonly count: number; readonly firstHash: Buffer; readonly sha256OfAllHashes: Buffer };
  readonly manifest: Buffer;
  readonly contentId: string;
}

interface ReleaseVectors {
  readonly seed: Buffer;
  readonly authorKey: Buffer;
  readonly release: Release;
  readonly payload: Buffer;
  readonly signature: Buffer;
  readonly releaseId: string;
}

interface BeaconVectors {
  readonly group: string;
  readonly udpPort: number;
  readonly key: Buffer;
  readonly port: number;
  readonly packet: Buffer;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The same value with bytes as text, so that a `Buffer` and a `Uint8Array` of the same bytes are equal. */
const plain = (value: unknown): unknown => JSON.parse(vectorText(value));

/** Fails instead of waiting for a packet that never comes, so that the sockets are closed all the same. */
function within5s<T>(start: (resolve: (value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('nothing was heard in 5 s')), 5_000);
    start((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}

function checkMessage(encoding: Encoder, { fields, encoded }: MessageVector): void {
  assert.equal(hex(c.encode(encoding, fields)), hex(encoded));
  assert.deepEqual(plain(c.decode(encoding, encoded)), plain(fields));
}

describe('protocol vectors of rooms', () => {
  const { codes, commitment, keys, adapterTopic: adapter, proofs } = readVectors<RoomVectors>('rooms');

  it('write a secret as a code and read it back', () => {
    assert.ok(codes.length > 2);
    for (const { secret, code } of codes) {
      assert.equal(formatRoomCode(secret), code);
      assert.equal(hex(parseRoomCode(code)), hex(secret));
    }
  });

  it('commit a secret to its owner', () => {
    const { ownerSeed, ownerKey, nonce, secret } = commitment;

    assert.equal(hex(identityKeys(ownerSeed).publicKey), hex(ownerKey));
    assert.equal(hex(roomSecretOf(ownerKey, nonce)), hex(secret));
  });

  it('derive the keys of every kind of room', () => {
    const derived = { general: generalKeys, local: localKeys, private: privateKeys };

    assert.deepEqual(
      keys.map(({ kind }) => kind),
      Object.keys(derived),
    );
    for (const { kind, root, ...expected } of keys)
      assert.deepEqual(plain(derived[kind as keyof typeof derived](root)), plain(expected));
  });

  it('derive the topic of an adapter', () => {
    const { secret, contentId, topic } = adapter;

    assert.equal(hex(adapterTopic(privateKeys(secret), hex(contentId))), hex(topic));
  });

  it('prove membership in both roles', () => {
    const { secret, handshakeHash, asker, answerer, ask, answer } = proofs;
    const room = privateKeys(secret);

    assert.equal(hex(roomProof(room, 'ask', handshakeHash, asker, answerer)), hex(ask));
    assert.equal(hex(roomProof(room, 'answer', handshakeHash, answerer, asker)), hex(answer));
    assert.equal(hex(c.encode(proofHandshake, answer)), `20${hex(answer)}`);
    assert.equal(hex(c.encode(proofHandshake, new Uint8Array())), '00');
  });
});

describe('protocol vectors of room messages', () => {
  const vectors = readVectors<readonly MessageVector[]>('roomMessages');
  const encodings = [hello, catalogPage, catalogDelta, empty, rekey] as readonly Encoder[];

  it('have every type', () => {
    assert.deepEqual(new Set(vectors.map(({ type }) => type)), new Set(encodings.keys()));
  });

  for (const vector of vectors) {
    it(`encode and decode ${vector.name} ${JSON.stringify(plain(vector.fields)).slice(0, 60)}`, () =>
      checkMessage(encodings[vector.type]!, vector));
  }

  it('hold a rekey that the owner really signed', () => {
    const { commitment } = readVectors<RoomVectors>('rooms');
    const message = vectors.find(({ name }) => name === 'rekey')!.fields as Rekey;

    const next = openRekey(message, commitment.secret);

    assert.equal(hex(next!.secret), hex(roomSecretOf(commitment.ownerKey, message.newNonce)));
  });
});

describe('protocol vectors of transfer messages', () => {
  const vectors = readVectors<readonly MessageVector[]>('transferMessages');

  it('have every type under its number', () => {
    const named = new Map(vectors.map(({ type, name }) => [type, name]));

    assert.deepEqual(named, new Map(TRANSFER_CODECS.map(({ type }, number) => [number, type])));
  });

  for (const { type, name, fields, encoded } of vectors) {
    it(`encode and decode ${name} ${JSON.stringify(plain(fields)).slice(0, 60)}`, () =>
      checkMessage(TRANSFER_CODECS[type]!.encoding, {
        type,
        name,
        fields: { type: name, ...(fields as object) },
        encoded,
      }));
  }
});

describe('protocol vectors of the lane', () => {
  const vectors = readVectors<LaneVectors>('lane');

  it('offer it', () => {
    const { fields, encoded } = vectors.offer;

    assert.deepEqual(c.encode(laneOffer, fields), encoded);
    assert.deepEqual(plain(c.decode(laneOffer, encoded)), plain(fields));
  });

  for (const { fields, encoded } of vectors.messages)
    it(`carry ${fields.type}`, () => {
      const heard: unknown[] = [];

      new LaneReader((_place, message) => heard.push(plain(message))).take(encoded);

      assert.deepEqual(encodeLaneMessage(fields), encoded);
      assert.deepEqual(heard, [plain(fields)]);
    });
});

describe('protocol vectors of content', () => {
  it('make one manifest and content id of the files of a package', async () => {
    const { files, chunks, manifest, contentId } = readVectors<PackageVectors>('adapterPackage');
    const sources = files.map(({ role, size, bytes }) => ({ role, source: bytes ?? patternBytes(size!) }));

    const hashed = await hashPackage(sources);

    assert.equal(hex(hashed.manifest.bytes), hex(manifest));
    assert.equal(hashed.manifest.id, contentId);
    assert.equal(hashed.chunkHashes.byteLength / 32, chunks.count);
    assert.equal(hex(hashed.chunkHashes.subarray(0, 32)), hex(chunks.firstHash));
    assert.equal(hex(createHash('sha256').update(hashed.chunkHashes).digest()), hex(chunks.sha256OfAllHashes));
    assert.deepEqual(
      plain(parseManifest(manifest).files),
      files.map(({ role, sha256, groups }, i) => plain({ role, size: sources[i]!.source.byteLength, sha256, groups })),
    );
  });

  it('take the paths of a machine out of a config', () => {
    const { original, bytes } = readVectors<PackageVectors>('adapterPackage').files.find((file) => file.original)!;

    assert.equal(hex(packageConfig(original!).bytes), hex(bytes!));
  });

  for (const name of ['release', 'mergedRelease', 'numberedRelease'])
    it(`sign and open a release: ${name}`, () => {
      const { seed, authorKey, release, payload, signature, releaseId: id } = readVectors<ReleaseVectors>(name);

      const signed = signRelease(release, identityKeys(seed));
      const opened = openRelease(payload, signature, authorKey);

      assert.equal(hex(signed.payload), hex(payload));
      assert.equal(hex(signed.signature), hex(signature));
      assert.equal(hex(signed.authorKey), hex(authorKey));
      assert.deepEqual(plain(opened.release), plain(release));
      assert.equal(releaseId(opened), id);
    });
});

describe('protocol vectors of the local network', () => {
  const { group, udpPort, key, port, packet } = readVectors<BeaconVectors>('beacon');
  const host = '127.0.0.1';
  const rooms = () => [{ kind: 'local' as const, keys: localKeys() }];

  it('say the beacon as it stands there', async function () {
    const ear = createSocket({ type: 'udp4', reuseAddr: true });
    const beacon = new LanBeacon({ key, port: () => port, host, rooms, log: silentLog });
    try {
      ear.bind(udpPort);
      await once(ear, 'listening');
      ear.addMembership(group, host);
      const heard = within5s<Buffer>((resolve) =>
        ear.on('message', (bytes) => bytes.includes(key.subarray(0, 16)) && resolve(bytes)),
      );

      await beacon.open();
      if (!beacon.isOnline) this.skip();

      assert.equal(hex(await heard), hex(packet));
    } finally {
      await beacon.close();
      ear.close();
    }
  });

  it('find whoever sends it', async function () {
    const mouth = createSocket({ type: 'udp4' });
    const beacon = new LanBeacon({ key: Buffer.alloc(32, 1), port: () => 1, host, rooms, log: silentLog });
    try {
      const found = within5s<LanPeer>((resolve) => beacon.onDidFind((peer) => peer.key.equals(key) && resolve(peer)));
      await beacon.open();
      if (!beacon.isOnline) this.skip();
      mouth.bind(0, host);
      await once(mouth, 'listening');
      mouth.setMulticastInterface(host);
      mouth.send(packet, udpPort, group);

      const { take, ...peer } = await found;
      assert.deepEqual(plain(peer), plain({ key, topic: localKeys().topic }));
      assert.deepEqual(take(), [{ host, port }]);
    } finally {
      await beacon.close();
      mouth.close();
    }
  });
});
