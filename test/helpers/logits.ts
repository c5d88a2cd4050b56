import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { join, resolve } from 'node:path';
import { existsSync } from 'node:fs';

const FOLDER = resolve(__dirname, '../inference');

export interface LogitsJob {
  readonly id: string;
  /** Path of the base GGUF. */
  readonly model: string;
  readonly loras?: readonly { readonly filePath: string; readonly scale?: number }[];
  /** Token ids, or text. */
  readonly prompts: readonly (readonly number[] | string)[];
  /** How many tokens to go on with, greedily. */
  readonly generate?: number;
}

export interface LogitsResult {
  /** One vector over the vocabulary for each prompt. Absent when the job failed. */
  readonly logits?: readonly Float32Array[];
  readonly tokens?: readonly (readonly number[])[];
  readonly text?: readonly string[];
  /** What llama.cpp said against it, or that it took its process along. */
  readonly error?: string;
}

/** Whether real inference can run here; `node test/inference/install.mjs` sees to it. */
export function hasInference(): boolean {
  return existsSync(join(FOLDER, 'node_modules', '.installed'));
}

/**
 * Runs jobs in llama.cpp, in a process of their own. When a job kills that process, it gets an error and the rest goes on in
 * a new one.
 */
export async function runLogits(jobs: readonly LogitsJob[]): Promise<ReadonlyMap<string, LogitsResult>> {
  const results = new Map<string, LogitsResult>();
  for (let rest = [...jobs]; rest.length > 0; rest = rest.filter(({ id }) => !results.has(id))) {
    const how = await runChild(rest, results);
    const killer = rest.find(({ id }) => !results.has(id));
    if (killer) results.set(killer.id, { error: `the process ended (${how})` });
  }
  return results;
}

async function runChild(jobs: readonly LogitsJob[], results: Map<string, LogitsResult>): Promise<string> {
  const child = spawn(process.execPath, [join(FOLDER, 'logits.mjs')], { cwd: FOLDER, stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<string>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code, signal) => done(String(signal ?? code)));
  });
  child.stdin.on('error', () => undefined); // It may be gone before it read everything.
  child.stdin.end(JSON.stringify(jobs));
  const [how, output] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  for (const line of output.split('\n')) if (line.startsWith('{"id":')) readResult(line, results);
  return how;
}

function readResult(line: string, results: Map<string, LogitsResult>): void {
  const { id, logits, ...rest } = JSON.parse(line) as { id: string; logits?: string[] } & Omit<LogitsResult, 'logits'>;
  results.set(id, { ...rest, ...(logits ? { logits: logits.map(floats) } : {}) });
}

/** Base64 of little-endian 32-bit floats, as gold files have them, too. */
export function floats(base64: string): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
  return new Float32Array(bytes.buffer);
}

/** The largest difference between two runs over the same prompts. NaN anywhere makes it NaN. */
export function largestDifference(some: readonly Float32Array[], others: readonly Float32Array[]): number {
  let largest = some.length === others.length ? 0 : NaN;
  for (const [prompt, values] of some.entries()) {
    const other = others[prompt];
    if (other?.length !== values.length) return NaN;
    for (const [token, value] of values.entries()) largest = Math.max(largest, Math.abs(value - other[token]!));
  }
  return largest;
}
