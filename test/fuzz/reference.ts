import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export type ReferenceKind = 'safetensors' | 'gguf';

/** A Python with the parsers of PyPI: `LORA_SWARM_REFERENCE_PYTHON`, or what `.ci/install-reference-parsers.sh` made. */
export function findReferencePython(): string | undefined {
  const named = process.env['LORA_SWARM_REFERENCE_PYTHON'];
  const path = named ?? join(__dirname, '../../.vscode-test/reference/bin/python');
  return existsSync(path) ? path : undefined;
}

/** The parsers that whoever defined the formats publishes, in a process of their own. */
export class Reference {
  readonly #child: ChildProcess;
  #answer: ((line: string) => void) | undefined;
  #fail: (error: Error) => void = () => undefined;

  constructor(python: string) {
    this.#child = spawn(python, [join(__dirname, 'reference.py')], { stdio: ['pipe', 'pipe', 'ignore'] });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#answer?.(line));
    this.#child.on('exit', () => this.#fail(new Error('the reference parsers ended')));
  }

  /** @returns why it refuses the file; undefined when it takes it. */
  async refusal(kind: ReferenceKind, path: string): Promise<string | undefined> {
    const line = await new Promise<string>((resolve, reject) => {
      this.#answer = resolve;
      this.#fail = reject;
      this.#child.stdin!.write(`${kind} ${path}\n`);
    });
    return line === 'ok' ? undefined : line.slice(3);
  }

  async close(): Promise<void> {
    this.#fail = () => undefined;
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin!.end();
    await ended;
  }
}
