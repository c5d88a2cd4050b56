import assert from 'node:assert/strict';
import c from 'compact-encoding';
import { generalKeys } from '../../src/engine/net/roomKeys';
import { silentLog } from '../../src/engine/log';
import { RateLimit } from '../../src/engine/transfer/rate';
import { Seeder } from '../../src/engine/transfer/seeder';
import { SecurityGround, untilJoined } from '../helpers/securityGround';
import { message, opening, type Stranger, type Strangers } from '../helpers/strangers';
import type { TestRooms } from '../helpers/testRooms';

const ROOM = 'lora-swarm/room/1';
/** Numbers of the channels that `enter` opens. */
const [ROOM_NO, ALIVE_NO, TRANSFER_NO, LANE_NO] = [1, 2, 3, 4];
const TOTAL = 1_000_000;
const IN_A_FRAME = 10_000;

/** The same message very often, in one frame. */
function batch(number: number, type: number, payload = Buffer.alloc(0)): Buffer {
  const one = Buffer.concat([Buffer.from([payload.byteLength + 1, type]), payload]);
  return Buffer.concat([Buffer.from([0, 0, number]), ...Array.from({ length: IN_A_FRAME }, () => one)]);
}

const handle = c.encode(c.uint, 200);
const FLOODS: readonly (readonly [string, Buffer])[] = [
  ['questions for the whole list', batch(ROOM_NO, 3)],
  ['signs of life', batch(ALIVE_NO, 0)],
  ['openings of what nobody shares', batch(TRANSFER_NO, 0, Buffer.concat([handle, Buffer.alloc(32)]))],
  ['questions about what is not open', batch(TRANSFER_NO, 3, Buffer.from(handle))],
  ['news of what nobody asked for', batch(TRANSFER_NO, 11, Buffer.concat([handle, Buffer.from([1, 0, 1])]))],
  ['chunks that nobody asked for', batch(TRANSFER_NO, 8, Buffer.concat([handle, Buffer.from([0, 1, 0])]))],
  ['wishes to be dialled', batch(LANE_NO, 1)],
];

describe('T10: a flood of messages by a peer of the room', function () {
  this.timeout(10_000);

  let ground: SecurityGround;
  let ana: TestRooms;
  let ben: TestRooms;
  let strangers: Strangers;
  let seeder: Seeder;
  before(async () => {
    ground = await SecurityGround.open();
    [ana, ben] = [await ground.rooms('ana'), await ground.rooms('ben')];
    const uploadLimit = new RateLimit();
    seeder = new Seeder({
      open: () => Promise.resolve(undefined),
      uploadLimit,
      log: silentLog,
      onSourceProblem: () => undefined,
    });
    ana.onLink = (link) => seeder.attach(link, () => false);
    for (const rooms of [ana, ben]) rooms.rooms.joinGeneral();
    await untilJoined(ana);
    await ana.until(() => ana.rooms.peers.count('general') === 1);
    strangers = ground.strangers();
  });
  after(async () => {
    seeder.dispose();
    await ground.close();
  });

  async function enter(): Promise<Stranger> {
    const stranger = await strangers.dial(ana.keys.publicKey);
    stranger.say(opening(ROOM_NO, ROOM, stranger.proof(generalKeys()), Buffer.from([0])));
    await stranger.next(0);
    for (const [number, protocol] of [
      [ALIVE_NO, 'lora-swarm/alive/1'],
      [TRANSFER_NO, 'lora-swarm/transfer/1'],
      [LANE_NO, 'lora-swarm/lane/1'],
    ] as const)
      stranger.say(opening(number, protocol));
    stranger.say(message(ALIVE_NO, 0));
    await ana.until(() => ana.rooms.peers.get(stranger.stream.publicKey.toString('hex')) !== undefined);
    return stranger;
  }

  for (const [what, frame] of FLOODS) {
    it(`ends that peer within two seconds, and nobody else: ${what}`, async () => {
      const stranger = await enter();
      const startedAt = performance.now();

      for (let i = 0; i < TOTAL / IN_A_FRAME && !stranger.isClosed; i++) stranger.say(frame);
      await stranger.closed;

      const ms = performance.now() - startedAt;
      assert.ok(ms < 2_000, `${ms} ms`);
      const name = `still-${FLOODS.findIndex(([other]) => other === what)}`;
      ben.offer('general', name);
      await ana.until(() => ana.listOf('general', ben).includes(name));
    });
  }

  it('would not end a peer that says as much as honest ones do', async () => {
    const stranger = await enter();

    for (let i = 0; i < 100; i++) stranger.say(message(ALIVE_NO, 0));
    stranger.say(message(ROOM_NO, 3));
    await stranger.next();

    assert.equal(stranger.isClosed, false);
  });
});
