// Writes test/fixtures/protocol from the code: node --import tsx test/unit/protocol/makeVectors.ts
// Run it for a new message only. A vector that is there already may not change: peers that are out there rely on it.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import c, { type Encoder } from 'compact-encoding';
import { sign } from 'hypercore-crypto';
import { packageConfig } from '../../../src/engine/adapter/packageConfig';
import { catalogDelta, catalogPage, empty, hello, rekey } from '../../../src/engine/net/messages';
import { formatRoomCode, roomSecretOf } from '../../../src/engine/net/roomCode';
import { adapterTopic, generalKeys, localKeys, privateKeys, roomProof } from '../../../src/engine/net/roomKeys';
import { encodeLaneMessage } from '../../../src/engine/net/lane/laneFrames';
import { laneOffer } from '../../../src/engine/net/lane/peerLane';
import { TRANSFER_CODECS, type TransferMessage } from '../../../src/engine/net/transferMessages';
import { hashPackage } from '../../../src/engine/release/hashPackage';
import { identityKeys, releaseId, signRelease, type Release } from '../../../src/engine/release/release';
import { VECTORS, patternBytes, vectorText } from './vectorFile';

const bytes = (size: number, label: string): Buffer =>
  createHash('shake256', { outputLength: size }).update(label).digest();
const write = (name: string, value: unknown): void =>
  writeFileSync(path.join(VECTORS, `${name}.json`), vectorText(value));

const ownerSeed = bytes(32, 'owner');
const owner = identityKeys(ownerSeed);
const nonce = bytes(32, 'nonce 1');
const newNonce = bytes(32, 'nonce 2');
const secret = roomSecretOf(owner.publicKey, nonce);

function rooms(): void {
  const [asker, answerer] = [bytes(32, 'asker'), bytes(32, 'answerer')];
  const handshakeHash = bytes(64, 'handshake');
  const keys = privateKeys(secret);
  const contentId = bytes(32, 'content');
  write('rooms', {
    codes: [Buffer.alloc(16), Buffer.alloc(16, 0xff), bytes(16, 'secret'), secret].map((each) => ({
      secret: each,
      code: formatRoomCode(each),
    })),
    commitment: { ownerSeed, ownerKey: owner.publicKey, nonce, secret },
    keys: [
      { kind: 'general', root: Buffer.from('lora-swarm/general/1'), ...generalKeys() },
      { kind: 'local', root: Buffer.from('lora-swarm/local/1'), ...localKeys() },
      { kind: 'private', root: secret, ...keys },
    ],
    adapterTopic: { secret, contentId, topic: adapterTopic(keys, contentId.toString('hex')) },
    proofs: {
      secret,
      handshakeHash,
      asker,
      answerer,
      ask: roomProof(keys, 'ask', handshakeHash, asker, answerer),
      answer: roomProof(keys, 'answer', handshakeHash, answerer, asker),
    },
  });
}

