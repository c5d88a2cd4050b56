import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { Testnet } from 'hyperdht/testnet';
import { localDht } from '../helpers/testRooms';
import { writePeftAdapter } from '../helpers/writeAdapter';
import { type EngineShell, EngineShells } from './engineShells';

const MIB = 1024 ** 2;
/** What a crash may cost at most: the bytes between two entries of the journal. */
const LOST_AT_MOST = 16 * MIB;
const RATE = 20 * MIB;

describe('a download of an engine whose leader is killed', function () {
  this.timeout(40_000);
  let dht: Testnet;
  const shells = new EngineShells(() => dht.bootstrap.map(({ host, port }) => `${host}:${port}`));
  let seeder: EngineShell;
  let adapter: { id: string; bytes: number; sha256: string };
  let code: string;

  before(async () => {
    dht = await localDht();
    await shells.build();
  });
  beforeEach(async () => {
    seeder = await shells.start('seeder');
    const folder = path.join(shells.folder, 'runs', 'big');
    const { weightsPath } = await writePeftAdapter(folder, { hidden: 2048, blocks: 19, rank: 128 });
    ({ code } = await seeder.wish('createRoom', { label: 'lab' }));
    const { id, bytes } = await seeder.wish('share', { path: folder, rooms: ['lab'] });
    adapter = { id, bytes, sha256: sha256(weightsPath) };
  });
  afterEach(() => shells.clear());
  after(async () => {
    await shells.dispose();
    await dht.destroy();
  });

  /** Three windows of one storage folder, the one that leads first. */
  async function windows(): Promise<[EngineShell, EngineShell, EngineShell]> {
    const leader = await shells.start('reader');
    const others = [await shells.start('reader'), await shells.start('reader')] as const;
    await leader.wish('joinRoom', { room: code, label: 'lab' });
    assert.deepEqual([leader, ...others].map(leads), [true, false, false]);
    return [leader, ...others];
  }

  async function halfWay(shell: EngineShell): Promise<number> {
    const isHalf = (done: number, total: number): boolean => done > 0.4 * total;
    const told = await shell.told(
      (line) => line.type === 'progress' && line.bytesTotal > 0 && isHalf(line.bytesDone, line.bytesTotal),
    );
    assert.ok(
      told.type === 'progress' && told.bytesDone < 0.8 * told.bytesTotal,
      'seen too late to kill in the middle',
    );
    return told.bytesDone;
  }

  it('goes on in the next leader and ends with the right bytes', async () => {
    assert.ok(adapter.bytes > 64 * MIB);
    const [leader, asking, third] = await windows();
    const get = asking.ask('get', { target: adapter.id, maxRate: RATE });
    const done = await halfWay(asking);

    await leader.kill();
    const got = await get.result;

    assert.equal(sha256(path.join(got.path, 'adapter_model.safetensors')), adapter.sha256);
    assert.ok(got.resumedBytes >= done - LOST_AT_MOST, `${got.resumedBytes} of ${done} were kept`);
    assert.ok(got.resumedBytes < adapter.bytes, 'the next leader had nothing to do');
    assert.ok(got.refetchedBytes <= LOST_AT_MOST);
    assert.deepEqual([asking, third].filter(leads).length, 1);
    assert.deepEqual([asking, third].map(timesLed).sort(), [0, 1]);
    const { peers } = await seeder.wish('peers', {});
    assert.equal(peers.length, 1);
    const { transfers, library } = await third.wish('state', {});
    assert.deepEqual([transfers, library.map(({ id }) => id)], [[], [adapter.id]]);
  });

  it('goes on when the one who asked led and was killed', async () => {
    const [leader, second, third] = await windows();
    leader.ask('get', { target: adapter.id, maxRate: RATE });
    await halfWay(leader);

    await leader.kill();
    const [complete] = await Promise.all([second, third].map((shell) => shell.told(({ type }) => type === 'complete')));

    assert.ok(complete?.type === 'complete');
    assert.equal(sha256(path.join(complete.path, 'adapter_model.safetensors')), adapter.sha256);
    assert.deepEqual([second, third].filter(leads).length, 1);
  });

  it('goes on when the one who asked is killed and another leads', async () => {
    const [leader, asking, third] = await windows();
    asking.ask('get', { target: adapter.id, maxRate: RATE });
    await halfWay(asking);

    await asking.kill();
    const complete = await third.told(({ type }) => type === 'complete');

    assert.ok(complete.type === 'complete');
    assert.equal(sha256(path.join(complete.path, 'adapter_model.safetensors')), adapter.sha256);
    assert.deepEqual([leader, third].map(leads), [true, false]);
  });

  it('is one transfer for two who ask, and both get it', async () => {
    const [, second, third] = await windows();
    const gets = [second, third].map((shell) => shell.ask('get', { target: adapter.id, maxRate: RATE }));
    await Promise.all([halfWay(second), halfWay(third)]);

    const got = await Promise.all(gets.map(({ result }) => result));

    assert.equal(got[0]!.path, got[1]!.path);
    assert.deepEqual([got[0]!.refetchedBytes, got[1]!.refetchedBytes], [0, 0]);
    const seen = [second, third].flatMap(({ all }) => all).filter((told) => told.type === 'transfer');
    assert.ok(seen.length > 0 && seen.every(({ all }) => all === 1), 'more than one transfer was seen');
    assert.equal(sha256(path.join(got[0]!.path, 'adapter_model.safetensors')), adapter.sha256);
  });
});

const leads = (shell: EngineShell): boolean => shell.isLeader;
const timesLed = ({ all }: EngineShell): number => all.filter((told) => told.type === 'leads' && told.isLeader).length;
const sha256 = (file: string): string => createHash('sha256').update(fs.readFileSync(file)).digest('hex');
