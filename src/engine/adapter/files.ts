import { open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { LoraSwarmError } from '../errors';
import { quoted } from './problems';

/** The files of one adapter. */
export interface AdapterFiles {
  readonly weightsPath: string;
  /** What the name or the first bytes say; PEFT and MLX are told apart by config and tensors. */
  readonly container: 'safetensors' | 'gguf';
  readonly configPath?: string;
  readonly cardPath?: string;
}

export const CONFIG_NAME = 'adapter_config.json';
const CARD_NAME = 'README.md';
/** Weights by the names that trainers give them, best first. */
const WEIGHTS_NAMES = ['adapter_model.safetensors', 'adapters.safetensors'];
/** A folder with more is no folder of adapters. */
const MAX_SUBFOLDERS = 1000;
const PICKLE_NAMES = /\.(bin|pt|pth|pkl|ckpt)$/i;

/**
 * Finds weights, config and card of an adapter. `path` is its folder, the folder around it, its weights or its config.
 *
 * @throws {LoraSwarmError} `ADAPTER_NOT_FOUND`, `ADAPTER_PICKLE`.
 */
export async function adapterFiles(path: string): Promise<AdapterFiles> {
  const absolute = resolve(path);
  const stats = await stat(absolute).catch((error: unknown) => {
    throw new LoraSwarmError('ADAPTER_NOT_FOUND', `${absolute} does not exist.`, undefined, { cause: error });
  });
  if (stats.isDirectory()) return inFolder(absolute);
  if (basename(absolute) === CONFIG_NAME) return inFolder(dirname(absolute));
  return aroundWeights(absolute, await namesIn(dirname(absolute)));
}

/** What the first bytes of a file say it is. */
export async function fileKind(path: string): Promise<'safetensors' | 'gguf' | 'pickle' | 'unknown'> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw new LoraSwarmError('ADAPTER_UNREADABLE', `${path} cannot be opened.`, undefined, { cause: error });
  });
  try {
    const bytes = Buffer.alloc(9);
    const { bytesRead } = await handle.read(bytes, 0, 9, 0);
    if (bytes.toString('latin1', 0, 4) === 'GGUF') return 'gguf';
    // A header of less than 16 MiB leaves the upper half of its length zero, which no pickle starts with.
    if (bytesRead === 9 && bytes.readUInt32LE(4) === 0 && bytes[8] === 0x7b) return 'safetensors';
    const isZip = bytes.toString('latin1', 0, 2) === 'PK';
    const isPickle = bytes[0] === 0x80 && bytes[1]! >= 1 && bytes[1]! <= 5;
    return isZip || isPickle ? 'pickle' : 'unknown';
  } finally {
    await handle.close();
  }
}

/** Which adapter files a folder holds, by their names; `undefined` when none. */
export function weightsName(names: readonly string[]): string | undefined {
  return WEIGHTS_NAMES.find((name) => names.includes(name));
}

async function inFolder(folder: string): Promise<AdapterFiles> {
  const names = await namesIn(folder);
  const known = weightsName(names);
  if (known !== undefined) return aroundWeights(join(folder, known), names);

  const ggufs = names.filter((name) => extname(name).toLowerCase() === '.gguf');
  if (ggufs.length === 1) return aroundWeights(join(folder, ggufs[0]!), names);
  const pickle = names.find((name) => /^(adapter_model|adapters)\./.test(name) && PICKLE_NAMES.test(name));
  if (pickle !== undefined) throw pickleRefused(join(folder, pickle));

  const named = ggufs.length > 1 ? [] : await namedAdapters(folder, names);
  if (named.length === 1) return inFolder(join(folder, named[0]!));
  if (named.length > 1) throw severalAdapters(folder, named);
  const isInShards = names.some((name) => /-\d{5}-of-\d{5}\.safetensors$/.test(name));
  const hint =
    ggufs.length > 1
      ? 'It has several GGUF files: name one of them.'
      : isInShards
        ? 'Adapters in several files are not read: save it again as one.'
        : 'An adapter folder has adapter_model.safetensors (PEFT) or adapters.safetensors (MLX).';
  throw new LoraSwarmError('ADAPTER_NOT_FOUND', `${folder} holds no adapter. ${hint}`);
}

/** PEFT saves an adapter called NAME into FOLDER/NAME, trainers their checkpoints into FOLDER/checkpoint-N. */
async function namedAdapters(folder: string, names: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of names.slice(0, MAX_SUBFOLDERS)) {
    const inside = await readdir(join(folder, name)).catch((): string[] => []); // Files have nothing inside.
    if (weightsName(inside) !== undefined && inside.includes(CONFIG_NAME)) found.push(name);
  }
  return found;
}

function severalAdapters(folder: string, names: readonly string[]): LoraSwarmError {
  const some = names.slice(0, 8).map((name) => quoted(name));
  const list = names.length > some.length ? [...some, '…'] : some;
  return new LoraSwarmError(
    'ADAPTER_NOT_FOUND',
    `${folder} holds several adapters, each in a folder of its own: name one of ${list.join(', ')}.`,
  );
}

async function aroundWeights(weightsPath: string, siblings: readonly string[]): Promise<AdapterFiles> {
  if (PICKLE_NAMES.test(weightsPath)) throw pickleRefused(weightsPath);
  const kind = await fileKind(weightsPath);
  if (kind === 'pickle') throw pickleRefused(weightsPath);
  const folder = dirname(weightsPath);
  return {
    weightsPath,
    container: kind === 'gguf' ? 'gguf' : 'safetensors',
    ...(siblings.includes(CONFIG_NAME) && kind !== 'gguf' ? { configPath: join(folder, CONFIG_NAME) } : {}),
    ...(siblings.includes(CARD_NAME) ? { cardPath: join(folder, CARD_NAME) } : {}),
  };
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    throw new LoraSwarmError('ADAPTER_UNREADABLE', `${folder} cannot be read.`, undefined, { cause: error });
  }
}

function pickleRefused(path: string): LoraSwarmError {
  return new LoraSwarmError(
    'ADAPTER_PICKLE',
    `${quoted(basename(path))} is a pickle, which can run code when it is opened. ` +
      'Load the adapter with PEFT and save it again: model.save_pretrained(folder, safe_serialization=True).',
  );
}
