import { ROOM_PROTOCOL } from '../../../src/engine/net/peer';
import { ALIVE_PROTOCOL } from '../../../src/engine/net/heartbeat';
import { LANE_PROTOCOL } from '../../../src/engine/net/lane/peerLane';
import { TRANSFER_PROTOCOL } from '../../../src/engine/net/transferMessages';
import type { HostileSide } from './hostileSide';

// A walk is a row of steps: a number, the length of what belongs to it (2 bytes, little-endian), and that.

export const STEPS = [
  'frame',
  'ask',
  'answer',
  'open',
  'message',
  'close',
  'batch',
  'reject',
  'wait',
  'end',
  'user',
  'wire',
] as const;
export type StepName = (typeof STEPS)[number];

export const PROTOCOLS = [ROOM_PROTOCOL, TRANSFER_PROTOCOL, ALIVE_PROTOCOL, LANE_PROTOCOL, 'something/else'];

export interface Step {
  readonly name: StepName;
  readonly content: Uint8Array;
}

export function encodeSteps(steps: readonly Step[]): Buffer {
  return Buffer.concat(
    steps.map(({ name, content }) => {
      const head = Buffer.from([STEPS.indexOf(name), content.byteLength & 255, content.byteLength >> 8]);
      return Buffer.concat([head, content]);
    }),
  );
}

/** Any bytes are some walk. */
export function decodeSteps(bytes: Uint8Array): Step[] {
  const steps: Step[] = [];
  for (let at = 0; at + 3 <= bytes.byteLength;) {
    const length = bytes[at + 1]! + 256 * bytes[at + 2]!;
    steps.push({ name: STEPS[bytes[at]! % STEPS.length]!, content: bytes.subarray(at + 3, at + 3 + length) });
    at += 3 + length;
  }
  return steps;
}

/** Does what goes out on the connection; the other steps are for whoever has both sides. */
export function say(hostile: HostileSide, { name, content }: Step): void {
  const [first = 0, second = 0] = content;
  switch (name) {
    case 'frame':
      hostile.send(content);
      return;
    case 'ask':
      hostile.ask(first, second);
      return;
    case 'answer':
      hostile.answer(first, second);
      return;
    case 'open':
      hostile.open(
        PROTOCOLS[first % PROTOCOLS.length]!,
        second % 4 === 0 ? content.subarray(2) : undefined,
        new Uint8Array(),
      );
      return;
    case 'message':
      hostile.message(first, second, content.subarray(2));
      return;
    case 'batch':
      hostile.batch(first, messagesOf(content.subarray(1)));
      return;
    case 'close':
      hostile.close(first);
      return;
    case 'reject':
      hostile.reject(first);
      return;
    default:
  }
}

/** Each: type, length, content. */
function messagesOf(bytes: Uint8Array): (readonly [number, Uint8Array])[] {
  const messages: (readonly [number, Uint8Array])[] = [];
  for (let at = 0; at + 2 <= bytes.byteLength;) {
    const length = bytes[at + 1]!;
    messages.push([bytes[at]!, bytes.subarray(at + 2, at + 2 + length)]);
    at += 2 + length;
  }
  return messages;
}
