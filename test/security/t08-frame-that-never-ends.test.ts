import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { generalKeys } from '../../src/engine/net/roomKeys';
import { SecurityGround, untilJoined } from '../helpers/securityGround';
import { opening, type Stranger } from '../helpers/strangers';

const ROOM = 'lora-swarm/room/1';
/** Says that 16 MiB come, brings one byte of them, and no more. The transport keeps memory for all at once. */
const STALL = Buffer.from([0xff, 0xff, 0xff, 1]);
const MIB = 1024 ** 2;

describe('T08: frames of 16 MiB that are begun and never end', function () {
  this.timeout(30_000);

  let ground: SecurityGround;
  beforeEach(async () => {
    ground = await SecurityGround.open();
  });
  afterEach(() => ground.close());

  it('cost a bounded number of connections for ten seconds, and no memory after that', async () => {
    const ana = await ground.rooms('ana');
    ana.rooms.joinGeneral();
    await untilJoined(ana);
    const strangers = ground.strangers();
    const before = memory();
    const crowd: Stranger[] = [];

    for (let i = 0; i < 64; i++) {
      const one = await strangers.dial(ana.keys.publicKey);
      crowd.push(one);
      if (one.isClosed) continue;
      // A few are peers of the room by then, who would be allowed to stay.
      if (i < 4) one.say(opening(1, ROOM, one.proof(generalKeys()), Buffer.from([0])));
      if (i < 4) await one.next(0);
      (one.stream.rawStream as unknown as Duplex).write(STALL);
    }
    const startedAt = performance.now();
    const inside = crowd.filter((one) => !one.isClosed).length;
    await Promise.all(crowd.map((one) => one.closed));
    const ms = performance.now() - startedAt;

    assert.ok(inside > 4 && inside <= 32, `${inside} were let in`);
    assert.ok(ms < 15_000, `${ms} ms`);
    let grown = memory() - before;
    while (grown >= 32 * MIB && performance.now() - startedAt < 15_000) {
      await new Promise((resolve) => setTimeout(resolve, 200)); // Our side of the connections ends a moment later.
      grown = memory() - before;
    }
    assert.ok(grown < 32 * MIB, `${Math.round(grown / MIB)} MiB are still held`);
  });
});

/** Of buffers, that nothing else could give back. */
function memory(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().arrayBuffers;
}
