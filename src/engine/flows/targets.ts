import { stat } from 'node:fs/promises';
import { dirname, isAbsolute } from 'node:path';
import type { AdapterInfo, AdapterShape } from '../adapter/adapterInfo';
import { inspectAdapter } from '../adapter/inspect';
import { adapterShape } from '../adapter/shape';
import { hasCode } from '../errors';
import type { SignedRelease } from '../release/release';
import { findOllamaAdapter, isOllamaTarget } from './ollamaTarget';
import type { EngineParts } from './parts';

type HereParts = Pick<EngineParts, 'registry' | 'library'>;
type TargetParts = HereParts & Pick<EngineParts, 'catalog' | 'ollama' | 'store'>;

/** What somebody named by a path, an id or a name. */
export interface FoundTarget {
  /** Absent for files that are not shared and were not downloaded. */
  readonly id?: string;
  readonly release?: SignedRelease;
  /** Folder or file with the weights, when they are here. Only for reading. */
  readonly path?: string;
  /** For people, where the file has no name that says anything. */
  readonly name?: string;
  /** What the place where it was found tells of its base. */
  readonly base?: { readonly name?: string; readonly digest?: string };
}

/**
 * Finds files and adapters inside models of the local Ollama, then what is shared, downloaded, and offered.
 *
 * @throws {LoraSwarmError} `ID_UNKNOWN`, `ID_AMBIGUOUS`, and what `findOllamaAdapter` throws.
 */
export async function findAdapter(parts: TargetParts, target: string, signal?: AbortSignal): Promise<FoundTarget> {
  if (isOllamaTarget(target)) return findOllamaAdapter(parts, target, signal);
  if (isAbsolute(target) && (await exists(target))) return { path: target };
  const here = findHere(parts, target);
  if (here) return here;
  const entry = parts.catalog.find(target);
  return { id: entry.id, release: entry.release };
}

/** What is shared or was downloaded under this id or name. @throws {LoraSwarmError} `ID_AMBIGUOUS` */
export function findHere(
  { library, registry }: HereParts,
  target: string,
): (FoundTarget & { readonly id: string; readonly path: string }) | undefined {
  const item = orNothing(() => library.find(target));
  if (item) return { id: item.id, path: item.folder, ...(item.release ? { release: item.release } : {}) };
  const mine = orNothing(() => registry.find(target));
  // A folder may hold several adapters, so the file is named; its config and card are found beside it.
  if (mine) return { id: mine.id, path: mine.weightsPath, release: mine.release };
  return undefined;
}

/** Facts of a target that is here: read from its files. The base that was named otherwise counts when the files say none. */
export async function inspectTarget(
  target: FoundTarget & { readonly path: string },
  signal?: AbortSignal,
): Promise<AdapterInfo> {
  const baseModel = target.release?.release.shape.baseModel ?? target.base?.name;
  return inspectAdapter(target.path, {
    ...(baseModel === undefined ? {} : { baseModel }),
    ...(signal ? { signal } : {}),
  });
}

export async function shapeOf(target: FoundTarget, signal?: AbortSignal): Promise<AdapterShape> {
  const said = target.release?.release.shape;
  if (target.path === undefined) return said ?? { blocks: 0, dims: {} };
  const shape = adapterShape(await inspectTarget({ ...target, path: target.path }, signal));
  const baseDigest = said?.baseDigest ?? target.base?.digest;
  const baseFingerprint = said?.baseFingerprint;
  return {
    ...shape,
    ...(baseDigest === undefined ? {} : { baseDigest }),
    ...(baseFingerprint === undefined ? {} : { baseFingerprint }),
  };
}

export const folderOf = (weightsPath: string): string => dirname(weightsPath);

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function orNothing<T>(find: () => T): T | undefined {
  try {
    return find();
  } catch (error) {
    if (hasCode(error, 'ID_UNKNOWN')) return undefined;
    throw error;
  }
}
