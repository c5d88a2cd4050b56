import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { Engine } from '../../src/engine/engine';
import type { TransferState } from '../../src/engine/state';
import { TestEngines, nextEvent, untilState, type TestEngine } from '../helpers/testEngines';
import { writePeftAdapter } from '../helpers/writeAdapter';

const MB = 1e6;
/** Some 3.7 MB of weights. */
const SIZE = { hidden: 1024, blocks: 8, rank: 32 };

describe('downloads', function () {
  this.timeout(60_000);
  let engines: TestEngines;
  let ana: TestEngine;
  let ben: TestEngine;

  beforeEach(async () => {
    engines = new TestEngines();
    [ana, ben] = [await engines.open('ana'), await engines.open('ben')];
    await engines.room(ana.engine, ben.engine);
  });
  afterEach(() => engines.dispose());

  /** Shares adapters of different contents. @returns their ids. */
  async function share(by: Engine, ...names: readonly string[]): Promise<string[]> {
    const ids: string[] = [];
    for (const name of names) {
      const folder = path.join(engines.folder, 'runs', name);
      await writePeftAdapter(folder, { ...SIZE, seed: name.charCodeAt(0) });
      ids.push((await by.wish('share', { path: folder, rooms: ['lab'], name })).id);
    }
    return ids;
  }

  /** Asks for all of them, in this order. What becomes of it is in the state, also when the engine closes before. */
  function getAll(engine: Engine, ids: readonly string[]): Promise<PromiseSettledResult<unknown>[]> {
    return Promise.allSettled(ids.map((target) => engine.wish('get', { target })));
  }

  const downloads = ({ transfers }: Engine['state']): TransferState[] =>
    transfers.filter(({ direction }) => direction === 'download');
  const find = (engine: Engine, id: string): TransferState | undefined =>
    downloads(engine.state).find((transfer) => transfer.id === id);
  const queued = (state: Engine['state']): (string | undefined)[] =>
    downloads(state)
      .filter(({ phase }) => phase === 'queued')
      .sort((a, b) => a.place! - b.place!)
      .map(({ id }) => id);
  const offered = (engine: Engine, count: number): Promise<void> =>
    untilState(engine, (state) => state.peers.reduce((sum, { adapters }) => sum + adapters, 0) === count);

  it('run four at once, in an order that can be changed and survives a restart', async () => {
    const ids = await share(ana.engine, 'a', 'b', 'c', 'd', 'e', 'f', 'g');
    const [a, b, c, d, e, f, g] = ids as [string, string, string, string, string, string, string];
    await offered(ben.engine, 7);
    await ben.engine.wish('setSetting', { key: 'transfer.downloadLimit', value: MB });

    const first = getAll(ben.engine, ids);
    await untilState(ben.engine, (state) => downloads(state).filter(({ bytesDone }) => bytesDone > 0).length === 4);
    assert.deepEqual(queued(ben.engine.state), [e, f, g]);
    await ben.engine.wish('moveDownload', { id: g, to: 'first' });
    await ben.engine.wish('moveDownload', { id: f, to: 'up' });
    await untilState(ben.engine, (state) => queued(state).join() === [g, f, e].join());
    await ben.engine.wish('moveDownload', { id: b, to: 'last' });
    await untilState(ben.engine, (state) => queued(state).join() === [f, e, b].join());
    await assert.rejects(ben.engine.wish('moveDownload', { id: '0'.repeat(64), to: 'up' }), { code: 'ID_UNKNOWN' });
    await engines.close(ben.engine);
    await first;

    const again = await engines.open('ben', { home: ben.home });
    assert.deepEqual(
      downloads(again.engine.state).map(({ id }) => id),
      [a, c, d, g, f, e, b],
    );
    assert.deepEqual(queued(again.engine.state), [f, e, b]);
    // One whose chunks are all here gave its place to the next.
    const active = (state: Engine['state']): number =>
      downloads(state).filter(({ phase }) => !['queued', 'verifying', 'done'].includes(phase)).length;
    assert.equal(active(again.engine.state), 4);
    const most = { running: 0 };
    const completed: string[] = [];
    again.engine.onDidChangeState((state) => {
      most.running = Math.max(most.running, active(state));
    });
    again.engine.onDidHappen((event) => event.type === 'transfer:complete' && completed.push(event.id));
    await again.engine.wish('setSetting', { key: 'transfer.downloadLimit', value: 0 });
    await untilState(again.engine, ({ library }) => library.length === 7);

    assert.ok(most.running <= 4, `${most.running} at once`);
    assert.ok(completed.indexOf(b) >= 3, 'one that was moved to the end waits until somebody is done');
    assert.deepEqual(downloads(again.engine.state), []);
  });

  it('keep those that were asked for while nobody was there, over a restart', async () => {
    const [a] = (await share(ana.engine, 'a')) as [string];
    await offered(ben.engine, 1);
    await ben.engine.wish('setSetting', { key: 'transfer.downloadLimit', value: 100_000 });
    // Five that nobody gives anything of any more, and one that has to wait: none of them has begun.
    const others = await share(ana.engine, 'b', 'c', 'd', 'e', 'f');
    await offered(ben.engine, 6);
    const asked = getAll(ben.engine, [...others, a]);
    await untilState(ben.engine, (state) => downloads(state).length === 6);
    await engines.close(ben.engine);
    await asked;
    await engines.close(ana.engine);

    const again = await engines.open('ben', { home: ben.home });

    assert.deepEqual(
      downloads(again.engine.state).map(({ id, name }) => [id, name]),
      [...others, a].map((id, index) => [id, `ana/${'bcdefa'[index]}`]),
    );
    await again.engine.wish('cancel', { id: a });
    assert.equal(find(again.engine, a), undefined);
  });

  it('let others go while nobody has what they need, and go on when somebody has', async () => {
    const stuck = await share(ana.engine, 'a', 'b', 'c', 'd');
    await offered(ben.engine, 4);
    await ben.engine.wish('setSetting', { key: 'transfer.downloadLimit', value: 200_000 });
    const waiting = getAll(ben.engine, stuck);
    await untilState(ben.engine, (state) => downloads(state).filter(({ bytesDone }) => bytesDone > 0).length === 4);
    await engines.close(ana.engine);
    const cleo = await engines.open('cleo');
    const { code } = await ben.engine.wish('roomInvite', { room: 'lab' });
    await cleo.engine.wish('joinRoom', { room: code, label: 'lab' });
    const [free] = (await share(cleo.engine, 'z')) as [string];
    await untilState(ben.engine, (state) => state.peers.some(({ name, adapters }) => name === 'cleo' && adapters > 0));
    await ben.engine.wish('setSetting', { key: 'transfer.downloadLimit', value: 0 });

    const got = await ben.engine.wish('get', { target: free });
    const phases = stuck.map((id) => find(ben.engine, id)?.phase);
    await engines.open('ana', { home: ana.home });
    const results = await waiting;

    assert.equal(got.id, free);
    assert.deepEqual(phases, ['waiting', 'waiting', 'waiting', 'waiting']);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled'],
    );
  });

  it('put one that is resumed at the end, and hold no slot while they are paused', async () => {
    const ids = await share(ana.engine, 'a', 'b', 'c', 'd', 'e', 'f');
    const [a, , , , e, f] = ids as [string, string, string, string, string, string];
    await offered(ben.engine, 6);
    await ben.engine.wish('setSetting', { key: 'transfer.downloadLimit', value: 500_000 });
    const all = getAll(ben.engine, ids);
    await untilState(ben.engine, (state) => queued(state).length === 2);

    await ben.engine.wish('pause', { id: a });
    await untilState(ben.engine, (state) => queued(state).join() === f);
    assert.equal(find(ben.engine, a)?.phase, 'paused');
    await ben.engine.wish('pause', { id: f });
    await ben.engine.wish('resume', { id: a });
    await ben.engine.wish('resume', { id: f });

    await untilState(ben.engine, (state) => queued(state).join() === [a, f].join());
    assert.notEqual(find(ben.engine, e)?.phase, 'queued');
    await ben.engine.wish('setSetting', { key: 'transfer.downloadLimit', value: 0 });
    const results = await all;
    assert.ok(results.every(({ status }) => status === 'fulfilled'));
  });

  it('are one for all who ask, until the last of them gives up', async () => {
    const [a] = (await share(ana.engine, 'a')) as [string];
    await offered(ben.engine, 1);
    await ben.engine.wish('setSetting', { key: 'transfer.downloadLimit', value: MB });
    const [one, two, three, four] = Array.from({ length: 4 }, () => new AbortController()) as [
      AbortController,
      AbortController,
      AbortController,
      AbortController,
    ];
    const ask = ({ signal }: AbortController): Promise<unknown> =>
      ben.engine.wish('get', { target: a }, { signal }).catch((error: unknown) => error);

    const [first, second] = [ask(one), ask(two)];
    await untilState(ben.engine, (state) => (downloads(state)[0]?.bytesDone ?? 0) > 0);
    assert.equal(downloads(ben.engine.state).length, 1);
    one.abort();
    assert.equal(((await first) as Error).name, 'AbortError');
    assert.equal(find(ben.engine, a)?.phase, 'running');
    two.abort();
    await second;
    await untilState(ben.engine, (state) => downloads(state)[0]?.phase === 'paused');
    const kept = find(ben.engine, a)!.bytesDone;

    const [third, fourth] = [ask(three), ask(four)]; // Who asks for a paused one wants it to go on.
    await untilState(ben.engine, (state) => (downloads(state)[0]?.bytesDone ?? 0) > kept);
    await ben.engine.wish('cancel', { id: a });

    assert.ok(kept > 0);
    for (const error of [await third, await fourth])
      assert.equal((error as { code?: string }).code, 'DOWNLOAD_CANCELLED');
    assert.deepEqual(downloads(ben.engine.state), []);
    assert.deepEqual(fs.readdirSync(path.join(ben.home, 'partial')), []);
  });

  it('begin anew for who asks while they are being cancelled', async () => {
    const [a] = (await share(ana.engine, 'a')) as [string];
    await offered(ben.engine, 1);
    await ben.engine.wish('setSetting', { key: 'transfer.downloadLimit', value: MB });
    const before = ben.engine.wish('get', { target: a }).catch((error: unknown) => error);
    await untilState(ben.engine, (state) => (downloads(state)[0]?.bytesDone ?? 0) > 0);

    const cancelling = ben.engine.wish('cancel', { id: a });
    const after = ben.engine.wish('get', { target: a });
    await ben.engine.wish('setSetting', { key: 'transfer.downloadLimit', value: 0 });
    const got = await after;
    await cancelling;

    assert.equal(((await before) as { code: string }).code, 'DOWNLOAD_CANCELLED');
    assert.deepEqual([got.id, got.resumedBytes], [a, 0]);
  });

  it('keep to the limits of a room, which count at once and after a restart', async () => {
    const [a, b] = (await share(ana.engine, 'a', 'b')) as [string, string];
    await offered(ben.engine, 2);
    const limited = await ben.engine.wish('setRoomLimits', { room: 'lab', download: '1MB' });

    const asked = ben.engine.wish('get', { target: a });
    await nextEvent(ben.engine, 'transfer:progress');
    const slow = performance.now();
    await asked;
    const seconds = (performance.now() - slow) / 1_000;
    await engines.close(ben.engine);
    const again = await engines.open('ben', { home: ben.home });
    const kept = again.engine.state.rooms[0]!;
    const second = again.engine.wish('get', { target: b });
    await untilState(again.engine, (state) => (downloads(state)[0]?.bytesDone ?? 0) > 0);
    await ana.engine.wish('setRoomLimits', { room: 'lab', upload: 300_000 });
    const changed = await again.engine.wish('setRoomLimits', { room: 'lab', download: 0 });
    await untilState(again.engine, (state) => (downloads(state)[0]?.bytesDone ?? 0) > 2 * MB);
    const slowAgain = find(again.engine, b)!;
    await ana.engine.wish('setRoomLimits', { room: 'lab', upload: 0 });
    await second;

    assert.deepEqual([limited.downloadLimit, limited.uploadLimit], [MB, 0]);
    assert.ok(seconds > 3.2, `3.7 MB in ${seconds} s`);
    assert.deepEqual([kept.downloadLimit, kept.uploadLimit], [MB, 0]);
    assert.equal(changed.downloadLimit, 0);
    assert.ok(slowAgain.rate < 1.5 * MB, `${slowAgain.rate} B/s`);
    await assert.rejects(again.engine.wish('setRoomLimits', { room: 'elsewhere', download: 1 }), {
      code: 'ROOM_UNKNOWN',
    });
    await assert.rejects(again.engine.wish('setRoomLimits', { room: 'lab', upload: 'fast' }), {
      code: 'SETTING_INVALID',
    });
  });
});

