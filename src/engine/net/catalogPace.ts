import type { Disposable } from '../lifecycle';
import { ENTRIES_AT_ONCE, ENTRIES_PER_SECOND, WHOLE_LIST_MS } from '../limits';
import { MessageBudget } from './messageBudget';

/** After that there is budget for a whole list again. */
export const PASS_OVER_MS = 30_000;

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
    }, WHOLE_LIST_MS);
    this.#timer.unref();
    this.work();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isAskedAgain = false;
  }
}
