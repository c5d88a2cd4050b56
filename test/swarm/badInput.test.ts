import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import dgram from 'node:dgram';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { keyPair } from 'hypercore-crypto';
import { createEngine } from '../../src/engine/engine';
import { LoraSwarmError, type ErrorCode } from '../../src/engine/errors';
import { silentLog } from '../../src/engine/log';
import { importBase } from '../../src/engine/ollama/modelsFolder';
import { OllamaClient } from '../../src/engine/ollama/client';
import { signRelease } from '../../src/engine/release/release';
import { encodeRelease } from '../../src/engine/store/packageFiles';
import { loadIdentitySeed } from '../../src/engine/store/identity';
import { RELEASE_NAME } from '../../src/engine/store/paths';
import { Store } from '../../src/engine/store/store';
import { FakeOllama } from '../helpers/fakeOllama';
import { TestEngines, nextEvent, untilState } from '../helpers/testEngines';
import { writePeftAdapter, type WriteAdapterOptions } from '../helpers/writeAdapter';

const FIXTURES = path.resolve(import.meta.dirname, '../fixtures');
const BASE = path.join(FIXTURES, 'llama', 'base.f16.gguf');
const ADAPTERS = path.join(FIXTURES, 'llama', 'adapters');
const MIB = 1024 ** 2;
/** Some 15 MiB, so that there is a middle. */
const LARGE: WriteAdapterOptions = { hidden: 2048, blocks: 8, rank: 64 };

let engines: TestEngines;
let ollama: FakeOllama | undefined;

