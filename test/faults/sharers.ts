import { sharedOf, type Ground, type Shared } from './ground';
import type { Victim } from './process';

/** Processes that share one adapter, and may be killed, stopped and started again. */
export class Sharers {
  readonly #running: Victim[] = [];

  private constructor(
    private readonly ground: Ground,
    private readonly homes: readonly string[],
    readonly adapter: Shared,
    private readonly lane: boolean,
  ) {}

  /**
   * @param first number of the first one's identity.
   * @param lane false: only over the connection of the room, which nobody tells when its other end dies.
   */
  static async start(
    ground: Ground,
    { count, first, lane }: { readonly count: number; readonly first: number; readonly lane: boolean },
  ): Promise<Sharers> {
    const folder = await ground.writeAdapter('middle', first);
    const homes: string[] = [];
    for (let i = 0; i < count; i++) homes.push((await ground.newHome(first + i)).home);
    const victims = homes.map((home) => ground.start({ home, share: folder, lane }));
    const words = await Promise.all(victims.map((victim) => victim.until((word) => word.kind === 'shared')));
    const [word] = words;
    if (word?.kind !== 'shared') throw new Error('nothing was shared');
    const sharers = new Sharers(ground, homes, sharedOf(homes[0]!, word.id, folder), lane);
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
    const victim = this.ground.start({ home: this.homes[index]!, lane: this.lane });
    this.#running[index] = victim;
    await victim.until((word) => word.kind === 'opened');
  }

  async end(): Promise<void> {
    for (const victim of this.#running) victim.kill();
    await Promise.all(this.#running.map(({ exited }) => exited));
    for (const home of this.homes) this.ground.removeHome(home);
  }
}
