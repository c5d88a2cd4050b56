import { terminalText } from '../format';
import type { Output } from '../output';

const NAME_WIDTH = 9;
const INDENT = ' '.repeat(NAME_WIDTH + 11);

/** Says what was done, step by step, each with the seconds since the one before. */
export class Steps {
  readonly #began = performance.now();
  #last = this.#began;

  constructor(private readonly output: Output) {}

  /** Since the start. */
  get seconds(): number {
    return round((performance.now() - this.#began) / 1000);
  }

  /** `lines` are for people; the first stands beside the step's name. */
  done(step: string, fields: object, ...lines: readonly string[]): void {
    const now = performance.now();
    const seconds = round((now - this.#last) / 1000);
    this.#last = now;
    const head = `${seconds.toFixed(2).padStart(6)} s  ${step.padEnd(NAME_WIDTH)} `;
    this.output.step(
      step,
      { seconds, ...fields },
      lines.map((line, at) => `${at === 0 ? head : INDENT}${terminalText(line)}`),
    );
  }
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