describe('bad adapter files', () => {
  beforeEach(start);
  afterEach(stop);

  /** Code of sharing and of installing, and words that say what to do or what is wrong. */
  const bad: Readonly<
    Record<string, { make: (folder: string) => void; share: ErrorCode; install: ErrorCode; says: RegExp }>
  > = {
    'a safetensors file that was cut off': {
      make: (folder) => fs.truncateSync(weightsIn(copyOf('trained-r16', folder)), 20_000),
      ...{ share: 'ADAPTER_UNREADABLE', install: 'ADAPTER_UNREADABLE', says: /again|cut|whole|end/i },
    },
    'a safetensors file that lies about its header': {
      make: (folder) => {
        const weights = weightsIn(copyOf('trained-r16', folder));
        const bytes = fs.readFileSync(weights);
        bytes.writeBigUInt64LE(2n ** 40n);
        fs.writeFileSync(weights, bytes);
      },
      ...{ share: 'ADAPTER_UNREADABLE', install: 'ADAPTER_UNREADABLE', says: /header/i },
    },
    'a safetensors file whose tensors lie about where they are': {
      make: (folder) => {
        const weights = weightsIn(copyOf('trained-r16', folder));
        const bytes = fs.readFileSync(weights);
        const at = bytes.indexOf('"data_offsets":[0,') + '"data_offsets":[0,'.length;
        bytes.write('9', at, 'latin1');
        fs.writeFileSync(weights, bytes);
      },
      ...{ share: 'ADAPTER_UNREADABLE', install: 'ADAPTER_UNREADABLE', says: /tensor|offset|bytes/i },
    },
    'a GGUF file that was cut off': {
      make: (folder) => fs.cpSync(path.join(FIXTURES, 'bad', 'truncated.gguf'), path.join(folder, 'lora.gguf')),
      ...{ share: 'ADAPTER_UNREADABLE', install: 'ADAPTER_UNREADABLE', says: /again|cut|end/i },
    },
    'a GGUF file that lies about its tensors': {
      make: (folder) => fs.cpSync(path.join(FIXTURES, 'bad', 'n-tensors.gguf'), path.join(folder, 'lora.gguf')),
      ...{ share: 'ADAPTER_UNREADABLE', install: 'ADAPTER_UNREADABLE', says: /tensor|end|cut/i },
    },
    'a config that contradicts the weights': {
      make: (folder) => void copyOf('rank-lie', folder),
      ...{ share: 'ADAPTER_UNSUPPORTED', install: 'ADAPTER_CONTRADICTION', says: /rank/i },
    },
    'a config that is no JSON': {
      make: (folder) => fs.writeFileSync(path.join(copyOf('trained-r16', folder), 'adapter_config.json'), '{"r": 16,}'),
      ...{ share: 'ADAPTER_CONFIG_INVALID', install: 'ADAPTER_CONFIG_INVALID', says: /adapter_config\.json/ },
    },
    'a pickle': {
      make: (folder) => void copyOf('pickle-only', folder),
      ...{ share: 'ADAPTER_PICKLE', install: 'ADAPTER_PICKLE', says: /save_pretrained/ },
    },
  };
  for (const [what, { make, share, install, says }] of Object.entries(bad))
    it(`refuses ${what}, and touches nothing`, async () => {
      const { engine, home } = await engines.open('ana', { ollama: await ollamaWithBase() });
      const folder = path.join(engines.folder, 'run');
      fs.mkdirSync(folder);
      make(folder);
      const target = fs.existsSync(path.join(folder, 'lora.gguf')) ? path.join(folder, 'lora.gguf') : folder;
      const before = hashesOf(folder);

      await fails(engine.wish('share', { path: target, rooms: [], base: 'fx/tiny-llama' }), share, says);
      await fails(engine.wish('install', { target, base: 'tiny' }), install, says);
      if (share === install) await fails(engine.wish('inspect', { path: target }), share, says);
      else {
        const { problems } = await engine.wish('inspect', { path: target });
        assert.ok(problems.some(({ severity, message }) => severity === 'refuse' && says.test(message)));
      }

      assert.deepEqual(hashesOf(folder), before);
      assert.deepEqual(engine.state.shared, []);
      assert.deepEqual([...fs.readdirSync(path.join(home, 'shared')), ...fs.readdirSync(path.join(home, 'tmp'))], []);
      assert.deepEqual(await modelNames(), ['tiny:latest']);
    });

  it('shares without a config once the base is named, and says nothing of alpha', async () => {
    const [ana, ben] = [await engines.open('ana'), await engines.open('ben')];
    await engines.room(ana.engine, ben.engine);
    const folder = await adapter('bare', { config: false, card: false });
    const before = hashesOf(folder);

    await fails(ana.engine.wish('share', { path: folder, rooms: ['lab'] }), 'ADAPTER_CONFIG_MISSING', /Name the base/);
    const { id } = await ana.engine.wish('share', { path: folder, rooms: ['lab'], base: 'fx/tiny-llama' });
    await untilState(ben.engine, (state) => state.peers.some(({ adapters }) => adapters === 1));
    const { adapters } = await ben.engine.wish('list', {});
    const [shared] = ana.engine.state.shared;
    const got = await ben.engine.wish('get', { target: id });

    assert.deepEqual([shared?.baseModel, shared?.rank], ['fx/tiny-llama', 4]);
    for (const facts of [shared!, adapters[0]!])
      assert.ok(!('alpha' in facts) && !('scale' in facts), JSON.stringify(facts));
    assert.equal(adapters[0]!.baseModel, 'fx/tiny-llama');
    assert.ok(!('alpha' in (await ben.engine.wish('inspect', { path: got.path }))));
    assert.deepEqual(hashesOf(folder), before);
  });

  it('installs nothing whose scale nobody said', async () => {
    const { engine } = await engines.open('ana', { ollama: await ollamaWithBase() });
    const folder = await adapter('bare', { config: false, card: false });

    await fails(engine.wish('install', { target: folder, base: 'tiny' }), 'ADAPTER_CONFIG_MISSING', /config/);

    assert.deepEqual(await modelNames(), ['tiny:latest']);
  });

  it('shows what the files are when the words of a peer were a lie', async () => {
    const [ana, ben] = [await engines.open('ana'), await engines.open('ben')];
    await engines.room(ana.engine, ben.engine);
    const folder = await adapter('honest');
    const { id } = await ana.engine.wish('share', { path: folder, rooms: ['lab'], name: 'ana/honest' });
    await engines.close(ana.engine);
    await untilState(ben.engine, (state) => state.peers.length === 0);
    await lie(ana.home, id);
    await engines.open('ana', { home: ana.home });
    await untilState(ben.engine, (state) => state.peers.some(({ adapters }) => adapters === 1));

    const { adapters } = await ben.engine.wish('list', {});
    const got = await ben.engine.wish('get', { target: id });
    const truth = await ben.engine.wish('inspect', { path: got.path });

    assert.deepEqual([adapters[0]!.rank, adapters[0]!.alpha], [512, 1024]);
    assert.deepEqual([truth.rank, truth.alpha, truth.targets], [4, 8, ['q_proj', 'v_proj']]);
    const page = await ben.engine.wish('adapter', { id: got.id });
    assert.deepEqual([page.rank, page.alpha, page.targets], [4, 8, ['q_proj', 'v_proj']]);
    assert.ok(page.problems.some(({ code }) => code === 'release-differs'));
    const verdict = await ben.engine.wish('verdict', {
      target: id,
      base: path.join(FIXTURES, 'gemma3', 'base.f32.gguf'),
    });
    assert.equal(verdict.verdict, 'unfit', 'judged by its files, which are here');
  });
});

