import assert from 'node:assert/strict';
import path from 'node:path';
import type { Engine } from '../../src/engine/engine';
import { TestEngines, nextEvent, untilState } from '../helpers/testEngines';
import { writePeftAdapter } from '../helpers/writeAdapter';

const MB = 1_000_000;
/** What the promise gives a member to act, from the moment in which it hears of the removal. */
const WITHIN_MS = 1_000;

describe('a member that was removed', () => {
  let engines: TestEngines;
  beforeEach(() => {
    engines = new TestEngines();
  });
  afterEach(() => engines.dispose());

  const fetched = ({ state }: Engine): number =>
    state.transfers.reduce((sum, { direction, bytesDone }) => sum + (direction === 'download' ? bytesDone : 0), 0);

  it('gets no chunk and no catalog entry a second after the removal, also in the middle of a download', async () => {
    const [ana, ben, eve] = [await engines.open('ana'), await engines.open('ben'), await engines.open('eve')];
    const room = await engines.room(ana.engine, ben.engine, eve.engine);
    const folder = path.join(engines.folder, 'runs', 'large');
    await writePeftAdapter(folder, { hidden: 1024, blocks: 32, rank: 32 }); // 12.6 MB of weights.
    const { id } = await ben.engine.wish('share', { path: folder, rooms: ['lab'] });
    await ben.engine.wish('setSetting', { key: 'transfer.uploadLimit', value: MB });
    await untilState(eve.engine, ({ rooms }) => rooms[0]?.adapters === 1);
    await untilState(ana.engine, ({ rooms }) => rooms[0]?.peers === 2);
    const stop = new AbortController();
    const get = eve.engine.wish('get', { target: id }, { signal: stop.signal }).catch(() => undefined);
    await untilState(eve.engine, () => fetched(eve.engine) > MB);

    const told = nextEvent(ben.engine, 'peer:disconnected');
    await ana.engine.wish('removeMember', { room: 'lab', peer: eve.engine.state.identity.key });
    await told;
    await new Promise((resolve) => setTimeout(resolve, WITHIN_MS));
    const then = fetched(eve.engine);
    await ben.engine.wish('share', { path: await smaller(), rooms: ['lab'] });
    await untilState(ana.engine, ({ rooms }) => rooms[0]?.adapters === 2);
    // Long enough for some 2 MB, and for eve to dial and ask again.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    const later = fetched(eve.engine);
    const heard = await eve.engine.wish('list', { room });
    stop.abort();
    await get;

    assert.ok(then > MB && then < 12 * MB, `${then} bytes`);
    assert.equal(later, then);
    assert.equal(heard.total, 0);
    assert.equal(eve.engine.state.rooms[0]?.peers, 0);
    await ben.engine.wish('setSetting', { key: 'transfer.uploadLimit', value: 0 });
    const kept = await ana.engine.wish('get', { target: id });
    assert.equal(kept.id, id);
  }).timeout(60_000);

  it('by a certificate gets no chunk and no catalog entry a second after a member learns it, whoever that is', async () => {
    const [ana, ben, eve] = [await engines.open('ana'), await engines.open('ben'), await engines.open('eve')];
    await engines.room(ana.engine, ben.engine, eve.engine);
    const folder = path.join(engines.folder, 'runs', 'large');
    await writePeftAdapter(folder, { hidden: 1024, blocks: 32, rank: 32 });
    const { id } = await ben.engine.wish('share', { path: folder, rooms: ['lab'] });
    await ben.engine.wish('setSetting', { key: 'transfer.uploadLimit', value: MB });
    await untilState(eve.engine, ({ rooms }) => rooms[0]?.adapters === 1);
    for (const { engine } of [ana, ben]) await untilState(engine, ({ rooms }) => rooms[0]?.peers === 2);
    const certificate = path.join(engines.folder, 'eve.txt');
    await eve.engine.wish('exportRevocation', { path: certificate });
    const codeOf = async ({ engine }: typeof ana) => (await engine.wish('roomInvite', { room: 'lab' })).code;
    const before = await codeOf(ben);
    const stop = new AbortController();
    const get = eve.engine.wish('get', { target: id }, { signal: stop.signal }).catch(() => undefined);
    await untilState(eve.engine, () => fetched(eve.engine) > MB);

    await ben.engine.wish('revokeKey', { path: certificate }); // Ben is no admin.
    await new Promise((resolve) => setTimeout(resolve, WITHIN_MS));
    const then = fetched(eve.engine);
    await ben.engine.wish('share', { path: await smaller(), rooms: ['lab'] });
    await untilState(ana.engine, ({ rooms }) => rooms[0]?.adapters === 2);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    const later = fetched(eve.engine);
    stop.abort();
    await get;

    assert.ok(then > MB && then < 12 * MB, `${then} bytes`);
    assert.equal(later, then);
    assert.equal((await eve.engine.wish('list', {})).total, 0);
    assert.equal(eve.engine.state.rooms[0]?.ended, 'revoked');
    // The admin made another secret by itself.
    assert.notEqual(await codeOf(ben), before);
    assert.equal(await codeOf(ana), await codeOf(ben));
    assert.equal((await ben.engine.wish('roomMembers', { room: 'lab' })).members.length, 2);
  }).timeout(60_000);

  async function smaller(): Promise<string> {
    const folder = path.join(engines.folder, 'runs', 'small');
    await writePeftAdapter(folder, {});
    return folder;
  }
});
