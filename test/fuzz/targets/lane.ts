import assert from 'node:assert/strict';
import c from 'compact-encoding';
import { hasCode } from '../../../src/engine/errors';
import { LaneReader } from '../../../src/engine/net/lane/laneFrames';
import { LaneOrder } from '../../../src/engine/net/lane/laneOrder';
import { damaged } from '../bytes';
import { costSince, started } from '../../helpers/processorTime';
import { Random } from '../random';
import type { Taken, Target } from '../target';
import { TRANSFER_KINDS, messageBytes } from './codecs';

const HEAD_BYTES = 9;

/** Frames of a lane: the first four bytes of an input say how it is cut, the rest is what comes on the connection. */
export const lane: Target = {
  name: 'lane frames',
  open: () => ({ make, take }),
};

function make(random: Random): Uint8Array {
  const frames: Buffer[] = [];
  let place = random.isOneIn(8) ? random.pick([1, 1_024, 1_025, 2 ** 32 - 1]) : 0;
  for (let count = 1 + random.below(6); count > 0; count--) {
    frames.push(frame(place, random));
    place = random.isOneIn(4) ? random.pick([0, 1, place, place + 2, place + 1_024, 2 ** 32 - 1]) : place + 1;
  }
  const stream = Buffer.concat(frames);
  const cuts = Buffer.alloc(4);
  cuts.writeUInt32LE(random.below(2 ** 31));
  return Buffer.concat([cuts, random.isOneIn(4) ? damaged(stream, random) : stream]);
}

function frame(place: number, random: Random): Buffer {
  const number = random.below(TRANSFER_KINDS.length + 2); // Two that are not there yet.
  const kind = TRANSFER_KINDS[number];
  const sound = kind && random.isOneIn(2) ? Buffer.from(c.encode(kind.encoding, kind.sample(random))) : undefined;
  const fields = sound ?? (kind ? messageBytes(kind, random) : Buffer.alloc(random.below(64), 7));
  const head = Buffer.alloc(HEAD_BYTES);
  const lie = random.isOneIn(30) ? random.pick([-1, 1, -5, 70_000, 2 ** 31]) : 0;
  head.writeUInt32LE((HEAD_BYTES - 4 + fields.byteLength + lie) >>> 0, 0);
  head.writeUInt32LE(place >>> 0, 4);
  head.writeUInt8(number, 8);
  return Buffer.concat([head, fields]);
}

/** However the stream is cut, the same messages come out in the same order, and the same is refused. */
function take(input: Uint8Array): Taken {
  const stream = input.subarray(4);
  const seed = Buffer.from(input.subarray(0, 4)).reduce((sum, byte) => sum * 256 + byte, 0);
  const since = started();
  const whole = read([stream]);
  const slowestMs = costSince(since);
  const cut = read([...pieces(stream, new Random(seed, 0))]);
  assert.deepEqual(cut, whole);
  const verdict = whole.at(-1) === 'refused' ? 'refused' : 'accepted';
  return { verdict, count: 1, slowestMs };
}

function read(parts: readonly Uint8Array[]): unknown[] {
  const heard: unknown[] = [];
  // What a message holds is valid only while it is handed out.
  const order = new LaneOrder((message) => heard.push(JSON.stringify(message, hexOf)));
  const reader = new LaneReader((place, message) => order.take(place, message));
  try {
    for (const part of parts) reader.take(part);
  } catch (error) {
    if (!hasCode(error, 'MESSAGE_INVALID')) throw error;
    heard.push('refused');
  }
  return heard;
}

function hexOf(_key: string, value: unknown): unknown {
  if (!(value instanceof Uint8Array)) return value;
  // Of long ones the ends are enough to tell a wrong cut.
  const ends = value.byteLength > 256 ? [value.subarray(0, 64), value.subarray(-64)] : [value];
  return `${value.byteLength}:${Buffer.concat(ends).toString('hex')}`;
}

function* pieces(stream: Uint8Array, random: Random): Generator<Uint8Array> {
  for (let at = 0; at < stream.byteLength;) {
    const size = random.pick([1, 1, 2, 7, 9, 64, 1_000, 16_384, 65_536]);
    yield stream.subarray(at, at + size);
    at += size;
  }
}
