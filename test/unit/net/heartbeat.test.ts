import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { makeGuard } from '../../../src/engine/net/guard';
import { Heartbeat } from '../../../src/engine/net/heartbeat';
import { SafeMux } from '../../../src/engine/net/safeMux';
import { memoryStreams } from '../../helpers/memoryStreams';

describe('a peer that speaks', () => {
  let now = 0;
  beforeEach(() => {
    now = 0;
    mock.timers.enable({ apis: ['setInterval'] });
    mock.method(performance, 'now', () => now);
  });
  afterEach(() => {
    mock.timers.reset();
    mock.restoreAll();
  });

  /** @returns after how many seconds the connection is given up, or undefined when it lives for three minutes. */
  async function lives(traffic: (second: number) => { read: number; isTaken: boolean }): Promise<number | undefined> {
    const [ours, theirs] = (await memoryStreams()).streams;
    let deadAt: number | undefined;
    const heartbeat = new Heartbeat({
      mux: new SafeMux(ours, () => undefined),
      isLan: false,
      traffic: () => ({ written: 0, ...traffic(now / 1_000) }),
      onAway: () => undefined,
      onDead: () => (deadAt = now / 1_000),
      guard: makeGuard((error) => {
        throw error;
      }),
      onViolation: () => undefined,
    });
    for (let i = 0; i < 90 && deadAt === undefined; i++) {
      now += 2_000;
      mock.timers.tick(2_000);
    }
    heartbeat.end();
    ours.destroy();
    theirs.destroy();
    return deadAt;
  }

  it('stays as long as it also takes what it is told', async () => {
    assert.equal(await lives((second) => ({ read: second, isTaken: true })), undefined);
  });

  it('stays when it is slow in taking it', async () => {
    assert.equal(await lives((second) => ({ read: second, isTaken: second % 40 === 0 })), undefined);
  });

  it('goes when it takes nothing for a minute', async () => {
    assert.equal(await lives((second) => ({ read: second, isTaken: false })), 62);
  });

  it('goes when it falls silent', async () => {
    assert.equal(await lives(() => ({ read: 0, isTaken: true })), 12);
  });
});
