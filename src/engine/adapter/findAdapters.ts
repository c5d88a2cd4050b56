import { readdir } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { LoraSwarmError } from '../errors';
import type { FoundAdapter } from '../wishes';
import { weightsName } from './files';
import { inspectAdapter } from './inspect';

/** Run folders nest as project/outputs/run/checkpoint: deeper ones are caches. */
const MAX_DEPTH = 6;
/** Enough for years of runs; a whole home folder stops here instead of taking minutes. */
const MAX_FOLDERS = 20_000;
const MAX_FOUND = 1000;
/** GGUF files have to be opened to tell adapters from models. */
const MAX_GGUFS_PER_FOLDER = 64;
const SKIPPED = new Set(['node_modules', '.git', '.venv', 'venv', '__pycache__']);

/** Finds adapters in folders of training runs. Links are not followed; what can't be read is passed over. */
export async function findAdapters(
  folders: readonly string[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly FoundAdapter[]> {
  const { signal } = options;
  const found: FoundAdapter[] = [];
  const seen = new Set<string>();
  const pending = folders.map((folder) => ({ folder: resolve(folder), depth: 0 }));
  for (
    let next = pending.shift();
    next && seen.size < MAX_FOLDERS && found.length < MAX_FOUND;
    next = pending.shift()
  ) {
    signal?.throwIfAborted();
    if (seen.has(next.folder)) continue;
    seen.add(next.folder);
    const { paths, subfolders } = await look(next.folder);
    for (const path of paths) {
      signal?.throwIfAborted();
      const adapter = await describe(path);
      if (adapter) found.push(adapter);
    }
    if (next.depth >= MAX_DEPTH) continue;
    for (const name of subfolders) pending.push({ folder: join(next.folder, name), depth: next.depth + 1 });
  }
  return found.slice(0, MAX_FOUND);
}

async function look(
  folder: string,
): Promise<{ readonly paths: readonly string[]; readonly subfolders: readonly string[] }> {
  try {
    const entries = (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1));
    const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    const ggufs = files.filter((name) => extname(name).toLowerCase() === '.gguf').slice(0, MAX_GGUFS_PER_FOLDER);
    return {
      paths: [...(weightsName(files) === undefined ? [] : [folder]), ...ggufs.map((name) => join(folder, name))],
      subfolders: entries.filter((entry) => entry.isDirectory() && !SKIPPED.has(entry.name)).map(({ name }) => name),
    };
  } catch {
    return { paths: [], subfolders: [] };
  }
}

async function describe(path: string): Promise<FoundAdapter | undefined> {
  try {
    const { format, baseModel, rank, bytes, problems } = await inspectAdapter(path);
    if (problems.some(({ severity }) => severity === 'refuse')) return undefined;
    return {
      path,
      format,
      ...(baseModel === undefined ? {} : { baseModel }),
      ...(rank === undefined ? {} : { rank }),
      bytes,
    };
  } catch (error) {
    if (error instanceof LoraSwarmError) return undefined;
    throw error;
  }
}
