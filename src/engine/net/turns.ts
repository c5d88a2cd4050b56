import { MAX_TURNS_WAITING } from '../limits';

/**
 * Work that peers set off and that takes long, a piece in each turn of the event loop: a window that asks meanwhile is answered
 * between two pieces. In the order in which it came.
 */
export class Turns {
  readonly #waiting: (() => void)[] = [];

  /** @param piece catches what goes wrong in it itself. */
  take(piece: () => void): void {
    this.#waiting.push(piece);
    // What waits holds the bytes of peers. Whoever brings more than that waits for the oldest, as without any turns.
    if (this.#waiting.length > MAX_TURNS_WAITING) this.#waiting.shift()!();
    else if (this.#waiting.length === 1) setImmediate(this.#next);
  }

  readonly #next = (): void => {
    const piece = this.#waiting.shift();
    if (this.#waiting.length > 0) setImmediate(this.#next);
    piece?.();
  };
}
