import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import c from 'compact-encoding';
import { generalKeys } from '../../src/engine/net/roomKeys';
import { opening, message, type Stranger, type Strangers } from '../helpers/strangers';
import { TestEngines, untilState } from '../helpers/testEngines';
import { ROOT } from '../run/machine';

const ADAPTERS = path.join(ROOT, 'test', 'fixtures', 'llama', 'adapters');
const ROOM = 'lora-swarm/room/1';
const [OPEN, REFUSED] = [0, 2];

describe('T14: a peer of the general room', function () {
  this.timeout(20_000);

  let engines: TestEngines;
  beforeEach(() => {
    engines = new TestEngines();
  });
  afterEach(() => engines.dispose());

  it('gets what is shared there, and the same answer for what is shared elsewhere, only kept, or not here', async () => {
    const { engine: ana } = await engines.open('ana');
    const { room } = await ana.wish('createRoom', { label: 'lab' });
    await ana.wish('joinRoom', { room: 'general' });
    const share = async (folder: string, rooms: string[]): Promise<string> => {
      const shared = await ana.wish('share', { path: path.join(ADAPTERS, folder), rooms, isPublicConfirmed: true });
      return shared.id;
    };
    const open = await share('trained-r16', ['general']);
    const secret = await share('all-r8', [room]);
    const takenBack = await share('dora', ['general']);
    await ana.wish('unshare', { target: takenBack });
    await untilState(ana, ({ rooms }) => rooms.every(({ phase }) => phase === 'joined'));

    const strangers = await engines.strangers();
    const peer = await enter(strangers, ana.state.identity.key);
    const ids = [open, secret, takenBack, randomBytes(32).toString('hex')];
    const answers: Buffer[] = [];
    for (const [i, id] of ids.entries()) answers.push(await ask(peer, i + 1, id));
    await strangers.close();

    const [given, ...refused] = answers;
    assert.equal(given![1], 1, 'opened');
    assert.deepEqual(
      refused.map((answer) => [...answer.subarray(1)]),
      [2, 3, 4].map((handle) => [REFUSED, handle, 0, 0]),
    );
  });
});

/** Proves the general room and opens the channel of transfers as number 3. */
async function enter(strangers: Strangers, key: string): Promise<Stranger> {
  const peer = await strangers.dial(Buffer.from(key, 'hex'));
  peer.say(opening(1, ROOM, peer.proof(generalKeys()), Buffer.from([0])));
  await peer.next(0);
  peer.say(opening(2, 'lora-swarm/alive/1'));
  peer.say(opening(3, 'lora-swarm/transfer/1'));
  return peer;
}

/** @returns the first answer to an `open` under this handle. */
async function ask(peer: Stranger, handle: number, id: string): Promise<Buffer> {
  peer.say(message(3, OPEN, Buffer.concat([c.encode(c.uint, handle), Buffer.from(id, 'hex')])));
  for (;;) {
    const answer = peer.heard.find((frame) => [1, REFUSED].includes(frame[1]!) && frame[2] === handle && frame[0]! > 2);
    if (answer) return answer;
    await peer.next();
  }
}
