import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Testnet } from 'hyperdht/testnet';
import type { EngineState } from '../../src/engine/state';
import type { WishName, Wishes } from '../../src/engine/wishes';
import { localDht } from '../helpers/testRooms';
import { writePeftAdapter } from '../helpers/writeAdapter';
import { EngineShells } from './engineShells';

/** What `deactivate` has before the editor ends the process. */
const CLOSE_MS = 3_000;
/** How long a process whose engine is closed may take to end by itself. */
const EXIT_MS = 1_500;
const RATE = 1024 ** 2;

describe('closing an engine', function () {
  this.timeout(40_000);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lora-closing-'));
  const processes = new Set<EngineProcess>();
  let dht: Testnet | undefined;

  afterEach(async () => {
    await Promise.all([...processes].map((one) => one.kill()));
    processes.clear();
    await dht?.destroy();
    dht = undefined;
    fs.rmSync(path.join(folder, 'homes'), { recursive: true, force: true });
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  async function start(name: string, bootstrap: readonly string[]): Promise<EngineProcess> {
    const options = {
      home: path.join(folder, 'homes', name),
      host: '127.0.0.1',
      bootstrap,
      ollamaHost: 'http://127.0.0.1:9',
    };
    const one = new EngineProcess(options);
    processes.add(one);
    await one.line('ready');
    return one;
  }

  /** `mid` in three rooms, fetching from one peer and giving to another, slowly enough to be at it for a minute. */
  async function busy(): Promise<{ mid: EngineProcess; giver: EngineProcess; taker: EngineProcess }> {
    dht = await localDht();
    const addresses = dht.bootstrap.map(({ host, port }) => `${host}:${port}`);
    const [giver, mid, taker] = await Promise.all(['giver', 'mid', 'taker'].map((name) => start(name, addresses)));
    const { code } = await giver!.wish('createRoom', { label: 'lab' });
    for (const one of [mid!, taker!]) await one.wish('joinRoom', { room: code, label: 'lab' });
    for (const room of ['general', 'local']) await mid!.wish('joinRoom', { room });
    const share = async (one: EngineProcess, name: string, seed: number) => {
      const { folder: path } = await writePeftAdapter(`${folder}/runs/${name}`, {
        ...{ hidden: 2048, blocks: 8, rank: 64, seed },
      });
      return await one.wish('share', { path, rooms: ['lab'] });
    };
    const wanted = await share(giver!, 'wanted', 1);
    const given = await share(mid!, 'given', 2);
    mid!.ask('get', { target: wanted.id, maxRate: RATE });
    taker!.ask('get', { target: given.id, maxRate: RATE });
    await mid!.until(({ transfers }) =>
      ['download', 'upload'].every((way) => transfers.some((one) => one.direction === way && one.bytesDone > 0)),
    );
    return { mid: mid!, giver: giver!, taker: taker! };
  }

  it('ends in time in the middle of a download and an upload, and nothing keeps the process', async () => {
    const { mid, giver } = await busy();

    await mid.closes();

    assert.deepEqual(leftovers(mid.home), []);
    assert.equal(fs.readdirSync(path.join(mid.home, 'partial')).length, 1, 'the unfinished download is kept');
    // It said goodbye: nobody waits for a timeout.
    await giver.until(({ peers }) => peers.every(({ name }) => name !== 'mid'));
  });

  it('ends in time when the DHT is gone', async () => {
    const { mid } = await busy();
    await dht!.destroy();
    dht = undefined;

    await mid.closes();

    assert.deepEqual(leftovers(mid.home), []);
  });

  it('ends in time when the DHT never answered', async () => {
    const silent = dgram.createSocket('udp4').bind(0, '127.0.0.1');
    await once(silent, 'listening');
    try {
      const alone = await start('alone', [`127.0.0.1:${silent.address().port}`]);
      for (const room of ['general', 'local']) await alone.wish('joinRoom', { room });
      await alone.wish('createRoom', { label: 'lab' });
      await once(silent, 'message'); // It has begun to ask.

      await alone.closes();

      assert.deepEqual(leftovers(alone.home), []);
    } finally {
      silent.close();
    }
  });

  it('ends in time when its peers are frozen', async function () {
    if (process.platform === 'win32') this.skip(); // Windows has no signal that freezes a process.
    const { mid, giver, taker } = await busy();
    giver.signal('SIGSTOP');
    taker.signal('SIGSTOP');

    await mid.closes();

    assert.deepEqual(leftovers(mid.home), []);
  });

  it('leaves no socket, token or thread of a window that led', async () => {
    dht = await localDht();
    const { bootstrap } = dht;
    const shells = new EngineShells(() => bootstrap.map(({ host, port }) => `${host}:${port}`));
    try {
      await shells.build();
      const giver = await shells.start('giver');
      const window = await shells.start('window');
      const { folder: run } = await writePeftAdapter(`${folder}/runs/wanted`, { hidden: 2048, blocks: 8, rank: 64 });
      const { code } = await giver.wish('createRoom', { label: 'lab' });
      const { id } = await giver.wish('share', { path: run, rooms: ['lab'] });
      await window.wish('joinRoom', { room: code });
      const get = window.ask('get', { target: id, maxRate: RATE });
      await window.told((told) => told.type === 'progress' && told.id === get.id && told.bytesDone > 0);
      const began = performance.now();

      await window.close();

      assert.ok(performance.now() - began < CLOSE_MS + EXIT_MS);
      assert.ok(window.all.some(({ type }) => type === 'closed'));
      assert.deepEqual(leftovers(shells.home('window')), []);
    } finally {
      await shells.dispose();
    }
  });
});

/** What a closed engine must not leave in its folder. */
function leftovers(home: string): string[] {
  const names = fs.readdirSync(home, { recursive: true, encoding: 'utf8' });
  return names.filter(
    (name) => /\.(sock|token|link|part)$|-(journal|wal|shm)$/.test(name) || name.startsWith(`tmp${path.sep}`),
  );
}

class EngineProcess {
  readonly #lines: Record<string, unknown>[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #waiting = new Set<() => void>();

  constructor(private readonly options: { readonly home: string }) {
    const script = path.join(import.meta.dirname, 'closingEngine.ts');
    const args = ['--import', 'tsx', script, JSON.stringify(options)];
    this.#child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#exited = once(this.#child, 'close'); // Its last lines may come after its exit.
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.#lines.push(JSON.parse(line) as Record<string, unknown>);
      for (const check of [...this.#waiting]) check();
    });
  }

  get home(): string {
    return this.options.home;
  }

  /** The first line of a type that fits. */
  async line(
    type: string,
    fits: (line: Record<string, unknown>) => boolean = () => true,
  ): Promise<Record<string, unknown>> {
    return await new Promise((resolve, reject) => {
      const check = (): void => {
        const failed = this.#lines.find((line) => line['type'] === 'failed' && line['wish'] === type);
        if (failed) reject(new Error(String(failed['error'])));
        const found = this.#lines.find((line) => line['type'] === type && fits(line));
        if (!found && !failed) return;
        this.#waiting.delete(check);
        if (found) resolve(found);
      };
      this.#waiting.add(check);
      void this.#exited.then(() => reject(new Error(`the process ended without "${type}"`)));
      check();
    });
  }

  async until(fits: (state: EngineState) => boolean): Promise<void> {
    await this.line('state', ({ state }) => fits(state as EngineState));
  }

  ask<N extends WishName>(name: N, params: Wishes[N]['params']): void {
    this.#child.stdin!.write(`${JSON.stringify({ name, params })}\n`);
  }

  /** Each wish once at a time: answers are known by their name. */
  async wish<N extends WishName>(name: N, params: Wishes[N]['params']): Promise<Wishes[N]['result']> {
    const before = this.#lines.length;
    this.ask(name, params);
    const answer = await this.line(name, (line) => this.#lines.indexOf(line) >= before);
    return answer['result'] as Wishes[N]['result'];
  }

  /** Closes the engine, and sees to it that it was in time and the process ended by itself. */
  async closes(): Promise<void> {
    const began = performance.now();
    this.#child.stdin!.write('{"name":"close"}\n');
    const { ms } = await this.line('closed');
    await this.#exited;
    assert.ok(Number(ms) < CLOSE_MS, `closing took ${String(ms)} ms`);
    const seconds = performance.now() - began;
    assert.ok(seconds < CLOSE_MS + EXIT_MS, `the process ended after ${seconds} ms only`);
    assert.equal(this.#child.exitCode, 0);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.#exited;
  }
}