describe('a network that costs by the byte', function () {
  this.timeout(60_000);
  let engines: TestEngines;
  let isOpen = false;
  const { PATH } = process.env;

  beforeEach(function () {
    if (process.platform !== 'linux' || !/^\w+\t0{8}\t/m.test(fs.readFileSync('/proc/net/route', 'utf8'))) this.skip();
    engines = new TestEngines();
    isOpen = true;
  });
  afterEach(async () => {
    process.env['PATH'] = PATH;
    if (isOpen) await engines.dispose();
  });

  /** What the `nmcli` of this machine says from now on. */
  function sayMetered(answer: string): void {
    const programs = path.join(engines.folder, 'bin');
    fs.mkdirSync(programs, { recursive: true });
    fs.writeFileSync(path.join(programs, 'nmcli'), `#!/bin/sh\necho 'GENERAL.METERED:${answer}'\n`, { mode: 0o755 });
    process.env['PATH'] = programs;
  }

  it('pauses what comes and goes by itself, and a setting overrules it', async () => {
    sayMetered('yes (guessed)');
    const ana = await engines.open('ana');
    await ana.engine.wish('setSetting', { key: 'transfer.pauseOnMetered', value: false });
    const ben = await engines.open('ben');
    await engines.room(ana.engine, ben.engine);
    const folder = path.join(engines.folder, 'runs', 'a');
    await writePeftAdapter(folder, SIZE);
    const { id } = await ana.engine.wish('share', { path: folder, rooms: ['lab'] });
    await untilState(ben.engine, (state) => state.network.isMetered === true && state.peers[0]?.adapters === 1);

    const asked = ben.engine.wish('get', { target: id });
    await untilState(ben.engine, (state) => state.transfers[0]?.phase === 'paused');
    const paused = ben.engine.state.transfers[0]!;
    await ana.engine.wish('setSetting', { key: 'transfer.uploadLimit', value: 500_000 });
    await ben.engine.wish('setSetting', { key: 'transfer.pauseOnMetered', value: false });
    await untilState(ben.engine, (state) => (state.transfers[0]?.bytesDone ?? 0) > 0);
    await ana.engine.wish('setSetting', { key: 'transfer.pauseOnMetered', value: true });
    await untilState(ana.engine, (state) => state.network.isMetered === true);
    const held = ana.engine.state.transfers.filter(({ direction }) => direction === 'upload');
    await ana.engine.wish('setSetting', { key: 'transfer.pauseOnMetered', value: false });
    await ana.engine.wish('setSetting', { key: 'transfer.uploadLimit', value: 0 });
    const got = await asked;

    assert.equal(paused.problem?.code, 'NETWORK_METERED');
    assert.match(paused.problem.message, /costs by the byte/);
    assert.ok(held.every(({ phase, problem }) => phase === 'paused' && problem?.code === 'NETWORK_METERED'));
    assert.equal(got.id, id);
    assert.equal(ben.engine.state.network.isMetered, undefined);
  });
});
