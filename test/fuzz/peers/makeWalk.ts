import c from 'compact-encoding';
import { ChunkMap } from '../../../src/engine/release/chunkMap';
import { makeRelease, type TestPackage } from '../../helpers/packages';
import { bytesOf } from '../../helpers/stores';
import { damaged } from '../bytes';
import type { Random } from '../random';
import { ROOM_KINDS, TRANSFER_KINDS, messageBytes, noise, type Kind } from '../targets/codecs';
import { encodeSteps, type Step } from './steps';
import type { EngineSide } from './engineSide';

const MAX_STEPS = 60;
/** What fits into the two bytes of a length; a chunk of 64 KiB is cut by one. */
const MAX_CONTENT = 65_535;
/** Messages of a room by their number; the first of `ROOM_KINDS`. */
const ROOM_MESSAGES = 11;
const REKEY = ROOM_KINDS.findIndex(({ name }) => name === 'rekey');
/** With some that are not there yet. */
const ROOM_TYPES = 14;

/** A walk with the opening of an honest peer before it, mostly, and then anything. */
export function makeWalk(side: EngineSide, random: Random, aim: 'rooms' | 'transfers'): Uint8Array {
  const steps = random.isOneIn(10) ? [] : opening(random);
  if (aim === 'transfers') steps.push(...asking(side, random));
  for (let count = random.below(MAX_STEPS); count > 0; count--) steps.push(anyStep(side, random, aim));
  const walk = encodeSteps(steps);
  // Who dialled, and whether it was looked for.
  return Buffer.concat([Uint8Array.of(random.below(4)), random.isOneIn(12) ? damaged(walk, random) : walk]);
}

const step = (name: Step['name'], ...content: (number | Uint8Array)[]): Step => ({
  name,
  content: Buffer.concat(content.map((part) => (typeof part === 'number' ? Uint8Array.of(part) : part))),
});

/** Proves a room; opens the transfer channel, the heartbeat and the lane; says hello. Channels 0 to 3. */
function opening(random: Random): Step[] {
  const room = random.below(3);
  return [
    step('ask', room, random.isOneIn(40) ? random.below(8) : 0),
    step('wait', 0),
    step('open', 1, 1),
    step('open', 2, 1),
    step('open', 3, 1),
    step('message', 0, 0, sound(0, random)),
    step('wait', 0),
  ];
}

/** What an honest peer asks and gives, in order; each step may be left out. */
function asking({ served, wanted }: EngineSide, random: Random): Step[] {
  const handle = 1;
  const range = { first: 0, count: 2 };
  const all = [
    { type: 'open', handle: 7, contentId: served.manifest.id },
    { type: 'getManifest', handle: 7 },
    { type: 'getHashes', handle: 7, group: 0 },
    { type: 'request', handle: 7, ...range },
    { type: 'opened', handle, have: 'full' },
    { type: 'manifest', handle, bytes: wanted.manifest.bytes },
    { type: 'hashes', handle, group: 0, bytes: wanted.chunkHashes.subarray(0, 32 * groupChunks(wanted)) },
    { type: 'data', handle, first: 4, bytes: bytesOf(wanted, 4, 1).subarray(0, MAX_CONTENT) },
    { type: 'have', handle, ranges: [{ first: 0, count: 1 }] },
  ];
  return all.filter(() => !random.isOneIn(5)).map((message) => transferStep(message));
}

const groupChunks = ({ manifest }: TestPackage): number => new ChunkMap(manifest).group(0).chunks;

function transferStep(message: { readonly type: string }): Step {
  const number = TRANSFER_KINDS.findIndex(({ name }) => name === message.type);
  return step('message', 1, number, c.encode(TRANSFER_KINDS[number]!.encoding, message));
}

