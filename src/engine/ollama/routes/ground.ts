import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { isLoopbackUrl } from '../address';
import type { OllamaClient } from '../client';
import type { InstallBase } from '../install/installJob';
import { manifestPath } from '../modelsFolder';
import { takesAdapters } from '../probe';

/** What a new model needs, before any of it is made. Estimated. */
export interface Needs {
  /** The LoRA GGUF, or why none can carry this adapter exactly. */
  readonly adapter: { readonly bytes: number } | { readonly problem: string };
  /** The merged GGUF, or why it can't be made. */
  readonly merged: { readonly bytes: number } | { readonly problem: string };
  /** Free on the disk where the merged GGUF is made. */
  readonly scratchFree?: number;
}

/** All that the routes decide by. */
export interface Ground {
  readonly url: string;
  readonly version: string;
  /** `create` takes adapters. */
  readonly takesAdapters: boolean;
  /** Runs on this machine, so that it reaches a registry of ours. */
  readonly isHere: boolean;
  readonly platform: NodeJS.Platform;
  readonly base: InstallBase;
  /** GGUF architecture of the base. */
  readonly architecture: string;
  /** Its models folder, where it is visible here under the same path. */
  readonly folder?: ModelsFolder | undefined;
  readonly needs: Needs;
}

export interface ModelsFolder {
  readonly path: string;
  readonly isWritable: boolean;
  /** Free on its disk, where the system tells. */
  readonly freeBytes?: number;
}

/** Looks at Ollama and at its folder. Changes nothing. @throws as `OllamaClient` */
export async function surveyGround(
  client: OllamaClient,
  given: Pick<Ground, 'base' | 'architecture' | 'needs' | 'version'>,
  signal?: AbortSignal,
): Promise<Ground> {
  const [takes, folder] = await Promise.all([takesAdapters(client, signal), findFolder(given.base)]);
  return {
    ...given,
    url: client.url,
    takesAdapters: takes,
    isHere: isLoopbackUrl(client.url),
    platform: process.platform,
    folder,
  };
}

/** The path is the server's own word. It is the same folder only if the base's manifest in it is the one that is served. */
async function findFolder(base: InstallBase): Promise<ModelsFolder | undefined> {
  if (!path.isAbsolute(base.weightsPath)) return undefined;
  const folder = path.dirname(path.dirname(base.weightsPath));
  try {
    const bytes = await fs.readFile(manifestPath(folder, base.name));
    if (createHash('sha256').update(bytes).digest('hex') !== base.manifest) return undefined;
  } catch {
    return undefined;
  }
  const freeBytes = await freeSpace(folder);
  return { path: folder, isWritable: await isWritable(folder), ...(freeBytes === undefined ? {} : { freeBytes }) };
}

/** Bytes that this user may still write there. `undefined` where the system does not tell. */
export async function freeSpace(folder: string): Promise<number | undefined> {
  return fs.statfs(folder).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => undefined,
  );
}

async function isWritable(folder: string): Promise<boolean> {
  const places = [folder, path.join(folder, 'blobs'), path.join(folder, 'manifests')];
  const results = await Promise.allSettled(places.map((place) => fs.access(place, fs.constants.W_OK)));
  return results.every(({ status }) => status === 'fulfilled');
}