describe('a storage folder', function () {
  this.timeout(60_000);
  beforeEach(start);
  afterEach(stop);

  it('that is full stops a download, which goes on when there is space', async function () {
    await withDisk(this, '24m', async (disk) => {
      const ana = await engines.open('ana');
      const ben = await engines.open('ben', { home: path.join(disk, 'ben') });
      await engines.room(ana.engine, ben.engine);
      const folder = await adapter('large', LARGE);
      const { id, bytes } = await ana.engine.wish('share', { path: folder, rooms: ['lab'] });
      const film = path.join(disk, 'film');
      await untilState(ben.engine, (state) => state.peers.some(({ adapters }) => adapters === 1));

      fs.writeFileSync(film, Buffer.alloc(15 * MIB));
      await fails(ben.engine.wish('get', { target: id }), 'STORE_FULL', /needs [\d.]+ MB .* [\d.]+ MB are free/);
      fs.rmSync(film);
      const asking = ben.engine.wish('get', { target: id, maxRate: 6 * MIB });
      await untilState(ben.engine, (state) => (state.transfers[0]?.bytesDone ?? 0) > MIB);
      fill(film);
      const figures = /needs [\d.]+ MB .* [\d.]+ [KM]B are free.*Free some space/;
      await untilState(ben.engine, (state) => figures.test(state.transfers[0]?.problem?.message ?? ''));
      const [full] = ben.engine.state.transfers;
      fs.rmSync(film);
      const freedAt = performance.now();
      const got = await asking;
      const seconds = (performance.now() - freedAt) / 1_000;

      assert.deepEqual([full?.phase, full?.problem?.code], ['paused', 'STORE_FULL']);
      assert.ok(seconds < 30, `${seconds} s after there was space`);
      assert.ok(got.resumedBytes > 0 && got.resumedBytes < bytes, `${got.resumedBytes} of ${bytes}`);
      assert.deepEqual(hashesOf(got.path)['adapter_model.safetensors'], hashesOf(folder)['adapter_model.safetensors']);
      await engines.close(ben.engine);
    });
  });

  it('that cannot be written is named, and what is in it stays', async function () {
    await withDisk(this, '8m', async (disk) => {
      const home = path.join(disk, 'home');
      await engines.close((await engines.open('ana', { home })).engine);
      const before = hashesOf(home);
      spawnSync('mount', ['-o', 'remount,ro', disk]);

      await fails(
        createEngine({ home, host: '127.0.0.1', bootstrap: [], log: silentLog }),
        'STORE_READ_ONLY',
        /cannot be written. Choose another folder/,
      );

      assert.deepEqual(hashesOf(home), before);
    });
  });
});