function anyStep(side: EngineSide, random: Random, aim: 'rooms' | 'transfers'): Step {
  if (!random.isOneIn(4)) return aim === 'rooms' ? roomStep(random) : transferMessage(side, random);
  // What breaks the protocol for sure ends the walk, so it comes seldom.
  switch (random.below(random.isOneIn(8) ? 14 : 8)) {
    case 0:
      return step('ask', random.below(3), random.isOneIn(40) ? random.below(8) : 0);
    case 1:
      return step('answer', random.below(3), random.below(7));
    case 2:
      return step('open', random.below(5), random.below(5));
    case 3:
      return step('close', random.below(6));
    case 4:
      return step('batch', random.below(4), ...smallMessages(random));
    case 5:
      return step('wait', random.below(8));
    case 6:
      return step('user', random.below(4));
    case 7:
      return random.isOneIn(2) ? roomStep(random) : transferMessage(side, random);
    case 8:
      return step('frame', frame(random));
    case 9:
      return step('reject', random.below(6));
    case 10:
      return random.isOneIn(4) ? step('end') : step('wire', noise(random));
    case 11:
      return step('open', random.below(5), 0, noise(random));
    default:
      return step('message', random.below(4), random.below(16), content(random).subarray(0, MAX_CONTENT));
  }
}

function roomStep(random: Random): Step {
  let type = random.below(random.isOneIn(10) ? ROOM_TYPES : ROOM_MESSAGES);
  if (type === REKEY && !random.isOneIn(8)) type = 0; // Nobody but the owner can make a right one.
  const bytes = type < ROOM_KINDS.length && !random.isOneIn(12) ? sound(type, random) : content(random);
  return step('message', 0, type, bytes.subarray(0, MAX_CONTENT));
}

function transferMessage({ served, wanted }: EngineSide, random: Random): Step {
  const number = random.below(TRANSFER_KINDS.length);
  const kind = TRANSFER_KINDS[number]!;
  if (random.isOneIn(24)) return step('message', 1, number, messageBytes(kind, random).subarray(0, MAX_CONTENT));
  const first = random.below(4);
  const near = {
    ...{ handle: random.pick([1, 1, 2, 7, 7, 8]), first, count: 1 + random.below(4), group: random.below(2) },
    contentId: random.pick([served, wanted]).manifest.id,
  };
  // A lie ends the walk.
  const truth = random.isOneIn(16) ? {} : { group: 0, bytes: truthOf(kind.name, wanted, first) };
  const bytes = taken(kind, () => ({ ...(kind.sample(random) as object), ...near, ...truth }));
  return step('message', 1, number, bytes.subarray(0, MAX_CONTENT));
}

function truthOf(type: string, wanted: TestPackage, first: number): Uint8Array {
  if (type === 'manifest') return wanted.manifest.bytes;
  if (type === 'hashes') return wanted.chunkHashes.subarray(0, 32 * groupChunks(wanted));
  return bytesOf(wanted, first, 1);
}

/** Bytes of a message that is within its limits. A catalog of what was really signed goes all the way in. */
function sound(type: number, random: Random): Buffer {
  const kind = ROOM_KINDS[type]!;
  return taken(kind, () => {
    const message = kind.sample(random);
    if (kind.name !== 'page' && kind.name !== 'delta') return message;
    const add = random.isOneIn(4) ? [] : random.pick([OFFERS, OFFERS.slice(1), OFFERS.slice(0, 1)]);
    return { ...(message as object), add, isFirst: true, isLast: true, epoch: 1, seq: random.below(3) };
  });
}

const OFFERS = [1, 2, 3].map((i) => makeRelease(`${i}`.repeat(64), { name: `n${i}` }));

/** The first of some samples that an honest peer could have sent. */
function taken({ encoding }: Kind, sample: () => unknown): Buffer {
  for (let tries = 0; ; tries++) {
    const bytes = Buffer.from(c.encode(encoding, sample()));
    if (tries === 20) return bytes;
    try {
      encoding.decode({ buffer: bytes, start: 0, end: bytes.byteLength });
      return bytes;
    } catch {
      // Over a limit.
    }
  }
}

function content(random: Random): Buffer {
  return messageBytes(random.pick(random.isOneIn(2) ? ROOM_KINDS : TRANSFER_KINDS), random);
}

function smallMessages(random: Random): (number | Uint8Array)[] {
  return Array.from({ length: 1 + random.below(20) }, () => {
    const bytes = content(random).subarray(0, 200);
    return Buffer.concat([Uint8Array.of(random.below(16), bytes.byteLength), bytes]);
  });
}

/** Of protomux: a row of small numbers comes close to its own messages. */
function frame(random: Random): Buffer {
  if (random.isOneIn(3)) return noise(random);
  const small = Array.from({ length: 2 + random.below(40) }, () =>
    random.pick([0, 0, 0, 1, 1, 2, 3, 4, 5, 0x61, 252, 253]),
  );
  return Buffer.from(small);
}
