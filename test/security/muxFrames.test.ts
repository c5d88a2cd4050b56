import assert from 'node:assert/strict';
import { once } from 'node:events';
import { SafeMux } from '../../src/engine/net/safeMux';
import { memoryStreams } from '../helpers/memoryStreams';

/** A batch that holds nothing but a batch, this many times. protomux alone ends the process with it. */
function batches(count: number): Buffer {
  const one = Buffer.from([0, 0xfe, 0xff, 0xff, 0xff, 0x00, 0]); // For the control channel, of any length, of type batch.
  return Buffer.concat([Buffer.from([0, 0]), ...Array.from({ length: count }, () => one)]);
}

/** Opens a channel that nobody knows. */
function openings(first: number, count: number): Buffer {
  const parts = Array.from({ length: count }, (_, i) => {
    const id = first + i;
    const opening = Buffer.from([1, 0xfd, id & 255, id >> 8, 1, 0x78, 0]);
    return Buffer.concat([Buffer.from([opening.byteLength]), opening]);
  });
  return Buffer.concat([Buffer.from([0, 0, 0]), ...parts]);
}

const FRAMES: readonly (readonly [string, readonly Buffer[]])[] = [
  ['a batch in a batch, 60,000 deep', [batches(60_000)]],
  ['a batch in a batch', [batches(1)]],
  ['a frame cut short', [Buffer.from([0])]],
  ['a channel with a number out of order', [Buffer.from([0, 1, 9, 1, 0x78, 0])]],
  ['a number over 2^53', [Buffer.alloc(10, 0xff)]],
  ['more channels than anybody has rooms', [openings(1, 1_500), openings(1_501, 1_500)]],
];

describe('frames that come before any channel is there', () => {
  for (const [what, frames] of FRAMES) {
    it(`end the connection and nothing else: ${what}`, async () => {
      const [theirs, ours] = (await memoryStreams()).streams;
      const violations: Error[] = [];
      new SafeMux(ours, (error) => violations.push(error));
      const closed = once(ours, 'close');

      for (const frame of frames) theirs.write(frame);
      await closed;

      assert.equal(violations.length, 1);
      theirs.destroy();
    });
  }
});
