import type { Shell } from './page';

/** Nobody can listen to more than that. */
const SPOKEN_EVERY_MS = 10_000;

/** Says how far something is to those who do not see it: what is new, at most every 10 s, and never an old word. */
export class ProgressVoice {
  #said = '';
  #next = '';
  #timer: number | undefined;

  constructor(private readonly shell: Pick<Shell, 'announce'>) {}

  say(text: string): void {
    this.#next = text;
    if (this.#timer === undefined) this.#speak();
  }

  dispose(): void {
    window.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #speak(): void {
    this.#timer = undefined;
    if (this.#next === this.#said) return;
    this.#said = this.#next;
    this.shell.announce(this.#said);
    this.#timer = window.setTimeout(() => this.#speak(), SPOKEN_EVERY_MS);
  }
}
