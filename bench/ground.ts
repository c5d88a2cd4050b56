import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import type { Testnet } from 'hyperdht/testnet';
import { localDht } from '../test/helpers/testRooms';
import type { Calls, Reply } from './peers/calls';
import { RIVALS_FOLDER } from './rivals';

const PEERS = [
  ...(['enginePeer', 'pipePeer', 'loadPeer', 'convertPeer'] as const),
  ...(['torrentPeer', 'drivePeer', 'watchedWorker'] as const),
] as const;
export type PeerName = (typeof PEERS)[number];

const ROOT = path.resolve(import.meta.dirname, '..');

/** The place of one benchmark run: a folder, a DHT on loopback, processes. `dispose` leaves nothing of it. */
export class Ground {
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lora-swarm-bench-'));
  /** A copy of the built product: what is measured stays the same while somebody builds. */
  readonly dist = path.join(this.folder, 'dist');
  readonly #peers = new Set<Peer<Calls>>();
  readonly #ends: (() => Promise<void>)[] = [];
  #dht: Promise<Testnet> | undefined;
  #made = 0;
  #disposing: Promise<void> | undefined;

  get workerPath(): string {
    return path.join(this.dist, 'worker.js');
  }

  /** The same, with a watch of the event loop that `enginePeer` asks. */
  get watchedWorkerPath(): string {
    return path.join(this.folder, 'peers', 'watchedWorker.js');
  }

  async prepare(): Promise<this> {
    fs.cpSync(path.join(ROOT, 'dist'), this.dist, { recursive: true });
    await build({
      entryPoints: {
        ...Object.fromEntries(PEERS.map((name) => [name, path.join(import.meta.dirname, 'peers', `${name}.ts`)])),
        mergeThread: path.join(ROOT, 'src/engine/adapter/merge/writing/mergeThread.ts'), // Looked for beside whoever merges.
      },
      bundle: true,
      packages: 'external', // Found through NODE_PATH; the native ones can't be bundled.
      platform: 'node',
      format: 'cjs',
      outdir: path.join(this.folder, 'peers'),
      logLevel: 'warning',
    });
    return this;
  }

  /** `HOST:PORT` of the nodes of a DHT of ten, in this process. */
  async bootstrap(): Promise<string[]> {
    const { bootstrap } = await (this.#dht ??= localDht());
    return bootstrap.map(({ host, port }) => `${host}:${port}`);
  }

  /** A folder that nobody has used. */
  newFolder(parent = this.folder): string {
    const folder = path.join(parent, `folder-${this.#made++}`);
    fs.mkdirSync(folder);
    return folder;
  }

  /** Starts a process of its own, without the loader and the memory of this one. */
  start<C extends Calls>(name: PeerName): Peer<C> {
    return this.run(this.scriptOf(name));
  }

  scriptOf(name: PeerName): string {
    return path.join(this.folder, 'peers', `${name}.js`);
  }

  /** As `start`, of any script that was built. @param launcher a program and its arguments that become Node in the end. */
  run<C extends Calls>(script: string, launcher: readonly string[] = []): Peer<C> {
    this.#checkOpen();
    const peer = new Peer<C>(script, launcher);
    this.#peers.add(peer);
    void peer.exited.then(() => this.#peers.delete(peer));
    return peer;
  }

  /** What `dispose` ends too, after the processes. */
  onDispose(end: () => Promise<void>): void {
    this.#checkOpen();
    this.#ends.push(end);
  }

  dispose(): Promise<void> {
    return (this.#disposing ??= this.#dispose());
  }

  /** Whoever is stopped in the middle must not begin anything new, which nobody would end. */
  #checkOpen(): void {
    if (this.#disposing) throw new Error('The benchmark was stopped.');
  }

  async #dispose(): Promise<void> {
    await Promise.all([...this.#peers].map((peer) => peer.kill()));
    for (const end of this.#ends.splice(0)) await end();
    await (await this.#dht)?.destroy();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A process that is measured, and what it can be asked. */
export class Peer<out C extends Calls> {
  readonly exited: Promise<unknown>;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  readonly #heard: { readonly at: number; readonly event: unknown }[] = [];
  readonly #listeners = new Set<() => void>();
  #last = 0;

  constructor(script: string, launcher: readonly string[] = []) {
    const [program, ...args] = [...launcher, process.execPath, script];
    this.#child = spawn(program, args, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        NODE_PATH: [path.join(ROOT, 'node_modules'), RIVALS_FOLDER].join(path.delimiter),
      },
    });
    this.exited = once(this.#child, 'exit');
    this.#child.on('message', (message) => this.#hear(message as Reply));
    void this.exited.then(() => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${path.basename(script)} ended`));
    });
  }

  ask<N extends keyof C & string>(name: N, ...params: Parameters<C[N]>): ReturnType<C[N]> {
    const id = ++this.#last;
    const reply = new Promise<never>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#child.send({ id, name, params: params[0] });
    return reply as unknown as ReturnType<C[N]>;
  }

  /** Where its events are now, for `when`. */
  get mark(): number {
    return this.#heard.length;
  }

  /** @returns when the first event after the mark that fits came, by the clock of this process. */
  async when(fits: (event: never) => boolean, mark: number): Promise<number> {
    for (;;) {
      const found = this.#heard.slice(mark).find(({ event }) => fits(event as never));
      if (found) return found.at;
      await new Promise<void>((resolve) => this.#listeners.add(resolve));
    }
  }

  /** As a crash does. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  #hear(reply: Reply): void {
    if ('event' in reply) {
      this.#heard.push({ at: performance.now(), event: reply.event });
      const listeners = [...this.#listeners];
      this.#listeners.clear();
      for (const listener of listeners) listener();
      return;
    }
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ('error' in reply) waiting?.reject(new Error(reply.error));
    else waiting?.resolve(reply.result as never);
  }
}
