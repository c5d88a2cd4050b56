import assert from 'node:assert/strict';
import c, { type Encoder, type State } from 'compact-encoding';
import { LoraSwarmError } from '../../../src/engine/errors';
import { CHUNK_BYTES, MAX_FRAME_CHUNKS } from '../../../src/engine/limits';
import { decodeMessage } from '../../../src/engine/net/channel';
import { heard, rumours, tellMe } from '../../../src/engine/net/gossip/gossipMessages';
import { memberStatements, membersMessage } from '../../../src/engine/net/members/memberMessages';
import { catalogDelta, catalogPage, empty, hello, proofHandshake, rekey } from '../../../src/engine/net/messages';
import { laneOffer } from '../../../src/engine/net/lane/peerLane';
import { GOSSIP_FEATURE } from '../../../src/engine/net/roomLink';
import { statements } from '../../../src/engine/net/statementMessages';
import {
  MAX_CHUNKS,
  MAX_GROUPS,
  TRANSFER_CODECS,
  type TransferMessage,
} from '../../../src/engine/net/transferMessages';
import { damaged } from '../bytes';
import type { Random } from '../random';
import { tried, type Target, type Verdict } from '../target';

/** A message and one of each of its shapes. */
export interface Kind<T = unknown> {
  readonly name: string;
  readonly encoding: Encoder<T>;
  readonly sample: (random: Random) => T;
}

/** Sizes at which something changes: where an integer gets longer, and limits of ours. */
const COUNTS = [0, 1, 2, 63, 64, 65, 252, 253, 255, 256, 65_535, 65_536, 65_537, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];

const bytes =
  (length: number) =>
  (random: Random): Buffer =>
    Buffer.alloc(length, random.below(256));
const key = bytes(32);
const count = (random: Random): number => random.pick(COUNTS);
const list = <T>(random: Random, counts: readonly number[], make: (random: Random) => T): T[] =>
  Array.from({ length: random.pick(counts) }, () => make(random));
const release = (random: Random) => ({
  authorKey: key(random),
  signature: bytes(64)(random),
  payload: bytes(random.pick([0, 1, 500, 8_192, 8_193]))(random),
});

const rumourName = (random: Random) => ({
  ...{ origin: key(random), seq: count(random), part: random.pick([0, 1, 24]), parts: random.pick([0, 1, 2, 25, 26]) },
});

function kind<T>(name: string, encoding: Encoder<T>, sample: (random: Random) => T): Kind {
  return { name, encoding, sample };
}

/** Every message of a room, of its opening and of what stands beside it. */
export const ROOM_KINDS: readonly Kind[] = [
  kind('hello', hello, (random) => ({
    version: count(random),
    features: random.isOneIn(2)
      ? [GOSSIP_FEATURE]
      : list(random, [0, 0, 1, 16, 17], () => 'x'.repeat(random.pick([0, 1, 32, 33]))),
    name: random.pick(['', 'ana', 'n'.repeat(320), 'n'.repeat(321), '\u202e😀']),
    epoch: count(random),
    seq: count(random),
    seenEpoch: count(random),
    seenSeq: count(random),
    ...(random.isOneIn(2) ? { owner: { key: key(random), nonce: key(random) } } : {}),
  })),
  kind('page', catalogPage, (random) => ({
    epoch: count(random),
    seq: count(random),
    isFirst: random.isOneIn(2),
    isLast: random.isOneIn(2),
    add: list(random, [0, 1, 3, 100, 101], release),
  })),
  kind('delta', catalogDelta, (random) => ({
    epoch: count(random),
    seq: count(random),
    add: list(random, [0, 1, 3], release),
    remove: list(random, [0, 1, 500, 501], key),
  })),
  kind('resync', empty, () => null),
  kind('rekey', rekey, (random) => ({
    ownerKey: key(random),
    oldNonce: key(random),
    newNonce: key(random),
    removed: list(random, [0, 1, 256, 257], key),
    signature: bytes(64)(random),
  })),
  kind('statements', statements, (random) => list(random, [0, 1, 32, 33], bytes(random.pick([0, 1, 200, 256, 257])))),
  kind('members', membersMessage, (random) => ({
    creator: key(random),
    nonce: key(random),
    digest: key(random),
    ...(random.isOneIn(2) ? { epochNonce: key(random) } : {}),
  })),
  kind('member statements', memberStatements, (random) =>
    list(random, [0, 1, 2, 200, 201], bytes(random.pick([0, 1, 180, 300, 60_001]))),
  ),
  kind('heard', heard, (random) => ({ names: list(random, [0, 1, 3, 1_000, 1_001], rumourName) })),
  kind('tell me', tellMe, (random) => ({
    wanted: list(random, [0, 1, 100, 101], () => ({ origin: key(random), part: random.pick([0, 1, 24, 25]) })),
  })),
  kind('rumours', rumours, (random) => ({
    rumours: list(random, [0, 1, 2, 101], () => ({
      ...rumourName(random),
      entries: list(random, [0, 1, 20, 21], release),
      signature: bytes(64)(random),
    })),
  })),
  kind('proof', proofHandshake, (random) => bytes(random.pick([0, 31, 32, 33, 64, 65]))(random)),
  kind('lane offer', laneOffer, (random) => ({
    port: random.pick([0, 80, 1_023, 1_024, 65_535, 65_536]),
    fingerprint: key(random),
  })),
];

