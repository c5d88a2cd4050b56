import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { Engine } from '../../src/engine/engine';
import { CHUNK_BYTES } from '../../src/engine/limits';
import type { TransferDetails } from '../../src/engine/state';
import type { TransferChannel } from '../../src/engine/net/transferChannel';
import { damaged } from '../helpers/fakeHolder';
import { makePackage, makeRelease, type TestPackage } from '../helpers/packages';
import { TestRooms, localDht } from '../helpers/testRooms';
import { TestEngines, untilState, type TestEngine } from '../helpers/testEngines';
import { writePeftAdapter, type WriteAdapterOptions } from '../helpers/writeAdapter';

const MIB = 1024 ** 2;
/** 16 and 32 MiB of weights. */
const LARGE = { rank: 64, hidden: 2048, blocks: 16, targets: ['q_proj'], dtype: 'F32' } as const;
const LARGER = { ...LARGE, blocks: 32 } as const;

describe('sources of a download', () => {
  let engines: TestEngines;

  beforeEach(() => {
    engines = new TestEngines();
  });
  afterEach(() => engines.dispose());

  async function share(
    { engine }: TestEngine,
    name: string,
    options: WriteAdapterOptions,
    rooms: readonly string[] = ['lab'],
  ): Promise<string> {
    const folder = path.join(engines.folder, 'runs', name);
    await writePeftAdapter(folder, options);
    return (await engine.wish('share', { path: folder, rooms })).id;
  }

  it('are each other, for two who fetch from one that is slow', async () => {
    const [ana, ben, cleo] = [await engines.open('ana'), await engines.open('ben'), await engines.open('cleo')];
    await engines.room(ana.engine, ben.engine, cleo.engine);
    const id = await share(ana, 'larger', LARGER);
    await ana.engine.wish('setSetting', { key: 'transfer.uploadLimit', value: 8 * MIB });
    await Promise.all([ben, cleo].map(({ engine }) => untilOffered(engine, id)));
    await Promise.all([ben, cleo].map(({ engine }) => untilState(engine, ({ peers }) => peers.length === 2)));

    const watching = [ben, cleo].map(({ engine }) => watch(engine, id));
    const results = await Promise.all([ben, cleo].map(({ engine }) => engine.wish('get', { target: id })));

    const [size] = results.map(({ bytes }) => bytes);
    const traded = watching.map((seen, i) => seen()[keyOf([cleo, ben][i]!)] ?? 0);
    for (const bytes of traded) assert.ok(bytes > size! / 10, `${bytes} of ${size} from the other`);
    const given = watching.reduce((sum, seen) => sum + (seen()[keyOf(ana)] ?? 0), 0);
    assert.ok(given < 1.8 * size!, `${given} bytes of the one who has all, for twice ${size}`);
  });

  it('are only there while they fetch, and only in the room where it was offered', async () => {
    const [ana, ben, cleo] = [await engines.open('ana'), await engines.open('ben'), await engines.open('cleo')];
    await engines.room(ana.engine, ben.engine);
    const { room: other, code } = await ben.engine.wish('createRoom', { label: 'other' });
    await cleo.engine.wish('joinRoom', { room: code, label: 'other' });
    await untilState(cleo.engine, ({ peers }) => peers.some(({ key }) => key === keyOf(ben)));
    const id = await share(ana, 'large', LARGE);
    await ana.engine.wish('setSetting', { key: 'transfer.uploadLimit', value: 4 * MIB }); // It takes some seconds.
    await untilOffered(ben.engine, id);
    const offered: string[] = [];
    for (const { engine, events } of [ana, cleo])
      engine.onDidHappen(() => {
        const name = engine === ana.engine ? 'ana' : 'cleo';
        for (const event of events)
          if (event.type === 'adapters:available' && event.added.includes(id)) offered.push(`${name} ${event.room}`);
      });
    const taken = withdrawn(ana.engine, id);

    await ben.engine.wish('get', { target: id });
    await taken;

    const [room] = ben.engine.state.rooms.filter(({ label }) => label === 'lab');
    assert.deepEqual([...new Set(offered)], [`ana ${room!.id}`]);
    assert.notEqual(room!.id, other);
    await assert.rejects(cleo.engine.wish('adapter', { id }), { code: 'ID_UNKNOWN' });
  });

  it('are other adapters on this disk, for the chunks that they share with it', async () => {
    const [ana, ben] = [await engines.open('ana'), await engines.open('ben')];
    await engines.room(ana.engine, ben.engine);
    const first = await share(ana, 'first', LARGE);
    await untilOffered(ben.engine, first);
    const { path: old } = await ben.engine.wish('get', { target: first });
    const folder = path.join(engines.folder, 'runs', 'second');
    fs.cpSync(old, folder, { recursive: true });
    const weights = path.join(folder, 'adapter_model.safetensors');
    changeBytes(weights, 9 * MIB, MIB); // As when one tensor was trained on.
    const { id } = await ana.engine.wish('share', { path: folder, rooms: ['lab'], name: 'second' });
    await untilOffered(ben.engine, id);
    const watching = watch(ben.engine, id);
    await ana.engine.wish('setSetting', { key: 'transfer.uploadLimit', value: MIB }); // So that progress is seen.

    const got = await ben.engine.wish('get', { target: id });

    assert.equal(sha256(path.join(got.path, 'adapter_model.safetensors')), sha256(weights));
    const [fromPeers, fromDisk] = [watching()[keyOf(ana)] ?? 0, watching()[''] ?? 0];
    // The changed chunks, one more at each end, and the very first, which is asked before anything is known.
    assert.ok(fromPeers <= MIB + 5 * CHUNK_BYTES, `${fromPeers} bytes from peers`);
    assert.ok(fromDisk >= 14.5 * MIB, `${fromDisk} bytes from this disk`);
    assert.equal(got.refetchedBytes, 0);
  });

  it('are never again those that lied, in another room and after a restart neither', async () => {
    const dht = await localDht();
    const bootstrap = dht.bootstrap.map(({ host, port }) => `${host}:${port}`);
    const content = await makePackage({ weights: MIB });
    const liar = new TestRooms(bootstrap, 'liar');
    try {
      const ben = await engines.open('ben', { bootstrap });
      const [one, two] = [await ben.engine.wish('createRoom', {}), await ben.engine.wish('createRoom', {})];
      await liar.rooms.open();
      const room = liar.rooms.joinCode(one.code);
      liar.offers.set(room, [makeRelease(content.manifest.id, { bytes: content.manifest.size })]);
      liar.rooms.refreshOffers();
      liar.onLink = (link) => lieOn(link, content);
      await untilOffered(ben.engine, content.manifest.id);

      await assert.rejects(ben.engine.wish('get', { target: content.manifest.id }), { code: 'NO_SOURCES' });
      await engines.close(ben.engine);
      const again = await engines.open('ben', { bootstrap, home: ben.home });
      const turnedAway = new Promise<void>((resolve) => {
        liar.swarm.onDidConnect(({ stream }) => void stream.once('close', () => resolve()));
      });
      liar.rooms.joinCode(two.code);
      await turnedAway;

      assert.ok(
        ben.warnings.some((line) => line.includes('badData')),
        ben.warnings.join(),
      );
      assert.deepEqual(again.engine.state.peers, []);
      assert.equal(liar.rooms.peers.count(two.room), 0);
    } finally {
      await liar.close();
      await engines.dispose();
      await dht.destroy();
    }
  });

  it('are shown one by one, with what is here and what came each second', async () => {
    const [ana, ben] = [await engines.open('ana'), await engines.open('ben')];
    await engines.room(ana.engine, ben.engine);
    const id = await share(ana, 'large', LARGE);
    await ana.engine.wish('setSetting', { key: 'transfer.uploadLimit', value: 6 * MIB });
    await untilOffered(ben.engine, id);

    const getting = ben.engine.wish('get', { target: id });
    await untilState(ben.engine, ({ transfers }) => transfers.some(({ bytesDone }) => bytesDone > 8 * MIB));
    const down = await ben.engine.wish('transfer', { id });
    const up = await ana.engine.wish('transfer', { id });
    await getting;

    assert.equal(down.held.length, down.chunks);
    const held = down.held.filter((cell) => cell === 255).length / down.chunks;
    assert.ok(held > 0.4 && held < 1, `${held} held`);
    assert.ok(down.asked.some((cell) => cell > 0));
    assert.ok(down.rates.length >= 1 && down.rates.every((rate) => rate <= 16 * MIB), down.rates.join());
    assert.deepEqual(
      down.peers.map(({ key, name, has, phase }) => ({ key, name, has, phase })),
      [{ key: keyOf(ana), name: 'ana', has: 1, phase: 'active' }],
    );
    assert.deepEqual([up.transfer.direction, up.peers[0]?.name, up.peers[0]?.phase], ['upload', 'ben', 'active']);
    assert.ok(up.held.every((cell) => cell === 255) && up.rates.length >= 1);
    await assert.rejects(ben.engine.wish('transfer', { id }), { code: 'ID_UNKNOWN' });
  });
});

