import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine, EngineOptions } from '../../src/engine/engine';
import { LoraSwarmError } from '../../src/engine/errors';
import { Emitter } from '../../src/engine/events';
import type { EngineState } from '../../src/engine/state';
import type { EngineEvent, WishName, WishOptions, Wishes } from '../../src/engine/wishes';

export const GET_BYTES = 400;

const STATE: EngineState = {
  identity: { key: 'aa'.repeat(32), fingerprint: 'aaaa…aa', name: '' },
  network: { mode: 'all', isOnline: true },
  rooms: [],
  peers: [],
  shared: [],
  library: [],
  transfers: [],
  catalogRevision: 0,
};

/**
 * A small engine that keeps what the service promises visible from outside: while it is open it writes its own id to
 * `<home>/leaders.log` every few milliseconds, so two engines at once would show as interleaved lines.
 */
export function createTestEngine(options: EngineOptions): Promise<Engine> {
  if (fs.existsSync(path.join(options.home, 'broken')))
    return Promise.reject(new LoraSwarmError('STORE_CORRUPT', 'The database is damaged. Restore it.'));
  return Promise.resolve(new TestEngine(options));
}

class TestEngine implements Engine {
  readonly #id = randomBytes(4).toString('hex');
  readonly #changed = new Emitter<EngineState>();
  readonly #happened = new Emitter<EngineEvent>();
  readonly #beat: NodeJS.Timeout;
  readonly #closed = new AbortController();
  #state = STATE;

  readonly onDidChangeState = this.#changed.event;
  readonly onDidHappen = this.#happened.event;

  constructor(private readonly options: EngineOptions) {
    this.#write('begin');
    this.#beat = setInterval(() => this.#write('beat'), 4);
    options.log.info(`engine ${this.#id} opened`);
  }

  get state(): EngineState {
    return this.#state;
  }

  async wish<N extends WishName>(
    name: N,
    params: Wishes[N]['params'],
    options: WishOptions = {},
  ): Promise<Wishes[N]['result']> {
    const given = params as Record<string, unknown>;
    switch (name) {
      case 'identity':
        return { ...STATE.identity, name: this.#id } as Wishes[N]['result'];
      case 'get':
        return await this.#get(options);
      case 'share': // Never done by itself.
        fs.appendFileSync(path.join(this.options.home, 'shares.log'), 'asked\n');
        options.onProgress?.({ kind: 'hash', bytesDone: 0, bytesTotal: 1 });
        await sleep(60_000, undefined, { signal: options.signal });
        throw new Error('unreachable');
      case 'inspect':
        throw new LoraSwarmError('ADAPTER_NOT_FOUND', `${String(given['path'])} is not there.`, { kind: 'retry' });
      case 'doctor':
        throw new TypeError(`cannot read ${this.options.home}/secret`);
      case 'find':
        for (let i = 0; i < 200; i++) options.onProgress?.({ kind: 'hash', bytesDone: i, bytesTotal: 199 });
        return { adapters: [] } as unknown as Wishes[N]['result'];
      case 'setSetting':
        for (let i = 1; i <= 100; i++) this.#setState({ ...this.#state, catalogRevision: i });
        this.#happened.fire({ type: 'peers:updated', count: 7 });
        return { key: 'x', value: 1 } as Wishes[N]['result'];
      case 'forget': // A bug in a callback of some library.
        setTimeout(() => {
          throw new TypeError('thrown by a bug');
        }, 1);
        return await sleep(60_000, undefined as never, { signal: this.#closed.signal });
      default:
        return {};
    }
  }

  async close(): Promise<void> {
    if (fs.existsSync(path.join(this.options.home, 'hang'))) await new Promise(() => undefined);
    clearInterval(this.#beat);
    this.#closed.abort();
    this.#write('end');
    await sleep(20); // An engine takes its time, and the next one must not begin meanwhile.
  }

  /** A download with a journal: byte i of the file is i % 251, one byte at a time, from where the last engine stopped. */
  async #get({ signal, onProgress }: WishOptions): Promise<Wishes['get']['result']> {
    const file = path.join(this.options.home, 'download');
    const resumedBytes = fs.existsSync(file) ? fs.statSync(file).size : 0;
    for (let i = resumedBytes; i < GET_BYTES; i++) {
      signal?.throwIfAborted();
      this.#closed.signal.throwIfAborted();
      fs.appendFileSync(file, Buffer.of(i % 251));
      onProgress?.({ kind: 'transfer', id: 'id', bytesDone: i + 1, bytesTotal: GET_BYTES, rate: 1, sources: 1 });
      await sleep(2);
    }
    return {
      id: 'id',
      name: 'a/b',
      path: file,
      bytes: GET_BYTES,
      seconds: 1,
      sources: 1,
      resumedBytes,
      refetchedBytes: 0,
    };
  }

  #setState(state: EngineState): void {
    this.#state = state;
    this.#changed.fire(state);
  }

  #write(word: string): void {
    fs.appendFileSync(path.join(this.options.home, 'leaders.log'), `${word} ${this.#id}\n`);
  }
}
