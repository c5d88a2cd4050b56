import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { build } from 'esbuild';
import type { GetRequest, WishName, Wishes } from '../../src/engine/wishes';
import type { Ground, Peer } from '../ground';
import type { Calls } from '../peers/calls';
import type { TorrentCalls } from '../peers/torrentPeer';
import { DelayedLink, LOOPBACK, type LinkEnd, type LinkOptions } from './delayedLink';
import type { DhtCalls } from './peers/dhtPeer';
import type { Got, LinkCalls, Sample } from './peers/linkPeer';

const PEERS = ['linkPeer', 'dhtPeer', 'streamPeer', 'echoPeer'] as const;
/** How long something may take to show. */
const APPEAR_MS = 30_000;
/** Between two looks at what an engine shows. */
const LOOK_MS = 20;
/** The fast connection of a network is tried when two have met; it is there well before this. */
const LANE_MS = 1_000;

export interface EngineOptions {
  readonly end?: LinkEnd;
  /** False: only the connection of the rooms. */
  readonly lane?: boolean;
  /** Where its storage folder is made; otherwise where the benchmark has its own. */
  readonly place?: string | undefined;
}

/** Processes that meet on loopback, or at the ends of a link with delay and a DHT of its own. */
export class Stage {
  readonly #ground: Ground;
  readonly #folder: string;
  readonly #link: DelayedLink | undefined;
  readonly #bootstrap: readonly string[];
  readonly #peers: Peer<Calls>[] = [];
  readonly #homes: string[] = [];

  private constructor(ground: Ground, folder: string, link: DelayedLink | undefined, bootstrap: readonly string[]) {
    this.#ground = ground;
    this.#folder = folder;
    this.#link = link;
    this.#bootstrap = bootstrap;
  }

  static async onLoopback(ground: Ground): Promise<Stage> {
    return new Stage(ground, await built(ground), undefined, await ground.bootstrap());
  }

  static async onLink(ground: Ground, options: LinkOptions): Promise<Stage> {
    const folder = await built(ground);
    const link = await DelayedLink.open(ground, options);
    try {
      const dht = ground.run<DhtCalls>(path.join(folder, 'dhtPeer.js'), link.a.launcher);
      const stage = new Stage(ground, folder, link, await dht.ask('open', { host: link.a.address }));
      stage.#peers.push(dht);
      return stage;
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  /** Where who gives is. */
  get near(): LinkEnd {
    return this.#link?.a ?? LOOPBACK;
  }

  /** Where who takes is. */
  get far(): LinkEnd {
    return this.#link?.b ?? LOOPBACK;
  }

  get bootstrap(): readonly string[] {
    return this.#bootstrap;
  }

  run<C extends Calls>(name: (typeof PEERS)[number], end: LinkEnd): Peer<C> {
    return this.#run(path.join(this.#folder, `${name}.js`), end);
  }

  torrent(end: LinkEnd): Peer<TorrentCalls> {
    return this.#run(this.#ground.scriptOf('torrentPeer'), end);
  }

  async engine({ end = this.near, lane = true, place }: EngineOptions = {}): Promise<LinkEngine> {
    const home = this.#ground.newFolder(place);
    this.#homes.push(home);
    const peer = this.run<LinkCalls>('linkPeer', end);
    const { workerPath } = this.#ground;
    await peer.ask('open', { home, workerPath, bootstrap: this.#bootstrap, host: end.address, lane });
    return new LinkEngine(home, peer);
  }

  #run<C extends Calls>(script: string, { launcher }: LinkEnd): Peer<C> {
    const peer = this.#ground.run<C>(script, launcher);
    this.#peers.push(peer);
    return peer;
  }

  /** Ends all processes and removes what they wrote, and the link. */
  async close(): Promise<void> {
    await this.clear();
    await this.#link?.close();
  }

  /** Ends the engines, so that the next ones have the machine for themselves. */
  async clear(): Promise<void> {
    const dht = this.#link ? 1 : 0;
    await Promise.all(this.#peers.splice(dht).map((peer) => peer.kill()));
    for (const home of this.#homes.splice(0)) fs.rmSync(home, { recursive: true, force: true });
  }
}

/** An engine in a process of its own. */
export class LinkEngine {
  constructor(
    readonly home: string,
    readonly peer: Peer<LinkCalls>,
  ) {}

  async wish<N extends WishName>(name: N, params: Wishes[N]['params']): Promise<Wishes[N]['result']> {
    return (await this.peer.ask('wish', { name, params })) as Wishes[N]['result'];
  }

  async set(key: 'transfer.uploadLimit' | 'transfer.downloadLimit', bytesPerSecond: number): Promise<void> {
    await this.wish('setSetting', { key, value: bytesPerSecond });
  }

  /** A room that only this one is in. */
  createRoom(): Promise<{ room: string; code: string }> {
    return this.wish('createRoom', { label: 'bench' });
  }

  /** @returns content ids, in the order of the folders. */
  async share(room: string, folders: readonly string[]): Promise<string[]> {
    const ids: string[] = [];
    for (const [at, folder] of folders.entries())
      ids.push((await this.wish('share', { path: folder, rooms: [room], name: `adapter-${at}` })).id);
    return ids;
  }

  /** Joins by code and waits until so many peers offer each of these. */
  async meet(code: string, room: string, ids: readonly string[], peers = 1): Promise<void> {
    await this.wish('joinRoom', { room: code, label: 'bench' });
    const deadline = performance.now() + APPEAR_MS;
    for (const id of ids)
      while (!(await this.#isOffered(room, id, peers))) {
        if (performance.now() > deadline) throw new Error(`${id.slice(0, 8)} is not offered by ${peers}`);
        await setTimeout(LOOK_MS);
      }
    await setTimeout(LANE_MS);
  }

  /** A download to its end. */
  async get(request: GetRequest): Promise<Got> {
    const got = await this.peer.ask('get', request);
    if (!got) throw new Error('the download was stopped');
    return got;
  }

  samples(): Promise<readonly Sample[]> {
    return this.peer.ask('samples');
  }

  async #isOffered(room: string, id: string, peers: number): Promise<boolean> {
    for (let offset = 0; ; offset += 200) {
      const { adapters, total } = await this.wish('list', { room, offset, limit: 200 });
      const found = adapters.find((adapter) => adapter.id === id);
      if (found) return found.sources.length >= peers;
      if (offset + 200 >= total) return false;
    }
  }
}

const builds = new WeakMap<Ground, Promise<string>>();

function built(ground: Ground): Promise<string> {
  let folder = builds.get(ground);
  if (!folder) builds.set(ground, (folder = buildPeers(ground)));
  return folder;
}

async function buildPeers(ground: Ground): Promise<string> {
  const folder = path.join(ground.folder, 'linkPeers');
  await build({
    entryPoints: PEERS.map((name) => path.join(import.meta.dirname, 'peers', `${name}.ts`)),
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'cjs',
    outdir: folder,
    logLevel: 'warning',
  });
  return folder;
}