describe('an Ollama', () => {
  beforeEach(start);
  afterEach(stop);

  it('that is away is named with its address, and the download is kept', async () => {
    const [ana, ben] = [await engines.open('ana'), await engines.open('ben')];
    await engines.room(ana.engine, ben.engine);
    const { id } = await ana.engine.wish('share', { path: path.join(ADAPTERS, 'trained-r16'), rooms: ['lab'] });

    await fails(
      ben.engine.wish('get', { target: id, install: true }),
      'OLLAMA_UNREACHABLE',
      /127\.0\.0\.1:9.*Start it/,
    );

    assert.deepEqual(
      ben.engine.state.library.map((item) => item.id),
      [id],
    );
    const verdict = await ben.engine.wish('verdict', { target: id });
    assert.match(verdict.reason, /Ollama does not answer/);
  });

  for (const version of ['0.34.0', '0.34.2'] as const)
    it(`${version} that dies in the middle of an install has the models of before, and the next install goes well`, async () => {
      const { engine } = await engines.open('ana', { ollama: await ollamaWithBase(version) });
      const target = path.join(ADAPTERS, 'trained-r16');
      const before = hashesOf(target);
      await untilState(engine, (state) => state.ollama?.route !== undefined); // It asks that by a request of its own.
      if (version === '0.34.2') ollama!.fail('/api/pull', { kind: 'die' });
      else ollama!.fail('/api/create', { kind: 'none' }, { kind: 'die' }); // It is asked what it can do first.

      await assert.rejects(engine.wish('install', { target, base: 'tiny' }), (error: LoraSwarmError) => {
        assert.match(error.code, /^OLLAMA_(UNREACHABLE|FAILED)$/, error.message);
        assert.match(error.message, /Start it|try again/i);
        return true;
      });
      await ollama!.restart();
      const { model } = await engine.wish('install', { target, base: 'tiny' });

      assert.deepEqual(await modelNames(), [`${model}:latest`, 'tiny:latest'].sort());
      assert.deepEqual(hashesOf(target), before);
    });

  it('keeps the models of the user when an install would take their name', async () => {
    const { engine } = await engines.open('ana', { ollama: await ollamaWithBase() });
    const target = path.join(ADAPTERS, 'trained-r16');
    const client = new OllamaClient(ollama!.url);
    const mine = (await client.tags())[0]!.digest;

    await fails(
      engine.wish('install', { target, base: 'tiny', as: 'tiny' }),
      'OLLAMA_MODEL_EXISTS',
      /Choose another name/,
    );
    const first = await engine.wish('install', { target, base: 'tiny' });
    const again = await engine.wish('install', { target, base: 'tiny' });
    const second = await engine.wish('install', { target, base: 'tiny', as: 'second' });
    await fails(
      engine.wish('install', { target, base: 'tiny', weight: 0.5, as: first.model }),
      'OLLAMA_MODEL_EXISTS',
      /Choose another name/,
    );

    assert.equal((await client.tags()).find(({ name }) => name === 'tiny:latest')!.digest, mine);
    assert.equal(again.model, first.model); // The very same is not made twice.
    assert.equal(second.model, 'second');
    await fails(engine.wish('uninstall', { model: 'tiny' }), 'OLLAMA_NOT_OURS', /tiny/);
    for (const { model } of [first, second]) await engine.wish('uninstall', { model });
    assert.deepEqual(await modelNames(), ['tiny:latest']);
  });
});

