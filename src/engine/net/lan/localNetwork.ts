import type { Disposable } from '../../lifecycle';
import { LanBeacon, type LanParts } from './lanBeacon';
import type { Swarm } from '../swarm';

export interface LocalNetworkParts extends Omit<LanParts, 'port'> {
  readonly swarm: Swarm;
}

/** Meets peers of the local network while a room is switched on that looks for them there. */
export class LocalNetwork {
  readonly #following: readonly Disposable[];
  #beacon: LanBeacon | undefined;

  constructor(private readonly parts: LocalNetworkParts) {
    const refresh = (): void => this.refresh();
    // Who was lost may be there at another address; it says so again, too, when it noticed.
    this.#following = [parts.swarm.onDidMove(refresh), parts.swarm.onDidLose(refresh)];
  }

  /** A room was switched on. @returns whether any network is there. */
  async meet(): Promise<boolean> {
    const { swarm } = this.parts;
    await swarm.listen();
    if (!this.#isWanted()) return false; // Left again meanwhile.
    const beacon = (this.#beacon ??= this.#make());
    await beacon.open();
    beacon.refresh();
    return beacon.isOnline;
  }

  /** Somebody may be waiting for us: says again that we are here. */
  refresh(): void {
    this.#beacon?.refresh();
  }

  /** Rooms were switched off: falls silent when nobody looks for peers here any more. */
  tidy(): void {
    if (!this.#isWanted()) void this.#hush();
  }

  async close(): Promise<void> {
    for (const each of this.#following) each.dispose();
    await this.#hush();
  }

  #isWanted(): boolean {
    return [...this.parts.rooms()].some(({ kind }) => kind !== 'general');
  }

  async #hush(): Promise<void> {
    const beacon = this.#beacon;
    this.#beacon = undefined;
    await beacon?.close();
  }

  #make(): LanBeacon {
    const { swarm } = this.parts;
    const beacon = new LanBeacon({ ...this.parts, port: () => swarm.port });
    beacon.onDidFind((peer) => swarm.meet(peer));
    return beacon;
  }
}
