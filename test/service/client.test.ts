import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { LoraSwarmError } from '../../src/engine/errors';
import type { Logger } from '../../src/engine/log';
import type { WishProgress } from '../../src/engine/wishes';
import { openEngine, type ServiceClient } from '../../src/service/client';
import { Workshop } from './shells';
import { GET_BYTES } from './testEngine';

describe('service client', function () {
  this.timeout(20_000);
  const workshop = new Workshop();
  const clients: ServiceClient[] = [];
  const logged: string[] = [];
  const write = (message: string): void => void logged.push(message);
  const log: Logger = { trace: write, debug: write, info: write, warn: write, error: write };

  before(() => workshop.build());
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await workshop.clear();
    logged.length = 0;
  });
  after(() => workshop.dispose());

  async function open(): Promise<ServiceClient> {
    const client = await openEngine({ home: workshop.home, workerPath: workshop.workerPath, log });
    clients.push(client);
    return client;
  }

  it('leads first and attaches then, also within one process', async () => {
    const first = await open();
    const second = await open();

    const ids = await Promise.all([first, second].map(async (client) => (await client.wish('identity', {})).name));

    assert.deepEqual([first.isLeader, second.isLeader], [true, false]);
    assert.equal(ids[0], ids[1]);
  });

  it('has one leader when many open at once', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, open));

    assert.equal(all.filter((client) => client.isLeader).length, 1);
  });

  it('has the state when it opens, and hears of the next ones', async () => {
    const leader = await open();
    const follower = await open();
    const revisions = [leader, follower].map(
      (client) =>
        new Promise<number>((resolve) =>
          client.onDidChangeState((state) => state.catalogRevision === 100 && resolve(state.catalogRevision)),
        ),
    );
    const before = follower.state.catalogRevision;

    await follower.wish('setSetting', { key: 'x', value: 1 });

    assert.equal(before, 0);
    assert.deepEqual(await Promise.all(revisions), [100, 100]);
  });

  it('cancels a wish with an AbortError', async () => {
    const client = await open();
    const abort = new AbortController();

    const wish = client.wish('share', { path: 'x', rooms: [] }, { signal: abort.signal });
    abort.abort();

    await assert.rejects(wish, { name: 'AbortError' });
    await assert.rejects(client.wish('identity', {}, { signal: abort.signal }), { name: 'AbortError' });
  });

  it('hands on progress and the result of a download', async () => {
    const client = await open();
    const seen: WishProgress[] = [];

    const result = await client.wish('get', { target: 'id' }, { onProgress: (progress) => seen.push(progress) });

    assert.equal(result.bytes, GET_BYTES);
    const last = seen.at(-1);
    assert.ok(last?.kind === 'transfer' && last.bytesDone === GET_BYTES);
  });

  it('writes what the engine logs into the log of the shell', async () => {
    await open();

    assert.ok(logged.some((line) => /^engine [0-9a-f]{8} opened$/.test(line)));
  });

  it('starts another engine when its own crashes, and the host lives on', async () => {
    const client = await open();
    const before = (await client.wish('identity', {})).name;

    await assert.rejects(client.wish('forget', { id: 'x' }), { code: 'ENGINE_UNREACHABLE', action: { kind: 'retry' } });
    const after = (await client.wish('identity', {})).name;

    assert.notEqual(after, before);
    assert.ok(logged.some((line) => line.includes('The engine crashed. TypeError: thrown by a bug')));
  });

  it('takes over from another client, and a download goes on', async () => {
    const leader = await open();
    const follower = await open();
    const running = new Promise<void>((resolve) => {
      void follower.wish('get', { target: 'id' }, { onProgress: () => resolve() }).then((result) => {
        resumedBytes = result.resumedBytes;
        done();
      });
    });
    let resumedBytes = 0;
    let done: () => void;
    const finished = new Promise<void>((resolve) => (done = resolve));
    await running;

    await leader.close();
    await finished;

    assert.ok(resumedBytes > 0);
    assert.equal(follower.isLeader, true);
  });

  it('says why the engine cannot be opened', async () => {
    fs.mkdirSync(workshop.home);
    fs.writeFileSync(path.join(workshop.home, 'broken'), '');

    await assert.rejects(open(), { code: 'STORE_CORRUPT', message: 'The database is damaged. Restore it.' });
    assert.deepEqual(fs.readdirSync(workshop.home).sort(), ['broken', 'leader.lock']);
  });

  it('says what to do when the storage folder is none', async () => {
    fs.writeFileSync(workshop.home, 'a file where the folder should be');

    await assert.rejects(open(), { code: 'STORE_FAILED', message: /is a file\. Choose a folder/ });
    fs.rmSync(workshop.home);
  });

  it('rejects what waits when it is closed, and ends at once', async () => {
    const client = await open();
    const wish = client.wish('share', { path: 'x', rooms: [] });
    const began = performance.now();

    const rejected = assert.rejects(wish, (error) => error instanceof LoraSwarmError && error.code === 'ENGINE_CLOSED');
    await client.close();

    await rejected;
    assert.ok(performance.now() - began < 1000);
    await assert.rejects(client.wish('identity', {}), { code: 'ENGINE_CLOSED' });
  });

  it('can be opened again right after it was closed', async () => {
    const first = await open();
    await first.close();

    assert.equal((await open()).isLeader, true);
  });
});