describe('peers and rooms', function () {
  this.timeout(30_000);
  beforeEach(start);
  afterEach(stop);

  it('a wrong room code is refused and joins nothing', async () => {
    const { engine } = await engines.open('ana');
    const { code } = await engine.wish('createRoom', { label: 'lab' });
    const last = code.at(-1) === 'a' ? 'b' : 'a';

    for (const wrong of ['', 'lab room', code.slice(0, -1), `${code.slice(0, -1)}${last}`, `${code}${code}`])
      await fails(engine.wish('joinRoom', { room: wrong }), 'ROOM_CODE_INVALID', /code/i);

    assert.equal(engine.state.rooms.length, 1);
  });

  it('a DHT that does not answer keeps nobody on the local network waiting', async () => {
    const silent = dgram.createSocket('udp4').bind(0, '127.0.0.1');
    await once(silent, 'listening');
    const bootstrap = [`127.0.0.1:${silent.address().port}`];
    try {
      const [ana, ben] = [await engines.open('ana', { bootstrap }), await engines.open('ben', { bootstrap })];
      for (const { engine } of [ana, ben])
        for (const room of ['general', 'local']) await engine.wish('joinRoom', { room });
      const { id } = await ana.engine.wish('share', { path: await adapter('near'), rooms: ['local'] });
      const began = performance.now();

      const got = await ben.engine.wish('get', { target: id, room: 'local' });

      assert.equal(got.id, id);
      assert.ok(performance.now() - began < 5_000, `it took ${performance.now() - began} ms`);
    } finally {
      silent.close();
    }
  });

  it('a download waits when its only peer vanishes, and goes on when it is back', async () => {
    const [ana, ben] = [await engines.open('ana'), await engines.open('ben')];
    await engines.room(ana.engine, ben.engine);
    const folder = await adapter('large', LARGE);
    const { id, bytes } = await ana.engine.wish('share', { path: folder, rooms: ['lab'] });
    const asking = ben.engine.wish('get', { target: id, maxRate: 10 * MIB });
    await untilState(ben.engine, (state) => (state.transfers[0]?.bytesDone ?? 0) > bytes / 10);

    await engines.close(ana.engine);
    await untilState(ben.engine, (state) => state.transfers[0]?.phase === 'waiting');
    const { bytesDone, sources, problem } = ben.engine.state.transfers[0]!;
    await engines.open('ana', { home: ana.home });
    const got = await asking;

    assert.ok(bytesDone > 0 && bytesDone < bytes);
    assert.deepEqual([sources >= 0, problem], [true, undefined]);
    assert.deepEqual(hashesOf(got.path)['adapter_model.safetensors'], hashesOf(folder)['adapter_model.safetensors']);
  });

  it('a file that is deleted while it is shared is told, and no longer offered', async () => {
    const [ana, ben] = [await engines.open('ana'), await engines.open('ben')];
    await engines.room(ana.engine, ben.engine);
    const folder = await adapter('going');
    const other = await adapter('staying', { seed: 2 });
    const { id } = await ana.engine.wish('share', { path: folder, rooms: ['lab'] });
    const kept = await ana.engine.wish('share', { path: other, rooms: ['lab'] });
    await untilState(ben.engine, (state) => state.peers.some(({ adapters }) => adapters === 2));

    const told = nextEvent(ana.engine, 'source:changed');
    fs.rmSync(path.join(folder, 'adapter_model.safetensors'));
    const { message } = await told;
    await untilState(ben.engine, (state) => state.peers.some(({ adapters }) => adapters === 1));

    assert.match(message, /is gone.*Share it again/);
    assert.equal(ana.engine.state.shared.find((shared) => shared.id === id)?.phase, 'missing');
    const { adapters } = await ben.engine.wish('list', {});
    assert.deepEqual(
      adapters.map((entry) => entry.id),
      [kept.id],
    );
  });

  it('a file of the user in the folder to copy to stays, and the adapter is in the library', async () => {
    const [ana, ben] = [await engines.open('ana'), await engines.open('ben')];
    await engines.room(ana.engine, ben.engine);
    const { id } = await ana.engine.wish('share', { path: await adapter('copied'), rooms: ['lab'] });
    const out = path.join(engines.folder, 'out');
    fs.mkdirSync(out);
    fs.writeFileSync(path.join(out, 'adapter_config.json'), '{"mine": true}');
    const before = hashesOf(out);

    await fails(ben.engine.wish('get', { target: id, out }), 'STORE_FAILED', /another file. Choose an empty folder/);

    assert.deepEqual(hashesOf(out), before);
    assert.deepEqual(
      ben.engine.state.library.map((item) => item.id),
      [id],
    );
  });
});

