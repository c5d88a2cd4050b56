import assert from 'node:assert/strict';
import { RateLimit, RateMeter } from '../../../src/engine/transfer/rate';
import { VirtualClock } from '../../helpers/virtualClock';

const KIB = 1024;
const CHUNK = 64 * KIB;
const MIB = 1024 * KIB;

describe('RateLimit', () => {
  it('lets everything pass at once without a limit', async () => {
    const limit = new RateLimit(0, new VirtualClock());

    await limit.take(1e12);

    assert.equal(limit.tryTake(1e12), true);
  });

  it('holds the average over ten seconds', async () => {
    const clock = new VirtualClock();
    const limit = new RateLimit(1_000_000, clock);
    const taker = takeFor(limit, CHUNK);

    await clock.advance(10_000);

    taker.abort();
    assert.ok(Math.abs(taker.bytes - 10_000_000) < 500_000, `${taker.bytes} bytes in 10 s`);
  });

  it('lets a piece pass that is larger than a second of the limit', async () => {
    const clock = new VirtualClock();
    const limit = new RateLimit(10 * KIB, clock);
    const taker = takeFor(limit, CHUNK);

    await clock.advance(64_000);

    taker.abort();
    assert.ok(taker.bytes >= 10 * CHUNK && taker.bytes <= 11 * CHUNK, `${taker.bytes / CHUNK} chunks in 64 s`);
  });

  it('sleeps until it is time, and does not poll', async () => {
    const clock = new VirtualClock();
    const limit = new RateLimit(CHUNK, clock);
    const taker = takeFor(limit, CHUNK);

    await clock.advance(60_000);

    taker.abort();
    assert.ok(clock.wakes <= 61, `${clock.wakes} wakes for ${taker.bytes / CHUNK} chunks`);
    assert.ok(clock.isIdle);
  });

  it('serves those who wait in the order in which they came', async () => {
    const clock = new VirtualClock();
    const limit = new RateLimit(CHUNK, clock);
    const order: string[] = [];
    limit.tryTake(10 * CHUNK);
    for (const name of ['a', 'b', 'c']) void limit.take(CHUNK).then(() => order.push(name));

    await clock.advance(30_000);

    assert.deepEqual(order, ['a', 'b', 'c']);
  });

  it('counts a changed limit at once, also for those who wait', async () => {
    const clock = new VirtualClock();
    const limit = new RateLimit(1, clock);
    limit.tryTake(CHUNK);
    let isThrough = false;
    void limit.take(CHUNK).then(() => (isThrough = true));
    await clock.advance(60_000);
    assert.equal(isThrough, false);

    limit.bytesPerSecond = 10 * CHUNK;
    await clock.advance(200);

    assert.equal(isThrough, true);
  });

  it('holds each average over ten seconds within a twentieth while it is changed', async () => {
    const clock = new VirtualClock();
    const limit = new RateLimit(8_000_000, clock);
    const taker = takeFor(limit, CHUNK);

    for (const rate of [8_000_000, 2_000_000, 20_000_000, 500_000, 3_000_000]) {
      limit.bytesPerSecond = rate;
      const before = taker.bytes;
      await clock.advance(10_000);
      const share = (taker.bytes - before) / (10 * rate);

      // Half a megabyte a second is 76 chunks in ten seconds, so one of them is more than a hundredth.
      assert.ok(Math.abs(share - 1) <= 0.05, `${share} of ${rate} B/s`);
    }
    taker.abort();
  });

  it('lets no more through when it is changed again and again', async () => {
    const clock = new VirtualClock();
    const limit = new RateLimit(1_000_000, clock);
    const taker = takeFor(limit, MIB);

    for (let i = 0; i < 200; i++) {
      limit.bytesPerSecond = i % 2 === 0 ? 1_010_000 : 990_000;
      await clock.advance(50);
    }

    taker.abort();
    // On top of ten seconds: the bucket at the start, and one piece that is owed at the end.
    assert.ok(taker.bytes <= 10_000_000 * 1.05 + 250_000 + MIB, `${taker.bytes} bytes in 10 s`);
  });

  it('lets all go when the limit is taken away', async () => {
    const clock = new VirtualClock();
    const limit = new RateLimit(1, clock);
    limit.tryTake(CHUNK);
    const waiting = Promise.all([limit.take(CHUNK), limit.take(CHUNK)]);

    limit.bytesPerSecond = 0;
    await waiting;

    assert.ok(clock.isIdle);
  });

  it('lets go of who aborts and goes on with the next', async () => {
    const clock = new VirtualClock();
    const limit = new RateLimit(CHUNK, clock);
    const abort = new AbortController();
    limit.tryTake(CHUNK);
    const first = limit.take(100 * CHUNK, abort.signal);
    const second = limit.take(CHUNK);

    abort.abort();

    await assert.rejects(first, { name: 'AbortError' });
    await clock.advance(2_000);
    await second;
    await assert.rejects(limit.take(1, abort.signal), { name: 'AbortError' });
  });
});

describe('RateMeter', () => {
  it('tells the rate of the window and forgets what is older', async () => {
    const clock = new VirtualClock();
    const meter = new RateMeter(3_000, clock);
    for (let i = 0; i < 60; i++) {
      meter.add(50_000);
      await clock.advance(100);
    }
    const busy = meter.bytesPerSecond;

    await clock.advance(3_200);

    assert.ok(Math.abs(busy - 500_000) < 50_000, `${busy} B/s`);
    assert.equal(meter.bytesPerSecond, 0);
    assert.equal(meter.total, 3_000_000);
  });

  it('does not take the first frame for a gigabyte a second', () => {
    const meter = new RateMeter(3_000, new VirtualClock());

    meter.add(1_000_000);

    assert.ok(meter.bytesPerSecond < 4_000_000);
  });

  it('is right again after an hour of nothing', async () => {
    const clock = new VirtualClock();
    const meter = new RateMeter(1_000, clock);
    meter.add(1_000_000);
    await clock.advance(3_600_000);

    meter.add(10_000);

    assert.equal(meter.bytesPerSecond, 10_000);
  });
});

/** Takes pieces one after the other until it is told to stop. */
function takeFor(limit: RateLimit, piece: number): { bytes: number; abort(): void } {
  const controller = new AbortController();
  const taker = { bytes: 0, abort: () => controller.abort() };
  void (async () => {
    for (;;) {
      await limit.take(piece, controller.signal);
      taker.bytes += piece;
    }
  })().catch(() => undefined);
  return taker;
}
