import { sharedOf, type Ground, type Place, type Shared, type Size } from './ground';
import type { Victim, VictimOptions } from './process';

interface SharersOptions {
  readonly count: number;
  /** Number of the first one's identity. */
  readonly first: number;
  /** False: only over the connection of the room, which nobody tells when its other end dies. */
  readonly lane: boolean;
  readonly place?: Partial<Place> & VictimOptions;
  readonly size?: Size;
  /** What they share, when it is none of the usual sizes. */
  readonly folder?: string;
  readonly uploadLimit?: number;
}

/** Processes that share one adapter, and may be killed, stopped and started again. */
export class Sharers {
  readonly #running: Victim[] = [];

  private constructor(
    private readonly ground: Ground,
    private readonly homes: readonly string[],
    readonly adapter: Shared,
    private readonly lane: boolean,
    private readonly place: Partial<Place> & VictimOptions,
  ) {}

  static async start(
    ground: Ground,
    { count, first, lane, place = {}, size = 'middle', folder: given, uploadLimit }: SharersOptions,
  ): Promise<Sharers> {
    const folder = given ?? (await ground.writeAdapter(size, first));
    const homes: string[] = [];
    for (let i = 0; i < count; i++)
      homes.push((await ground.newHome(first + i, { ...(uploadLimit !== undefined && { uploadLimit }) })).home);
    const victims = homes.map((home) => ground.start({ home, share: folder, lane }, place));
    const words = await Promise.all(victims.map((victim) => victim.until((word) => word.kind === 'shared')));
    const [word] = words;
    if (word?.kind !== 'shared') throw new Error('nothing was shared');
    const sharers = new Sharers(ground, homes, sharedOf(homes[0]!, word.id, folder), lane, place);
    sharers.#running.push(...victims);
    return sharers;
  }

  at(index: number): Victim {
    return this.#running[index]!;
  }

  get all(): readonly Victim[] {
    return this.#running;
  }

  /** Starts one again that was killed. */
  async restart(index: number): Promise<void> {
    await this.at(index).exited;
    const victim = this.ground.start({ home: this.homes[index]!, lane: this.lane }, this.place);
    this.#running[index] = victim;
    await victim.until((word) => word.kind === 'opened');
  }

  async end(): Promise<void> {
    for (const victim of this.#running) victim.kill();
    await Promise.all(this.#running.map(({ exited }) => exited));
    for (const home of this.homes) this.ground.removeHome(home);
  }
}
