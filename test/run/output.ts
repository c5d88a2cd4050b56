import fs from 'node:fs';

/** What a stage and its programs say. */
export interface Output {
  /** For the output of a program: a file, or our own. */
  readonly target: number | 'inherit';
  say(line: string): void;
  /** Nothing more comes. */
  end(): void;
}

/** Says it at once: of a stage that runs alone. */
export const directly: Output = {
  target: 'inherit',
  say: (line) => console.log(line),
  end: () => undefined,
};

/** Keeps it in a file until the end and says it as one piece then: of a stage that has others beside it. */
export class KeptOutput implements Output {
  static readonly #open = new Set<KeptOutput>();
  readonly target: number;

  constructor(private readonly file: string) {
    this.target = fs.openSync(file, 'a');
    KeptOutput.#open.add(this);
  }

  /** Says what is there of all that have not ended. */
  static endAll(): void {
    for (const output of this.#open) output.end();
  }

  say(line: string): void {
    fs.writeSync(this.target, `${line}\n`);
  }

  end(): void {
    if (!KeptOutput.#open.delete(this)) return;
    fs.closeSync(this.target);
    process.stdout.write(fs.readFileSync(this.file));
    fs.rmSync(this.file);
  }
}
