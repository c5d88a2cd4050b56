import type { Disposable } from '../lifecycle';
import { draw } from './gossip/crowd';
import type { Swarm } from './swarm';

/** Sources enough: one more brings little when each gives what a line takes. */
const WANTED = 4;
/** A dial that nobody answers takes up to 13 s. */
const DIAL_AGAIN_MS = 10_000;

export interface HolderSearchParts {
  readonly swarm: Pick<Swarm, 'meet'>;
  /** Of the room in which they offer it. */
  readonly topic: Buffer;
  /** Who is said to have it, hex; they come and go. */
  readonly holders: () => readonly string[];
  /** Whether this peer is connected. */
  readonly isHere: (key: string) => boolean;
}

/** Dials those who are said to have an adapter and are not connected, a few at a time, until it is disposed. */
export class HolderSearch implements Disposable {
  readonly #timer: NodeJS.Timeout;

  constructor(private readonly parts: HolderSearchParts) {
    this.#timer = setInterval(() => this.#dial(), DIAL_AGAIN_MS);
    this.#timer.unref();
    this.#dial();
  }

  dispose(): void {
    clearInterval(this.#timer);
  }

  #dial(): void {
    const { swarm, topic, holders, isHere } = this.parts;
    const away = holders().filter((key) => !isHere(key));
    const missing = WANTED - (holders().length - away.length);
    for (const key of draw(away, Math.max(0, missing)))
      swarm.meet({ key: Buffer.from(key, 'hex'), take: () => [], topic });
  }
}
