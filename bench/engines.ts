import type { EngineEvent, WishName, Wishes } from '../src/engine/wishes';
import type { Ground, Peer } from './ground';
import type { EngineCalls } from './peers/enginePeer';

/** How long something may take to show before the benchmark gives up on it. */
const APPEAR_MS = 30_000;

export interface EngineKind {
  /** False: chunks go on the connection of the room, also within one network. */
  readonly lane?: boolean;
  /** Its process can be asked for `usage`. */
  readonly isWatched?: boolean;
}

/** An engine in a process of its own, as a window has it. */
export class BenchEngine {
  readonly peer: Peer<EngineCalls>;

  private constructor(private readonly ground: Ground) {
    this.peer = ground.start<EngineCalls>('enginePeer');
  }

  /** The process only. */
  static unopened(ground: Ground): BenchEngine {
    return new BenchEngine(ground);
  }

  static async start(ground: Ground): Promise<BenchEngine> {
    const engine = new BenchEngine(ground);
    await engine.open();
    return engine;
  }

  /** @param home of an engine that was closed; otherwise it is somebody new. @returns milliseconds until it was ready. */
  async open(home = this.ground.newFolder(), { lane = true, isWatched = false }: EngineKind = {}): Promise<number> {
    const workerPath = isWatched ? this.ground.watchedWorkerPath : this.ground.workerPath;
    return await this.peer.ask('open', { home, workerPath, bootstrap: await this.ground.bootstrap(), lane });
  }

  async close(): Promise<void> {
    await this.peer.ask('close');
  }

  async wish<N extends WishName>(name: N, params: Wishes[N]['params']): Promise<Wishes[N]['result']> {
    return (await this.peer.ask('wish', { name, params })) as Wishes[N]['result'];
  }

  /** Where its events are now. */
  get mark(): number {
    return this.peer.mark;
  }

  /** @returns when it happened, after the mark. */
  async when(what: string, mark: number, fits: (event: EngineEvent) => boolean): Promise<number> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`${what} did not show in ${APPEAR_MS / 1000} s`)), APPEAR_MS);
    });
    try {
      return await Promise.race([this.peer.when(fits, mark), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  whenOffered(mark: number, room: string, id: string): Promise<number> {
    return this.when('an adapter', mark, (event) => isAbout(event, room) && event.added.includes(id));
  }

  whenWithdrawn(mark: number, room: string, id: string): Promise<number> {
    return this.when('a removal', mark, (event) => isAbout(event, room) && event.removed.includes(id));
  }
}

function isAbout(event: EngineEvent, room: string): event is EngineEvent & { type: 'adapters:available' } {
  return event.type === 'adapters:available' && event.room === room;
}