function keyOf({ engine }: TestEngine): string {
  return engine.state.identity.key;
}

/** Answers as a holder does, with one bit of every chunk turned over. */
function lieOn(link: TransferChannel, { manifest, chunkHashes, contents }: TestPackage): void {
  link.onDidReceive((message) => {
    const { handle } = message;
    if (message.type === 'open') link.send({ type: 'opened', handle, have: 'full' });
    if (message.type === 'getManifest') link.send({ type: 'manifest', handle, bytes: manifest.bytes });
    if (message.type === 'getHashes' && message.group === 0)
      link.send({ type: 'hashes', handle, group: 0, bytes: chunkHashes.subarray(0, 32 * (MIB / CHUNK_BYTES)) });
    if (message.type === 'request' && message.first === 0)
      link.send({ type: 'data', handle, first: 0, bytes: damaged(contents[0]!.subarray(0, CHUNK_BYTES)) });
  });
}

function sha256(file: string): string {
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex');
}

/** Turns over every bit of some bytes of a file. */
function changeBytes(file: string, at: number, count: number): void {
  const bytes = fs.readFileSync(file);
  for (let i = at; i < at + count; i++) bytes[i]! ^= 0xff;
  fs.writeFileSync(file, bytes);
}

async function untilOffered(engine: Engine, id: string): Promise<void> {
  const isThere = async (): Promise<boolean> =>
    (await engine.wish('list', {})).adapters.some((adapter) => adapter.id === id);
  if (await isThere()) return;
  await new Promise<void>((resolve) => {
    const listening = engine.onDidHappen((event) => {
      if (event.type !== 'adapters:available' || !event.added.includes(id)) return;
      listening.dispose();
      resolve();
    });
  });
}

/** Resolves when somebody offers it no more, though others do. */
async function withdrawn(engine: Engine, id: string): Promise<void> {
  await untilState(engine, ({ shared }) => shared.some((item) => item.id === id && item.holders > 0));
  await untilState(engine, ({ shared }) => shared.some((item) => item.id === id && item.holders === 0));
}

/** Bytes of each peer, by key, as last seen of a download; asked whenever it gets on. */
function watch(engine: Engine, id: string): () => Readonly<Record<string, number>> {
  const seen: Record<string, number> = {};
  engine.onDidHappen((event) => {
    if (event.type !== 'transfer:progress' || event.id !== id) return;
    engine.wish('transfer', { id, direction: 'download' }).then(
      ({ peers }: TransferDetails) => {
        for (const { key, bytes } of peers) seen[key] = Math.max(bytes, seen[key] ?? 0);
      },
      () => undefined, // It has ended.
    );
  });
  return () => seen;
}
