import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { LoraSwarmError } from '../../engine/errors';

export interface InferenceJob {
  readonly id: string;
  /** Path of a GGUF. */
  readonly model: string;
  readonly loras: readonly { readonly filePath: string }[];
  readonly prompts: readonly (readonly number[])[];
  /** How many tokens to go on with, the likeliest each time. */
  readonly generate: number;
}

/** Both with one entry for each prompt. */
export interface InferenceResult {
  /** Over the vocabulary, after the prompt. */
  readonly logits: readonly Float32Array[];
  readonly tokens: readonly (readonly number[])[];
}

/** Whether llama.cpp for Node was installed into this folder. */
export function hasInference(folder: string): boolean {
  return fs.existsSync(path.join(folder, 'node_modules', '.installed'));
}

/**
 * Runs jobs in llama.cpp, in a process of its own.
 *
 * @throws {LoraSwarmError} `DEMO_FAILED` when llama.cpp refuses one.
 */
export async function infer(
  folder: string,
  jobs: readonly InferenceJob[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, InferenceResult>> {
  const child = spawn(process.execPath, [path.join(folder, 'logits.mjs')], {
    cwd: folder,
    stdio: 'pipe',
    signal,
    killSignal: 'SIGKILL',
  });
  child.stdin.on('error', () => undefined); // It may be gone before it read everything.
  child.stdin.end(JSON.stringify(jobs));
  const [, output, log] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);

  const lines = output.split('\n').filter((line) => line.startsWith('{"id":'));
  const results = new Map(lines.map((line) => readResult(line)));
  if (jobs.every(({ id }) => results.has(id))) return results;
  throw failed('the process ended', log);
}

/** The largest difference of two runs over the same prompts. */
export function largestDifference(some: readonly Float32Array[], others: readonly Float32Array[]): number {
  return Math.max(
    ...some.map((values, prompt) => {
      const other = others[prompt];
      if (other?.length !== values.length) return NaN;
      return values.reduce((largest, value, at) => Math.max(largest, Math.abs(value - other[at]!)), 0);
    }),
  );
}

/** Base64 of little-endian 32-bit floats. */
export function readFloats(base64: string): Float32Array {
  return new Float32Array(Uint8Array.from(Buffer.from(base64, 'base64')).buffer);
}

function readResult(line: string): [id: string, result: InferenceResult] {
  const { id, logits, tokens, error } = JSON.parse(line) as {
    id: string;
    logits?: string[];
    tokens?: number[][];
    error?: string;
  };
  if (!logits || !tokens) throw failed(error ?? 'it gave no logits', '');
  return [id, { logits: logits.map(readFloats), tokens }];
}

function failed(why: string, log: string): LoraSwarmError {
  return new LoraSwarmError('DEMO_FAILED', `llama.cpp did not run the model: ${why}.`, undefined, { cause: log });
}
