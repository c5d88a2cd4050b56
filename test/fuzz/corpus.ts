import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(__dirname, 'corpus');

export interface CorpusInput {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Inputs that are kept: each did harm once, or is at a limit. Named after what they are. */
export function readCorpus(target: string): CorpusInput[] {
  const folder = join(FOLDER, target);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => ({ name, bytes: readFileSync(join(folder, name)) }));
}

/** Keeps an input, to be given a name. @returns its path. */
export function keepInput(folder: string, target: string, name: string, bytes: Uint8Array): string {
  const path = join(folder, target, name);
  mkdirSync(join(folder, target), { recursive: true });
  writeFileSync(path, bytes);
  return path;
}
