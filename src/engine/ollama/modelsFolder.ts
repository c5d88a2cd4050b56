import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createReadStream, createWriteStream } from 'node:fs';
import { LoraSwarmError, storageError } from '../errors';
import { digestOf, readBlob, type Blob } from './digest';
import { CONFIG_TYPE, MANIFEST_TYPE, MODEL_LAYER } from './registry/imageManifest';
import { parseModelName, type ModelName } from './modelName';

/** A server under another account has to read what we write, whatever our umask. */
const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;

/** `manifests/<host>/<namespace>/<model>/<tag>` of a name. @throws {LoraSwarmError} `OLLAMA_MODEL_UNKNOWN` for no name. */
export function manifestPath(modelsFolder: string, model: string): string {
  const name = parseModelName(model);
  if (!name) throw new LoraSwarmError('OLLAMA_MODEL_UNKNOWN', 'This is not the name of an Ollama model.');
  return path.join(modelsFolder, 'manifests', ...pathParts(name));
}

export function blobPath(modelsFolder: string, digest: string): string {
  return path.join(modelsFolder, 'blobs', digest.replace(':', '-'));
}

export interface AddOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told of a file that a crash would leave, before it is there. */
  readonly onTemporary?: (file: string) => void;
}

/** Puts a file into the blobs under its digest, verified. One that is there and right stays. */
export async function addBlob(
  modelsFolder: string,
  file: string,
  { signal, onTemporary }: AddOptions = {},
): Promise<Blob> {
  const blob = await readBlob(file, signal);
  const target = blobPath(modelsFolder, blob.digest);
  if (await holds(target, blob)) return { ...blob, path: target };

  // Ollama takes this form of name for a download that did not end, and removes it at its next start.
  const partial = `${target}-partial-${randomBytes(4).toString('hex')}`;
  onTemporary?.(partial);
  try {
    await makeFolder(path.dirname(target));
    await pipeline(createReadStream(file), createWriteStream(partial, { flags: 'wx' }), { signal });
    if (!(await holds(partial, blob)))
      throw new LoraSwarmError('SOURCE_CHANGED', `${path.basename(file)} changed while it was copied. Try again.`);
    await finish(partial, target);
  } catch (error) {
    throw storageError(error, modelsFolder);
  } finally {
    await fs.rm(partial, { force: true });
  }
  return { ...blob, path: target };
}

/**
 * Writes a manifest under a new name, in one step: to a file beside `manifests/`, because Ollama lists whatever lies in
 * there, then renamed.
 *
 * @throws {LoraSwarmError} `OLLAMA_MODEL_EXISTS` when a model has the name, in whatever case of letters.
 */
export async function addManifest(
  modelsFolder: string,
  model: string,
  manifest: Buffer,
  { onTemporary }: AddOptions = {},
): Promise<void> {
  const target = manifestPath(modelsFolder, model);
  const temporary = path.join(modelsFolder, `.lora-swarm-${randomBytes(8).toString('hex')}.tmp`);
  onTemporary?.(temporary);
  try {
    await makeFolder(path.dirname(path.dirname(target)));
    await refuseTaken(target, model);
    await fs.writeFile(temporary, manifest, { flag: 'wx' });
    await makeFolder(path.dirname(target));
    await linkNew(temporary, target, model);
  } catch (error) {
    throw storageError(error, modelsFolder);
  } finally {
    await fs.rm(temporary, { force: true });
  }
}

/** Whether we may have made this file, and nobody needs it once the install has ended. */
export function isTemporaryFile(file: string): boolean {
  return /^(\.lora-swarm-[0-9a-f]{16}\.tmp|sha256-[0-9a-f]{64}-partial-[0-9a-f]{8})$/.test(path.basename(file));
}

/**
 * Puts a base model of one GGUF file into a models folder, without a server: for folders of our own, as in the demo.
 *
 * @param family GGUF architecture, `llama` for example.
 */
export async function importBase(
  modelsFolder: string,
  base: { readonly model: string; readonly gguf: string; readonly family: string },
): Promise<Blob> {
  const weights = await addBlob(modelsFolder, base.gguf);
  const config = Buffer.from(
    JSON.stringify({
      model_format: 'gguf',
      model_family: base.family,
      model_families: [base.family],
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [weights.digest] },
    }),
  );
  const configDigest = digestOf(config);
  await fs.writeFile(blobPath(modelsFolder, configDigest), config, { mode: FILE_MODE });
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: {
      mediaType: CONFIG_TYPE,
      digest: configDigest,
      size: config.byteLength,
    },
    layers: [{ mediaType: MODEL_LAYER, digest: weights.digest, size: weights.bytes }],
  };
  await addManifest(modelsFolder, base.model, Buffer.from(JSON.stringify(manifest)));
  return weights;
}

function pathParts({ host, namespace, model, tag }: ModelName): string[] {
  return [host, namespace, model, tag];
}

async function holds(file: string, blob: Blob): Promise<boolean> {
  try {
    return (await readBlob(file)).digest === blob.digest;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}

/** Syncs and renames, so that a crash leaves the old state or the new one. */
async function finish(partial: string, target: string): Promise<void> {
  await fs.chmod(partial, FILE_MODE);
  const file = await fs.open(partial, 'r+');
  await file.sync().finally(() => file.close());
  await fs.rename(partial, target);
}

/** A hard link never replaces, unlike a rename. Where the file system has none, the check before has to do. */
async function linkNew(temporary: string, target: string, model: string): Promise<void> {
  await fs.chmod(temporary, FILE_MODE);
  try {
    await fs.link(temporary, target);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') throw taken(model);
    await refuseTaken(target, model);
    await finish(temporary, target);
  }
}

/** Ollama finds models whatever the case of their letters, so `LLAMA3` is taken when `llama3` is. */
async function refuseTaken(target: string, model: string): Promise<void> {
  const folder = await sameName(path.dirname(path.dirname(target)), path.basename(path.dirname(target)));
  if (folder !== undefined && (await sameName(folder, path.basename(target))) !== undefined) throw taken(model);
}

async function sameName(folder: string, name: string): Promise<string | undefined> {
  const found = (await fs.readdir(folder)).find((entry) => entry.toLowerCase() === name.toLowerCase());
  return found === undefined ? undefined : path.join(folder, found);
}

async function makeFolder(folder: string): Promise<void> {
  await fs.mkdir(folder, { recursive: true, mode: FOLDER_MODE });
}

function taken(model: string): LoraSwarmError {
  return new LoraSwarmError('OLLAMA_MODEL_EXISTS', `Ollama already has a model ${model}. Choose another name.`);
}
