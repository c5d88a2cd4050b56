import assert from 'node:assert/strict';
import { FramePool } from '../../../src/engine/transfer/framePool';

const CHUNK = 65_536;
const MIB = 1024 ** 2;

describe('FramePool', () => {
  it('gives memory out again once it was given back, and not before', () => {
    const pool = new FramePool();
    const first = pool.take(MIB);

    const second = pool.take(MIB);
    first.release();
    const third = pool.take(MIB);

    assert.notEqual(second.memory, first.memory);
    assert.equal(third.memory, first.memory);
  });

  it('gives memory to one only, also when it is given back twice', () => {
    const pool = new FramePool();
    const frame = pool.take(MIB);
    frame.release();
    frame.release();

    const [a, b] = [pool.take(MIB), pool.take(MIB)];
    frame.release(); // Of who had it before.
    const c = pool.take(MIB);

    assert.equal(new Set([a.memory, b.memory, c.memory]).size, 3);
  });

  it('takes no more than twice what a frame needs', () => {
    const pool = new FramePool();

    for (const chunks of [1, 2, 3, 5, 8, 9, 16]) {
      const { byteLength } = pool.take(chunks * CHUNK).memory;
      assert.ok(byteLength >= chunks * CHUNK && byteLength < 2 * chunks * CHUNK, `${chunks} chunks: ${byteLength}`);
    }
  });

  it('keeps 8 MiB at most, and nothing when it is told so', () => {
    const pool = new FramePool();
    const frames = Array.from({ length: 40 }, (_, i) => pool.take(i % 2 === 0 ? MIB : CHUNK));

    for (const { release } of frames) release();
    const kept = pool.keptBytes;
    pool.clear();

    assert.ok(kept <= 8 * MIB && kept > 7 * MIB, `${kept} bytes`);
    assert.equal(pool.keptBytes, 0);
  });
});
