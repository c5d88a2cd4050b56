import { createHash } from 'node:crypto';
import { isContentId } from '../targets';

/** Adapters that somebody looked at in one session; the oldest are forgotten first. */
const MAX_PLACES = 2_000;

/**
 * What the keys of the Merge page stand for. The page is a browser page and gets no path to hand back: only keys that were
 * given out lead anywhere, and the same place has the same key in every window.
 */
export class MergePlaces {
  readonly #targets = new Map<string, string>();

  /** @param target Content id, path, or `ollama:MODEL`. */
  keyOf(target: string): string {
    if (isContentId(target)) return target;
    const key = `x${createHash('sha256').update(target).digest('hex').slice(0, 16)}`;
    this.#targets.delete(key);
    this.#targets.set(key, target);
    if (this.#targets.size > MAX_PLACES) this.#targets.delete(this.#targets.keys().next().value!);
    return key;
  }

  targetOf(key: string): string | undefined {
    return isContentId(key) ? key : this.#targets.get(key);
  }
}
