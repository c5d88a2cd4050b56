import assert from 'node:assert/strict';
import c, { type State } from 'compact-encoding';
import {
  MAX_CHUNKS,
  MAX_GROUPS,
  MAX_HAVE_RANGES,
  MAX_RETRY_MS,
  TRANSFER_CODECS,
  type TransferMessage,
  type TransferType,
} from '../../../src/engine/net/transferMessages';
import { hasCode } from '../../../src/engine/errors';
import { MAX_FRAME_BYTES, MAX_MANIFEST_BYTES, MAX_REQUEST_CHUNKS } from '../../../src/engine/limits';
import { seededRandom } from '../../helpers/packages';

const ID = 'ab'.repeat(32);

const EXAMPLES: readonly TransferMessage[] = [
  { type: 'open', handle: 0xffff_ffff, contentId: ID },
  { type: 'opened', handle: 1, have: 'full' },
  { type: 'opened', handle: 1, have: Uint8Array.of(0, 255, 1) },
  { type: 'refused', handle: 2, reason: 'unknown', retryMs: 0 },
  { type: 'refused', handle: 2, reason: 'busy', retryMs: MAX_RETRY_MS },
  { type: 'getManifest', handle: 3 },
  { type: 'manifest', handle: 3, bytes: new Uint8Array(MAX_MANIFEST_BYTES).fill(7) },
  { type: 'getHashes', handle: 4, group: MAX_GROUPS - 1 },
  { type: 'hashes', handle: 4, group: 0, bytes: new Uint8Array(64 * 32).fill(9) },
  { type: 'hashes', handle: 4, group: 0, bytes: new Uint8Array() },
  { type: 'request', handle: 5, first: MAX_CHUNKS - 1, count: 1 },
  { type: 'request', handle: 5, first: 0, count: MAX_REQUEST_CHUNKS },
  { type: 'data', handle: 6, first: 300, bytes: Buffer.alloc(MAX_FRAME_BYTES, 1) },
  { type: 'cancel', handle: 7, first: 65_000, count: 3 },
  { type: 'reject', handle: 8, first: 1, count: 2, reason: 'notHeld', retryMs: 500 },
  { type: 'reject', handle: 8, first: 1, count: 2, reason: 'other', retryMs: 0 },
  { type: 'have', handle: 9, ranges: Array.from({ length: MAX_HAVE_RANGES }, (_, i) => ({ first: i * 9, count: 4 })) },
  { type: 'close', handle: 10 },
  { type: 'closed', handle: 11, reason: 'changed' },
];