const handle = (random: Random): number => random.pick([0, 1, 2, 15, 16, 17, 2 ** 32 - 1]);
const chunk = (random: Random): number => random.pick([0, 1, 63, 64, MAX_CHUNKS - 1, MAX_CHUNKS]);
const range = (random: Random) => ({ first: chunk(random), count: random.pick([0, 1, 2, 63, 64, 65]) });
const retryMs = (random: Random): number => random.pick([0, 1, 1_000, 3_600_000, 3_600_001]);

const TRANSFER_SAMPLES: { readonly [T in TransferMessage as T['type']]: (random: Random) => Omit<T, 'type'> } = {
  open: (random) => ({ handle: handle(random), contentId: key(random).toString('hex') }),
  opened: (random) => ({
    handle: handle(random),
    have: random.isOneIn(3) ? 'full' : bytes(random.pick([1, 2, 8_192, 8_193, 8_194]))(random),
  }),
  refused: (random) => ({
    handle: handle(random),
    reason: random.pick(['unknown', 'busy', 'other']),
    retryMs: retryMs(random),
  }),
  getManifest: (random) => ({ handle: handle(random) }),
  manifest: (random) => ({ handle: handle(random), bytes: bytes(random.pick([0, 1, 90, 40_000, 40_001]))(random) }),
  getHashes: (random) => ({ handle: handle(random), group: random.pick([0, 1, MAX_GROUPS - 1, MAX_GROUPS]) }),
  hashes: (random) => ({
    handle: handle(random),
    group: random.below(3),
    bytes: bytes(random.pick([0, 31, 32, 160, 2_048, 2_080]))(random),
  }),
  request: (random) => ({ handle: handle(random), ...range(random) }),
  data: (random) => ({
    handle: handle(random),
    first: chunk(random),
    bytes: bytes(random.pick([0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, MAX_FRAME_CHUNKS * CHUNK_BYTES + 1]))(random),
  }),
  cancel: (random) => ({ handle: handle(random), ...range(random) }),
  reject: (random) => ({
    handle: handle(random),
    ...range(random),
    reason: random.pick(['busy', 'notHeld', 'invalid', 'other']),
    retryMs: retryMs(random),
  }),
  have: (random) => ({ handle: handle(random), ranges: list(random, [0, 1, 2, 256, 257], range) }),
  close: (random) => ({ handle: handle(random) }),
  closed: (random) => ({ handle: handle(random), reason: random.pick(['gone', 'changed', 'other']) }),
};

const SAMPLES_BY_NAME = TRANSFER_SAMPLES as Readonly<Record<string, (random: Random) => object>>;

/** Every message of a transfer, in the order of their numbers. */
export const TRANSFER_KINDS: readonly Kind[] = TRANSFER_CODECS.map(({ type, encoding }) => ({
  name: type,
  encoding: encoding,
  sample: (random) => ({ ...SAMPLES_BY_NAME[type]!(random), type }),
}));

/** Bytes of a message that somebody may send: sound, over a limit, or damaged. */
export function messageBytes({ encoding, sample }: Kind, random: Random): Buffer {
  if (random.isOneIn(12)) return noise(random);
  const sound = Buffer.from(c.encode(encoding, sample(random)));
  return random.isOneIn(3) ? sound : damaged(sound, random);
}

export function noise(random: Random): Buffer {
  return Buffer.from(Array.from({ length: random.below(200) }, () => random.below(256)));
}

/**
 * Whatever a decoder takes it writes again, and reads the same from that.
 *
 * @throws what is no `MESSAGE_INVALID`, or is one for a bug.
 */
export function decodes({ encoding }: Kind, input: Uint8Array): Verdict {
  return tried(['MESSAGE_INVALID'], () => {
    const message = decoded(encoding, input);
    const written = c.encode(encoding, message);
    assert.deepEqual(decoded(encoding, written), message);
    assert.deepEqual(Buffer.from(c.encode(encoding, decoded(encoding, written))), Buffer.from(written));
  });
}

function decoded(encoding: Encoder, input: Uint8Array): unknown {
  const state: State = { buffer: input, start: 0, end: input.byteLength };
  try {
    return decodeMessage(encoding, state);
  } catch (error) {
    // Missing bytes are told by a plain error; a TypeError or RangeError is a mistake of ours.
    const cause = error instanceof LoraSwarmError ? error.cause : undefined;
    throw cause instanceof Error && cause.constructor !== Error ? cause : error;
  }
}

/** The first byte of an input says which message the others are. */
function codecTarget(name: string, kinds: readonly Kind[]): Target {
  return {
    name,
    open: () => ({
      make: (random) => {
        const number = random.below(kinds.length);
        return Buffer.concat([Uint8Array.of(number), messageBytes(kinds[number]!, random)]);
      },
      take: (input) => decodes(kinds[(input[0] ?? 0) % kinds.length]!, input.subarray(1)),
    }),
  };
}

export const roomMessages = codecTarget('room messages', ROOM_KINDS);
export const transferMessages = codecTarget('transfer messages', TRANSFER_KINDS);