function start(): void {
  engines = new TestEngines();
}

async function stop(): Promise<void> {
  await engines.dispose();
  await ollama?.close();
  ollama = undefined;
}

async function ollamaWithBase(version: '0.34.0' | '0.34.2' = '0.34.2'): Promise<string> {
  ollama = await FakeOllama.start(version);
  await importBase(ollama.modelsFolder, { model: 'tiny', gguf: BASE, family: 'llama' });
  return ollama.url;
}

async function modelNames(): Promise<string[]> {
  return (await new OllamaClient(ollama!.url).tags()).map(({ name }) => name).sort();
}

async function adapter(name: string, options: WriteAdapterOptions = {}): Promise<string> {
  const folder = path.join(engines.folder, 'runs', name);
  await writePeftAdapter(folder, options);
  return folder;
}

function copyOf(name: string, folder: string): string {
  fs.cpSync(path.join(ADAPTERS, name), folder, { recursive: true });
  return folder;
}

const weightsIn = (folder: string): string => path.join(folder, 'adapter_model.safetensors');

/** Rejects as a user can use it: our code, and a sentence that says enough. */
async function fails(wish: Promise<unknown>, code: ErrorCode, says: RegExp): Promise<void> {
  await assert.rejects(wish, (error: unknown) => {
    assert.ok(error instanceof LoraSwarmError, String(error instanceof Error ? error.stack : error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, says);
    return true;
  });
}

/** SHA-256 of every file below a folder. */
function hashesOf(folder: string): Record<string, string> {
  const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  const files = names.filter((name) => fs.statSync(path.join(folder, name)).isFile());
  return Object.fromEntries(
    files.map((name) => [
      name,
      createHash('sha256')
        .update(fs.readFileSync(path.join(folder, name)))
        .digest('hex'),
    ]),
  );
}

/** What a peer with another program could do: its release says what the files are not, and is signed. */
async function lie(home: string, id: string): Promise<void> {
  const store = await Store.open(home);
  const keys = keyPair(Buffer.from(await loadIdentitySeed(home), 'hex'));
  const record = store.shared.get(id)!;
  const { release } = record.release;
  const shape = { ...release.shape, dims: {} };
  const lying = signRelease({ ...release, rank: 512, alpha: 1024, shape }, keys);
  fs.writeFileSync(path.join(store.paths.package('shared', id), RELEASE_NAME), encodeRelease(lying));
  await store.close();
}

/** Takes the last byte of a disk. */
function fill(file: string): void {
  for (const bytes of [MIB, 4096])
    try {
      for (;;) fs.appendFileSync(file, Buffer.alloc(bytes));
    } catch {
      // Full, which is what is wanted.
    }
}

/** A small disk of its own. Only root on Linux may mount one; elsewhere the test is left out. */
async function withDisk(test: Mocha.Context, size: string, use: (disk: string) => Promise<void>): Promise<void> {
  const disk = path.join(engines.folder, 'disk');
  fs.mkdirSync(disk);
  const isThere =
    process.platform === 'linux' &&
    spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', disk]).status === 0;
  if (!isThere) {
    console.log('left out: only root on Linux may mount a small disk.');
    test.skip();
  }
  try {
    await use(disk);
  } finally {
    spawnSync('umount', ['--lazy', disk]);
  }
}
