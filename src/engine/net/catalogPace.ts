import type { Disposable } from '../lifecycle';
import { MAX_PEER_ENTRIES } from './messages';
import { MessageBudget } from './messageBudget';

/** Each entry costs the check of a signature. Four whole lists at once, then one in 25 s. */
const ENTRIES_AT_ONCE = 4 * MAX_PEER_ENTRIES;
const ENTRIES_PER_SECOND = 20;
/** After that there is budget for a whole list again. */
export const PASS_OVER_MS = 30_000;
/** Between two whole lists that we tell: a question of three bytes is answered by hundreds of kilobytes. */
const TELL_MS = 5_000;

/** How many entries a peer may bring on one link. */
export const entryBudget = (): MessageBudget => new MessageBudget(ENTRIES_PER_SECOND, ENTRIES_AT_ONCE);

/** Does something at once, and when it is asked again soon after, once more later. */
export class Paced implements Disposable {
  #timer: NodeJS.Timeout | undefined;
  #isAskedAgain = false;

  constructor(private readonly work: () => void) {}

  ask(): void {
    if (this.#timer) {
      this.#isAskedAgain = true;
      return;
    }
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (!this.#isAskedAgain) return;
      this.#isAskedAgain = false;
      this.ask();
    }, TELL_MS);
    this.#timer.unref();
    this.work();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isAskedAgain = false;
  }
}
