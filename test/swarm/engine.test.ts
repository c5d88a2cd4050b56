import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { LOCAL_NAME, withLocalName } from '../helpers/localName';
import { TestEngines, nextEvent, untilState } from '../helpers/testEngines';
import { writePeftAdapter } from '../helpers/writeAdapter';

const LORA_FILES = path.resolve(import.meta.dirname, '../fixtures/llama/lora-gguf');
const LORA_FILE = path.join(LORA_FILES, 'patterns.gguf');
const OTHER_FILE = path.join(LORA_FILES, 'embed-head.gguf');

const sha256 = (file: string): string => createHash('sha256').update(fs.readFileSync(file)).digest('hex');

describe('two engines', () => {
  let engines: TestEngines;

  beforeEach(() => {
    engines = new TestEngines();
  });
  afterEach(() => engines.dispose());

  async function adapter(name: string, options: Parameters<typeof writePeftAdapter>[1] = {}): Promise<string> {
    const folder = path.join(engines.folder, 'runs', name);
    await writePeftAdapter(folder, options);
    return folder;
  }

  it('share an adapter through a private room, byte for byte', async () => {
    const [ana, ben] = [await engines.open('ana'), await engines.open('ben')];
    const room = await engines.room(ana.engine, ben.engine);
    const folder = await adapter('sql-coder', { card: '# SQL coder\n' });

    const shared = await ana.engine.wish('share', { path: folder, rooms: ['lab'] });
    const got = await ben.engine.wish('get', { target: 'ana/sql-coder' });

    assert.deepEqual(shared.rooms, [room]);
    assert.equal(got.id, shared.id);
    assert.equal(got.sources, 1);
    for (const name of ['adapter_model.safetensors', 'adapter_config.json', 'README.md'])
      assert.equal(sha256(path.join(got.path, name)), sha256(path.join(folder, name)), name);
    const { adapters } = await ben.engine.wish('list', { search: 'sql' });
    assert.deepEqual(
      adapters.map(({ name, isDownloaded, sources }) => ({ name, isDownloaded, sources })),
      [{ name: 'ana/sql-coder', isDownloaded: true, sources: [ana.engine.state.identity.key] }],
    );
  });

  it('are one swarm when they share the same files: the second serves when the first is gone', async () => {
    const [ana, ben, cleo] = [await engines.open('ana'), await engines.open('ben'), await engines.open('cleo')];
    await engines.room(ana.engine, ben.engine, cleo.engine);
    const folder = await adapter('same');
    const twin = path.join(engines.folder, 'elsewhere', 'renamed');
    fs.cpSync(folder, twin, { recursive: true });

    const first = await ana.engine.wish('share', { path: folder, rooms: ['lab'] });
    const second = await ben.engine.wish('share', { path: twin, rooms: ['lab'] });
    await untilState(cleo.engine, (state) => state.peers.filter(({ adapters }) => adapters > 0).length === 2);
    await engines.close(ana.engine);
    const got = await cleo.engine.wish('get', { target: first.id });

    assert.equal(second.id, first.id);
    assert.equal(got.sources, 1);
    assert.equal(
      sha256(path.join(got.path, 'adapter_model.safetensors')),
      sha256(path.join(folder, 'adapter_model.safetensors')),
    );
  });

  it('fetch from two who have it at once', async () => {
    const [ana, ben, cleo] = [await engines.open('ana'), await engines.open('ben'), await engines.open('cleo')];
    await engines.room(ana.engine, ben.engine, cleo.engine);
    const folder = await adapter('big', { hidden: 1024, blocks: 8, rank: 32 });

    const { id } = await ana.engine.wish('share', { path: folder, rooms: ['lab'] });
    await ben.engine.wish('share', { path: folder, rooms: ['lab'] });
    await untilState(cleo.engine, (state) => state.peers.filter(({ adapters }) => adapters > 0).length === 2);
    const got = await cleo.engine.wish('get', { target: id });

    assert.equal(got.sources, 2);
  });

  it('notice a source that changes, and serve nothing of it', async () => {
    const [ana, ben] = [await engines.open('ana'), await engines.open('ben')];
    await engines.room(ana.engine, ben.engine);
    const folder = await adapter('changing');
    const { id } = await ana.engine.wish('share', { path: folder, rooms: ['lab'] });
    await untilState(ben.engine, (state) => state.peers.some(({ adapters }) => adapters === 1));

    const told = nextEvent(ana.engine, 'source:changed');
    fs.appendFileSync(path.join(folder, 'adapter_model.safetensors'), 'x');
    await told;
    await untilState(ben.engine, (state) => state.peers.every(({ adapters }) => adapters === 0));

    assert.equal(ana.engine.state.shared.find((shared) => shared.id === id)?.phase, 'changed');
    const { total } = await ben.engine.wish('list', {});
    assert.equal(total, 0);
  });

  it('ask once more before anything is public', async () => {
    const ana = await engines.open('ana');
    await ana.engine.wish('joinRoom', { room: 'general' });
    const folder = await adapter('public');

    await assert.rejects(ana.engine.wish('share', { path: folder, rooms: ['general'] }), { code: 'CONFIRM_NEEDED' });

    const shared = await ana.engine.wish('share', { path: folder, rooms: ['general'], isPublicConfirmed: true });
    assert.deepEqual(shared.rooms, ['general']);
  });

  it('keep downloads within the limit that the user set', async () => {
    const [ana, ben] = [await engines.open('ana'), await engines.open('ben')];
    await engines.room(ana.engine, ben.engine);
    const folder = await adapter('large', { hidden: 1024, blocks: 8, rank: 32 });
    const { id } = await ana.engine.wish('share', { path: folder, rooms: ['lab'] });
    await ben.engine.wish('setSetting', { key: 'storage.maxGB', value: 0.001 });

    await assert.rejects(ben.engine.wish('get', { target: id }), {
      code: 'STORE_FULL',
      message: /Forget some of them/,
    });

    await ben.engine.wish('setSetting', { key: 'storage.maxGB', value: 1 });
    const got = await ben.engine.wish('get', { target: id });
    assert.equal(got.id, id);
  });

  it('take values that are paths of this machine out of the config, the same for everyone', async () => {
    const ana = await engines.open('ana');
    const [one, two] = [
      await adapter('one', { base: '/home/ana/models/llama', card: false }),
      await adapter('two', { base: '/srv/models/llama', card: false }),
    ];

    const [first, second] = [
      await ana.engine.wish('share', { path: one, rooms: [], base: 'meta-llama/Llama-3.2-1B' }),
      await ana.engine.wish('share', { path: two, rooms: [], base: 'meta-llama/Llama-3.2-1B' }),
    ];

    assert.deepEqual(first.privateValues, ['base_model_name_or_path']);
    assert.equal(first.id, second.id);
  });

  it('take them out of a copy of a GGUF, too, and share one without them where it is', async () => {
    const [ana, ben] = [await engines.open('ana'), await engines.open('ben')];
    await engines.room(ana.engine, ben.engine);
    const [named, plain] = ['named', 'plain'].map((name) => path.join(engines.folder, `${name}.gguf`)) as [
      string,
      string,
    ];
    await withLocalName(LORA_FILE, named);
    fs.copyFileSync(OTHER_FILE, plain);

    const cleaned = await ana.engine.wish('share', { path: named, rooms: ['lab'] });
    const untouched = await ana.engine.wish('share', { path: plain, rooms: ['lab'], name: 'plain' });
    const [got, other] = [
      await ben.engine.wish('get', { target: 'ana/named' }),
      await ben.engine.wish('get', { target: untouched.id }),
    ].map((answer) => path.join(answer.path, 'adapter.gguf')) as [string, string];

    assert.deepEqual([cleaned.privateValues, untouched.privateValues], [['general.name'], []]);
    assert.ok(!fs.readFileSync(got).includes(LOCAL_NAME));
    assert.equal(sha256(other), sha256(OTHER_FILE));
    assert.equal(sha256(got), sha256(LORA_FILE));
    assert.deepEqual(fs.readdirSync(path.join(ana.home, 'tmp')), []);
    // The copy is what is offered: the file of the user may change. The other is read in place.
    const told = nextEvent(ana.engine, 'source:changed');
    for (const file of [named, plain]) fs.appendFileSync(file, 'x');
    await told;
    const phases = new Map(ana.engine.state.shared.map(({ id, phase }) => [id, phase]));
    assert.notEqual(phases.get(cleaned.id), 'changed');
    assert.equal(phases.get(untouched.id), 'changed');
  });

  it('pause, go on after a restart, and cancel', async () => {
    const [ana, ben] = [await engines.open('ana'), await engines.open('ben')];
    await engines.room(ana.engine, ben.engine);
    const folder = await adapter('slow', { hidden: 1024, blocks: 8, rank: 32 });
    const { id, bytes } = await ana.engine.wish('share', { path: folder, rooms: ['lab'] });

    const asking = ben.engine
      .wish('get', { target: id, maxRate: Math.ceil(bytes / 4) })
      .catch((error: unknown) => error);
    await untilState(ben.engine, (state) => (state.transfers[0]?.bytesDone ?? 0) > 0);
    await ben.engine.wish('pause', { id });
    await untilState(ben.engine, (state) => state.transfers[0]?.phase === 'paused');
    await engines.close(ben.engine);
    await asking;
    const again = await engines.open('ben', { home: ben.home });
    await untilState(again.engine, (state) => state.transfers[0]?.phase === 'paused');
    const kept = again.engine.state.transfers[0]!.bytesDone;
    await again.engine.wish('setSetting', { key: 'transfer.downloadLimit', value: 0 });
    const got = await again.engine.wish('get', { target: id });

    assert.ok(kept > 0);
    assert.ok(got.resumedBytes >= kept);
    assert.equal(
      sha256(path.join(got.path, 'adapter_model.safetensors')),
      sha256(path.join(folder, 'adapter_model.safetensors')),
    );
  });
});
