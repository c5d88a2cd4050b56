import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { generalKeys, privateKeys } from '../../src/engine/net/roomKeys';
import { SecurityGround, untilJoined } from '../helpers/securityGround';
import { opening, rejection, type Strangers } from '../helpers/strangers';
import type { TestRooms } from '../helpers/testRooms';

const ROOM = 'lora-swarm/room/1';

describe('T35: a prober who knows a key but no code', function () {
  this.timeout(20_000);

  let ground: SecurityGround;
  let ana: TestRooms;
  let empty: TestRooms;
  let strangers: Strangers;
  before(async () => {
    ground = await SecurityGround.open();
    [ana, empty] = [await ground.rooms('ana'), await ground.rooms('nobody')];
    const { room } = ana.rooms.create('secret lab');
    ana.offer(room, 'hidden-adapter');
    empty.rooms.joinGeneral();
    await Promise.all([untilJoined(ana), untilJoined(empty)]);
    strangers = ground.strangers();
  });
  after(() => ground.close());

  /** All that a stranger can open without the code. The last one is no protocol of ours. */
  const tries = (proofs: readonly Buffer[]): Buffer[] => [
    ...proofs.map((proof, i) => opening(i + 1, ROOM, proof, Buffer.from([0]))),
    ...['lora-swarm/alive/1', 'lora-swarm/transfer/1', 'lora-swarm/lane/1', 'lora-swarm/room/1', 'x'].map(
      (protocol, i) => opening(proofs.length + i + 1, protocol),
    ),
  ];

  it('hears not a byte while it says nothing', async () => {
    const prober = await strangers.dial(ana.keys.publicKey);

    await new Promise((resolve) => setTimeout(resolve, 500)); // Long for an answer on loopback; there is no event for none.

    assert.deepEqual(prober.heard, []);
    assert.equal(prober.isClosed, false);
  });

  it('hears the same refusals where there is a private room and where there is none', async () => {
    const heard: Buffer[][] = [];
    for (const target of [ana, empty]) {
      const prober = await strangers.dial(target.keys.publicKey);
      const wrong = privateKeys(randomBytes(16));
      const frames = tries([prober.proof(wrong), prober.proof(wrong, 'answer'), randomBytes(32), Buffer.alloc(32)]);

      for (const frame of frames) prober.say(frame);
      await prober.next(frames.length - 1);
      heard.push(prober.heard);
    }

    const refusals = Array.from({ length: 9 }, (_, i) => rejection(i + 1));
    assert.deepEqual(
      [...heard[0]!].sort((a, b) => a.compare(b)),
      refusals,
    );
    assert.deepEqual(heard[1], heard[0]);
    assert.equal(ana.rooms.peers.count(ana.rooms.states(() => 0)[0]!.id), 0);
  });

  it('would have heard of a room that it can prove', async () => {
    const guest = await strangers.dial(empty.keys.publicKey);

    guest.say(opening(1, ROOM, guest.proof(generalKeys()), Buffer.from([0])));
    await guest.next(0);

    assert.notDeepEqual(guest.heard[0], rejection(1));
    assert.ok(Buffer.concat(guest.heard).includes('nobody'), 'its name comes with the hello');
  });

  it('is let go after ten seconds', async () => {
    const prober = await strangers.dial(ana.keys.publicKey);
    const startedAt = performance.now();

    await prober.closed;

    const afterMs = performance.now() - startedAt;
    assert.ok(afterMs > 9_000 && afterMs < 12_000, `${afterMs} ms`);
    assert.deepEqual(prober.heard, []);
  });
});
