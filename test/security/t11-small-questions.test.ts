import assert from 'node:assert/strict';
import { generalKeys } from '../../src/engine/net/roomKeys';
import { SecurityGround, untilJoined } from '../helpers/securityGround';
import { message, opening } from '../helpers/strangers';

const ROOM = 'lora-swarm/room/1';
const RESYNC = 3;
/** Under the limit of messages, so that nobody is sent away for it. */
const QUESTIONS = 300;

describe('T11: a question of three bytes that is answered by a whole list', function () {
  this.timeout(10_000);

  let ground: SecurityGround;
  beforeEach(async () => {
    ground = await SecurityGround.open();
  });
  afterEach(() => ground.close());

  it('is answered once for all who ask in five seconds', async () => {
    const ana = await ground.rooms('ana');
    ana.rooms.joinGeneral();
    ana.offer('general', ...Array.from({ length: 100 }, (_, i) => `adapter-${i}`));
    await untilJoined(ana);
    const stranger = await ground.strangers().dial(ana.keys.publicKey);
    stranger.say(opening(1, ROOM, stranger.proof(generalKeys()), Buffer.from([0])));
    await stranger.next(0);

    for (let i = 0; i < QUESTIONS; i++) stranger.say(message(1, RESYNC));
    const size = (): number => stranger.heard.reduce((sum, frame) => sum + frame.byteLength, 0);
    while (size() < 20_000) await stranger.next();
    await new Promise((resolve) => setTimeout(resolve, 1_000)); // There is no event for what does not come.

    const lists = stranger.heard.filter((frame) => frame.byteLength > 10_000).length;
    assert.equal(lists, 1, `${size()} bytes for ${QUESTIONS} questions`);
    assert.equal(stranger.isClosed, false);
  });
});
