import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Testnet } from 'hyperdht/testnet';
import { createEngine, type Engine } from '../../src/engine/engine';
import { silentLog } from '../../src/engine/log';
import type { EngineEvent } from '../../src/engine/wishes';
import { Strangers } from './strangers';
import { localDht } from './testRooms';

/** Nothing listens there: an engine that should find no Ollama. */
const NO_OLLAMA = 'http://127.0.0.1:9';

export interface TestEngine {
  readonly engine: Engine;
  readonly home: string;
  readonly events: EngineEvent[];
  readonly warnings: string[];
}

interface OpenOptions {
  /** Of an engine that was closed, to open it again. */
  readonly home?: string;
  readonly ollama?: string;
  /** Of another DHT than that of the test. */
  readonly bootstrap?: readonly string[];
}

/** Engines of one test, with everything real: own homes, own identities, one DHT on loopback. */
export class TestEngines {
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lora-swarm-test-'));
  readonly #open = new Set<Engine>();
  #dht: Promise<Testnet> | undefined;

  async open(name: string, options: OpenOptions = {}): Promise<TestEngine> {
    const bootstrap = options.bootstrap ?? (await this.addresses());
    const home = options.home ?? path.join(this.folder, name);
    const warnings: string[] = [];
    const engine = await createEngine({
      home,
      host: '127.0.0.1',
      bootstrap,
      ollamaHost: options.ollama ?? NO_OLLAMA,
      log: { ...silentLog, warn: (line) => void warnings.push(line), error: (line) => void warnings.push(line) },
    });
    this.#open.add(engine);
    await engine.wish('setSetting', { key: 'identity.displayName', value: name });
    const events: EngineEvent[] = [];
    engine.onDidHappen((event) => void events.push(event));
    return { engine, home, events, warnings };
  }

  async close(engine: Engine): Promise<void> {
    this.#open.delete(engine);
    await engine.close();
  }

  /** A private room with all of these in it. @returns its id. */
  async room(owner: Engine, ...others: Engine[]): Promise<string> {
    const { room, code } = await owner.wish('createRoom', { label: 'lab' });
    for (const other of others) await other.wish('joinRoom', { room: code, label: 'lab' });
    return room;
  }

  /** Who speaks the protocol by hand on the same DHT; whoever asks for it closes it. */
  async strangers(): Promise<Strangers> {
    return new Strangers(await (this.#dht ??= localDht()));
  }

  /** Of the DHT of this test. */
  async addresses(): Promise<string[]> {
    const { bootstrap } = await (this.#dht ??= localDht());
    return bootstrap.map(({ host, port }) => `${host}:${port}`);
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#open].map((engine) => engine.close()));
    await (await this.#dht)?.destroy();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Waits until the state of an engine fits; the test's own timeout is the limit. */
export async function untilState(engine: Engine, fits: (state: Engine['state']) => boolean): Promise<void> {
  if (fits(engine.state)) return;
  await new Promise<void>((resolve) => {
    const listening = engine.onDidChangeState((state) => {
      if (!fits(state)) return;
      listening.dispose();
      resolve();
    });
  });
}

/** Waits for the next event of a kind. */
export async function nextEvent<T extends EngineEvent['type']>(
  engine: Engine,
  type: T,
): Promise<EngineEvent & { type: T }> {
  return new Promise((resolve) => {
    const listening = engine.onDidHappen((event) => {
      if (event.type !== type) return;
      listening.dispose();
      resolve(event as EngineEvent & { type: T });
    });
  });
}