function roomMessages(): void {
  const release = (label: string) => ({
    authorKey: bytes(32, `author ${label}`),
    signature: bytes(64, `signature ${label}`),
    payload: Buffer.from(`{"name":"${label}"}`),
  });
  const greeting = { version: 1, features: [], name: 'Ana', epoch: 0x12345678, seq: 3, seenEpoch: 0, seenSeq: 0 };
  const unsigned = {
    ownerKey: owner.publicKey,
    oldNonce: nonce,
    newNonce,
    removed: [bytes(32, 'gone 1'), bytes(32, 'gone 2')],
  };
  const signed = Buffer.concat([
    Buffer.from('lora-swarm/rekey/1\n'),
    unsigned.ownerKey,
    unsigned.oldNonce,
    unsigned.newNonce,
    ...unsigned.removed,
  ]);
  const entry = <T>(type: number, name: string, encoding: Encoder<T>, fields: T) => ({
    type,
    name,
    fields,
    encoded: c.encode(encoding, fields),
  });
  write('roomMessages', [
    entry(0, 'hello', hello, greeting),
    entry(0, 'hello', hello, {
      ...greeting,
      features: ['chat/1', 'lane/1'],
      name: 'Zoë',
      seq: 70_000,
      seenEpoch: 9,
      seenSeq: 300,
      owner: { key: owner.publicKey, nonce },
    }),
    entry(1, 'catalogPage', catalogPage, { epoch: 7, seq: 0, isFirst: true, isLast: true, add: [] }),
    entry(1, 'catalogPage', catalogPage, {
      epoch: 7,
      seq: 2,
      isFirst: true,
      isLast: false,
      add: [release('a'), release('b')],
    }),
    entry(1, 'catalogPage', catalogPage, { epoch: 7, seq: 2, isFirst: false, isLast: true, add: [release('c')] }),
    entry(2, 'catalogDelta', catalogDelta, { epoch: 7, seq: 3, add: [release('d')], remove: [bytes(32, 'removed')] }),
    entry(3, 'resync', empty, null),
    entry(4, 'rekey', rekey, { ...unsigned, signature: sign(signed, owner.secretKey) }),
  ]);
}

function transferMessages(): void {
  const contentId = bytes(32, 'content').toString('hex');
  const examples: readonly TransferMessage[] = [
    { type: 'open', handle: 1, contentId },
    { type: 'opened', handle: 1, have: 'full' },
    { type: 'opened', handle: 1, have: Uint8Array.of(0b101, 0x01) },
    { type: 'refused', handle: 2, reason: 'unknown', retryMs: 0 },
    { type: 'refused', handle: 2, reason: 'busy', retryMs: 1_000 },
    { type: 'refused', handle: 2, reason: 'other', retryMs: 0 },
    { type: 'getManifest', handle: 1 },
    { type: 'manifest', handle: 1, bytes: Buffer.from('the bytes of a manifest') },
    { type: 'getHashes', handle: 1, group: 1_023 },
    { type: 'hashes', handle: 1, group: 0, bytes: bytes(64, 'two hashes') },
    { type: 'hashes', handle: 1, group: 0, bytes: new Uint8Array() },
    { type: 'request', handle: 0xffff_ffff, first: 65_537, count: 64 },
    { type: 'data', handle: 1, first: 300, bytes: Buffer.from('the last chunk of a file') },
    { type: 'cancel', handle: 1, first: 252, count: 1 },
    { type: 'reject', handle: 1, first: 253, count: 2, reason: 'busy', retryMs: 65_536 },
    { type: 'reject', handle: 1, first: 0, count: 2, reason: 'notHeld', retryMs: 0 },
    { type: 'reject', handle: 1, first: 0, count: 2, reason: 'invalid', retryMs: 0 },
    { type: 'reject', handle: 1, first: 0, count: 2, reason: 'other', retryMs: 0 },
    {
      type: 'have',
      handle: 1,
      ranges: [
        { first: 0, count: 2 },
        { first: 64, count: 300 },
      ],
    },
    { type: 'close', handle: 1 },
    { type: 'closed', handle: 1, reason: 'gone' },
    { type: 'closed', handle: 1, reason: 'changed' },
    { type: 'closed', handle: 1, reason: 'other' },
  ];
  write(
    'transferMessages',
    examples.map((example) => {
      const type = TRANSFER_CODECS.findIndex((codec) => codec.type === example.type);
      const { type: name, ...fields } = example;
      return { type, name, fields, encoded: c.encode(TRANSFER_CODECS[type]!.encoding, example) };
    }),
  );
}

function lane(): void {
  const offer = { port: 40_123, fingerprint: bytes(32, 'certificate') };
  const messages: readonly TransferMessage[] = [
    { type: 'getHashes', handle: 1, group: 300 },
    { type: 'data', handle: 1, first: 60_000, bytes: bytes(300, 'a short last chunk') },
  ];
  write('lane', {
    offer: { fields: offer, encoded: c.encode(laneOffer, offer) },
    messages: messages.map((fields) => ({ fields, encoded: encodeLaneMessage(fields) })),
  });
}