describe('transfer messages', () => {
  for (const example of EXAMPLES) {
    it(`carries ${example.type} unchanged`, () => {
      const decoded = decode(example.type, encode(example));

      assert.deepEqual(decoded, example);
    });
  }

  it('has the numbers on the wire that peers rely on', () => {
    const types = TRANSFER_CODECS.map(({ type }) => type).join(' ');

    assert.equal(
      types,
      'open opened refused getManifest manifest getHashes hashes request data cancel reject have close closed',
    );
  });

  it('ignores fields that a later version added behind the known ones', () => {
    const bytes = Buffer.concat([encode({ type: 'close', handle: 10 }), Buffer.from('more')]);

    assert.deepEqual(decode('close', bytes), { type: 'close', handle: 10 });
  });

  it('reads an unknown reason as other', () => {
    const bytes = Buffer.from([11, 200]);

    assert.deepEqual(decode('closed', bytes), { type: 'closed', handle: 11, reason: 'other' });
  });

  const refused: readonly (readonly [string, TransferType, Uint8Array])[] = [
    ['a handle over 32 bits', 'close', uints(2 ** 32)],
    ['an integer over 2^53', 'close', Buffer.from('ffffffffffffffffff', 'hex')],
    ['an id cut short', 'open', Buffer.concat([uints(1), Buffer.alloc(31)])],
    ['a bitmap for more chunks than a package has', 'opened', bytesField([1], 8_194)],
    ['a manifest over its limit', 'manifest', bytesField([1], MAX_MANIFEST_BYTES + 1)],
    ['a group that no package has', 'getHashes', uints(1, MAX_GROUPS)],
    ['more hashes than a group has', 'hashes', bytesField([1, 0], 65 * 32)],
    ['half a hash', 'hashes', bytesField([1, 0], 33)],
    ['a request for nothing', 'request', uints(1, 0, 0)],
    ['a request over 64 chunks', 'request', uints(1, 0, 65)],
    ['a chunk that no package has', 'request', uints(1, MAX_CHUNKS, 1)],
    ['data without bytes', 'data', bytesField([1, 0], 0)],
    ['data over 16 chunks', 'data', bytesField([1, 0], MAX_FRAME_BYTES + 1)],
    ['a frame far over 16 chunks', 'data', bytesField([1, 0], MAX_FRAME_BYTES + 4_096)],
    ['a retry in more than an hour', 'refused', uints(1, 0, MAX_RETRY_MS + 1)],
    ['no ranges', 'have', uints(1, 0)],
    ['ranges that overlap, so that a small message names a million chunks', 'have', uints(1, 2, 0, 60_000, 0, 60_000)],
    ['a range past the last chunk', 'have', uints(1, 1, MAX_CHUNKS - 1, 2)],
    ['a control message over 64 KiB', 'close', Buffer.concat([uints(1), Buffer.alloc(65_536)])],
    ['an empty message', 'open', new Uint8Array()],
  ];
  for (const [what, type, bytes] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(() => decode(type, bytes), { code: 'MESSAGE_INVALID' });
    });
  }

  it('allocates nothing for a declared length that did not come', () => {
    const declared = Buffer.concat([uints(1, 0), Buffer.from('fe00001000', 'hex')]);
    const manyRanges = Buffer.concat([uints(1), Buffer.from('feffffffff', 'hex'), Buffer.alloc(80)]);
    const before = process.memoryUsage();

    for (let i = 0; i < 2_000; i++) {
      assert.throws(() => decode('data', declared), { code: 'MESSAGE_INVALID' });
      assert.throws(() => decode('hashes', declared), { code: 'MESSAGE_INVALID' });
      assert.throws(() => decode('have', manyRanges), { code: 'MESSAGE_INVALID' });
    }

    const after = process.memoryUsage();
    assert.ok(after.arrayBuffers - before.arrayBuffers < 1024 * 1024);
  });

  it('turns any bytes into a message within the limits or MESSAGE_INVALID, and into nothing else', () => {
    const next = seededRandom(20_260_101);
    const random = (below: number) => Math.floor(next() * below);
    const valid = EXAMPLES.filter(({ type }) => type !== 'data').map((example) => ({
      type: example.type,
      bytes: encode(example),
    }));
    let accepted = 0;

    for (let i = 0; i < 30_000; i++) {
      const { type, bytes } = valid[random(valid.length)]!;
      const fuzzed = random(4) === 0 ? randomBytes(random, random(80)) : mutate(random, bytes);
      try {
        const message = decode(type, fuzzed);
        // What was accepted is canonical enough to be sent on: no NaN, no field missing, nothing over a limit.
        assert.deepEqual(decode(type, encode(message)), message);
        accepted++;
      } catch (error) {
        if (!hasCode(error, 'MESSAGE_INVALID')) throw error;
      }
    }

    assert.ok(accepted > 1_000 && accepted < 29_000, `${accepted} accepted`);
  });
});

function codec(type: TransferType) {
  return TRANSFER_CODECS.find((item) => item.type === type)!.encoding;
}

function encode(message: TransferMessage): Buffer {
  return Buffer.from(c.encode(codec(message.type), message));
}

function decode(type: TransferType, bytes: Uint8Array): TransferMessage {
  const state: State = { buffer: bytes, start: 0, end: bytes.byteLength };
  return codec(type).decode(state);
}

function uints(...values: readonly number[]): Buffer {
  return Buffer.concat(values.map((value) => c.encode(c.uint, value)));
}

function bytesField(before: readonly number[], length: number): Buffer {
  return Buffer.concat([uints(...before, length), Buffer.alloc(length)]);
}

function mutate(random: (below: number) => number, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes.subarray(0, random(10) === 0 ? random(bytes.byteLength + 1) : bytes.byteLength));
  for (let i = random(4); i >= 0 && copy.byteLength > 0; i--) copy[random(Math.min(copy.byteLength, 24))] = random(256);
  return copy;
}

function randomBytes(random: (below: number) => number, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random(256)));
}
