import type { Disposable } from './lifecycle';

export type Event<T> = (listener: (event: T) => void) => Disposable;

/** One field per event, so a wrong name or payload does not compile: `onDidChange = this.#changed.event`. */
export class Emitter<T> implements Disposable {
  readonly #listeners = new Set<{ readonly call: (event: T) => void }>();

  readonly event: Event<T> = (call) => {
    const entry = { call }; // Own object: the same function may listen twice.
    this.#listeners.add(entry);
    return { dispose: () => void this.#listeners.delete(entry) };
  };

  get hasListeners(): boolean {
    return this.#listeners.size > 0;
  }

  fire(event: T): void {
    for (const entry of [...this.#listeners]) entry.call(event); // A copy: listeners may leave while we walk.
  }

  readonly dispose = (): void => {
    this.#listeners.clear();
  };
}