async function packages(): Promise<void> {
  const size = 65 * 65_536 + 10;
  const original = Buffer.from(
    '{"peft_type": "LORA", "r": 4, "base_model_name_or_path": "/home/ana/models/llama", "note": "é"}',
  );
  const { bytes: config } = packageConfig(original);
  const card = Buffer.from('# Summaries\n');
  const { manifest, chunkHashes } = await hashPackage([
    { role: 1, source: patternBytes(size) },
    { role: 16, source: config },
    { role: 17, source: card },
  ]);
  const facts = (file: number) => ({ sha256: manifest.files[file]!.sha256, groups: manifest.files[file]!.groups });
  write('adapterPackage', {
    files: [
      { role: 1, size, pattern: 'byte i is (7 * i + floor(i / 256)) mod 256', ...facts(0) },
      { role: 16, original, bytes: config, ...facts(1) },
      { role: 17, bytes: card, ...facts(2) },
    ],
    chunks: {
      count: chunkHashes.byteLength / 32,
      firstHash: chunkHashes.subarray(0, 32),
      sha256OfAllHashes: createHash('sha256').update(chunkHashes).digest(),
    },
    manifest: manifest.bytes,
    contentId: manifest.id,
  });

  const seed = bytes(32, 'author');
  const release: Release = {
    contentId: manifest.id,
    author: 'ana',
    name: 'summaries',
    version: '1.2',
    format: 'peft',
    bytes: manifest.size,
    rank: 4,
    alpha: 8,
    scale: 2,
    dtype: 'F32',
    parameters: 1_024,
    pairs: 4,
    targets: ['q_proj', 'v_proj'],
    shape: {
      architecture: 'llama',
      baseModel: 'fx/tiny-llama',
      baseDigest: `sha256:${'0f'.repeat(32)}`,
      blocks: 2,
      dims: { q_proj: [64, 64], v_proj: [64, 32] },
    },
    license: 'apache-2.0',
    tags: ['summary'],
    parents: ['cd'.repeat(32)],
    createdAt: 1_700_000_000_000,
  };
  const signed = signRelease(release, identityKeys(seed));
  const { authorKey, payload, signature } = signed;
  write('release', { seed, authorKey, release, payload, signature, releaseId: releaseId(signed) });

  const merged: Release = {
    ...release,
    name: 'merged',
    parents: ['cd'.repeat(32), 'ef'.repeat(32)],
    lineage: {
      method: 'dare',
      parts: [
        { id: 'cd'.repeat(32), name: 'ana/summaries', weight: 1 },
        { id: 'ef'.repeat(32), weight: -0.25 },
        { name: 'checkpoint-400', weight: 0.5 },
      ],
      rank: 16,
      density: 0.5,
      seed: 7,
    },
    extras: {
      system: 'Answer in one sentence.\nSay «ja» or “no”.',
      template: '{{ .System }}\n{{ .Prompt }}',
      parameters: { temperature: 0.2, num_ctx: 4096, penalize_newline: false, stop: ['</s>', '\n\n'] },
    },
  };
  const signedMerge = signRelease(merged, identityKeys(seed));
  write('mergedRelease', {
    seed,
    authorKey: signedMerge.authorKey,
    release: merged,
    payload: signedMerge.payload,
    signature: signedMerge.signature,
    releaseId: releaseId(signedMerge),
  });
}

function beacon(): void {
  const key = Buffer.concat([Buffer.of(0xf0), bytes(31, 'beacon')]);
  const packet = Buffer.concat([Buffer.from('LSB\x01', 'latin1'), key, Buffer.of(0xc3, 0x50)]);
  write('beacon', { group: '239.76.83.87', udpPort: 47_687, key, port: 50_000, packet });
}

rooms();
roomMessages();
transferMessages();
lane();
beacon();
void packages();
