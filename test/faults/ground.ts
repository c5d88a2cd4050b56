import { build } from 'esbuild';
import type { Testnet } from 'hyperdht/testnet';
import fs from 'node:fs';
import path from 'node:path';
import { parseManifest, type Manifest } from '../../src/engine/release/manifest';
import { TestEngines, type TestEngine } from '../helpers/testEngines';
import { localDht } from '../helpers/testRooms';
import { writePeftAdapter, type WriteAdapterOptions } from '../helpers/writeAdapter';
import { ROOT } from '../run/machine';
import { readKept, type Kept } from './laws';
import { Victim, type VictimOptions } from './process';
import type { VictimOrder } from './victimOrders';

/** An adapter that the seeder shares, with all that is known of it. */
export interface Shared {
  readonly id: string;
  readonly manifest: Manifest;
  /** 32 bytes a chunk. */
  readonly chunkHashes: Buffer;
  readonly folder: string;
}

/** Bytes a second: slow enough for faults to strike in the middle, and a setting that has to be kept. */
const UPLOAD_LIMIT = 12_345_678;
/** For what is only about size. */
export const NO_UPLOAD_LIMIT = 0;

interface NewHomeOptions {
  readonly home?: string;
  readonly uploadLimit?: number;
}

/** A home to begin with: in the room, with settings of its own and an adapter of the user that it shares. */
interface Template {
  readonly home: string;
  readonly kept: Kept;
}

/** Shapes of the adapters that are fetched, by what they are for. */
const SIZES = {
  /** 1.4 MB: for what is done hundreds of times. */
  tiny: { hidden: 1024, blocks: 8, rank: 24, dtype: 'BF16' },
  /** 5.5 MB: every point of it is struck. */
  small: { hidden: 2048, blocks: 12, rank: 32, dtype: 'BF16' },
  /** 44 MB: long enough for something to happen on the way. */
  middle: { hidden: 4096, blocks: 24, rank: 64, dtype: 'BF16' },
  /** 201 MB. */
  large: { hidden: 4096, blocks: 32, rank: 128, targets: ['q_proj', 'v_proj', 'k_proj'], dtype: 'BF16' },
} as const satisfies Record<string, WriteAdapterOptions>;

export type Size = keyof typeof SIZES;

/** Where victims run and meet. */
export interface Place {
  readonly host: string;
  readonly bootstrap: readonly string[];
  readonly wrap: readonly string[];
}

/** What all faults stand on: a DHT on loopback, an engine that shares, and homes of victims, which are processes. */
export class Ground {
  readonly #shared = new Map<Size, Promise<Shared>>();
  readonly #templates = new Map<string, Promise<Template>>();
  readonly #victims = new Set<Victim>();
  #homes = 0;

  private constructor(
    readonly engines: TestEngines,
    readonly dht: Testnet,
    readonly bootstrap: readonly string[],
    readonly seeder: TestEngine,
    /** Code of the room that all are in. */
    readonly room: string,
    private readonly script: string,
  ) {}

  static async open(): Promise<Ground> {
    const dht = await localDht();
    const bootstrap = dht.bootstrap.map(({ host, port }) => `${host}:${port}`);
    const engines = new TestEngines();
    const seeder = await engines.open('seeder', { bootstrap });
    const { code } = await seeder.engine.wish('createRoom', { label: 'lab' });
    // Bundled once, for hundreds of starts; inside the project, so that the native add-ons are found.
    const script = path.join(ROOT, 'out-test', `victim-${process.pid}.cjs`);
    await build({
      entryPoints: [path.join(import.meta.dirname, 'victim.ts')],
      outfile: script,
      ...{ bundle: true, platform: 'node', packages: 'external', logLevel: 'error' },
    });
    return new Ground(engines, dht, bootstrap, seeder, code, script);
  }

  get folder(): string {
    return this.engines.folder;
  }

  /** What the seeder shares in the room. */
  shared(size: Size): Promise<Shared> {
    let shared = this.#shared.get(size);
    if (!shared) this.#shared.set(size, (shared = this.#share(size)));
    return shared;
  }

  /** An adapter of this size that is on nobody's list yet. */
  async writeAdapter(size: Size, seed: number): Promise<string> {
    const folder = path.join(this.folder, 'adapters', `${size}-${seed}`);
    if (!fs.existsSync(folder)) await writePeftAdapter(folder, { ...SIZES[size], seed });
    return folder;
  }

  /** A fresh home. Homes of one lane have one identity, so only one engine of a lane may run at a time. */
  async newHome(
    lane = 0,
    { home = this.emptyHome(), uploadLimit = UPLOAD_LIMIT }: NewHomeOptions = {},
  ): Promise<{ readonly home: string; readonly kept: Kept }> {
    const key = `${lane} at ${uploadLimit}`;
    let template = this.#templates.get(key);
    if (!template) this.#templates.set(key, (template = this.#makeTemplate(lane, uploadLimit)));
    const { home: from, kept } = await template;
    fs.cpSync(from, home, { recursive: true });
    return { home, kept };
  }

  /** A path for a home that is not there yet. */
  emptyHome(): string {
    return path.join(this.folder, `home-${++this.#homes}`);
  }

  removeHome(home: string): void {
    fs.rmSync(home, { recursive: true, force: true });
  }

  /** @param options where it runs, if not on loopback, and what Node is started with. */
  start(
    order: Omit<VictimOrder, 'bootstrap' | 'host'>,
    { host = '127.0.0.1', bootstrap = this.bootstrap, ...options }: Partial<Place> & VictimOptions = {},
  ): Victim {
    const victim = new Victim(this.script, { ...order, bootstrap, host }, options);
    this.#victims.add(victim);
    void victim.exited.finally(() => this.#victims.delete(victim)).catch(() => undefined);
    return victim;
  }

  async close(): Promise<void> {
    for (const victim of this.#victims) victim.kill();
    await Promise.allSettled([...this.#victims].map(({ exited }) => exited));
    await this.engines.dispose();
    await this.dht.destroy();
    fs.rmSync(this.script, { force: true });
  }

  async #share(size: Size): Promise<Shared> {
    const folder = path.join(this.folder, 'shared', size);
    await writePeftAdapter(folder, SIZES[size]);
    const { id } = await this.seeder.engine.wish('share', { path: folder, rooms: ['lab'] });
    return sharedOf(this.seeder.home, id, folder);
  }

  async #makeTemplate(lane: number, uploadLimit: number): Promise<Template> {
    const { engine, home } = await this.engines.open(`template-${lane}`, { bootstrap: this.bootstrap });
    await engine.wish('joinRoom', { room: this.room, label: 'lab' });
    await engine.wish('setSetting', { key: 'transfer.uploadLimit', value: uploadLimit });
    const own = path.join(this.folder, 'own', String(lane));
    await writePeftAdapter(own, { seed: 100 + lane });
    await engine.wish('share', { path: own, rooms: ['lab'] });
    await this.engines.close(engine);
    return { home, kept: await readKept(home) };
  }
}

/** What a home knows of an adapter that it shares. */
export function sharedOf(home: string, id: string, folder: string): Shared {
  const known = path.join(home, 'shared', id);
  return {
    id,
    folder,
    manifest: parseManifest(fs.readFileSync(path.join(known, 'manifest.bin'))),
    chunkHashes: fs.readFileSync(path.join(known, 'chunks.bin')),
  };
}
