import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readGgufHeader } from '../adapter/gguf';
import { LoraSwarmError } from '../errors';
import type { Tag } from './answers';
import type { OllamaClient } from './client';
import { exportBlob } from './export';
import { findTag } from './findTag';

export interface BlobFileOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told only while a file is exported. */
  readonly onProgress?: ((bytesDone: number, bytesTotal: number) => void) | undefined;
}

/**
 * Gives the weights of a model as a file, for the time of `use`: Ollama's own blob where it can be read, which must not be
 * written to, else a copy that Ollama hands over. The copy is a full base on the disk of `scratchFolder` and goes afterwards.
 *
 * @throws {LoraSwarmError} `OLLAMA_MODEL_UNKNOWN`, `BASE_UNFIT` when its weights are not one GGUF file here, and as `exportBlob`.
 */
export async function withBaseFile<T>(
  client: OllamaClient,
  model: string,
  scratchFolder: string,
  use: (path: string) => Promise<T>,
  signal?: AbortSignal,
  onProgress?: BlobFileOptions['onProgress'],
): Promise<T> {
  const tag = await findTag(client, model, signal);
  const { layers, isRemote } = await client.show(tag.name, {}, signal);
  if (isRemote || !layers.weights)
    throw new LoraSwarmError('BASE_UNFIT', `${tag.name} has no weights on this machine. Choose another base.`);
  return withBlobFile(client, tag, layers.weights, scratchFolder, use, { signal, onProgress });
}

/** The same for any GGUF of a model. @param blob its digest, and where the server keeps it in its own file system */
export async function withBlobFile<T>(
  client: OllamaClient,
  tag: Tag,
  blob: { readonly digest: string; readonly path: string },
  scratchFolder: string,
  use: (path: string) => Promise<T>,
  { signal, onProgress }: BlobFileOptions = {},
): Promise<T> {
  if (await isReadableBlob(blob, tag.bytes)) return use(blob.path);

  await mkdir(scratchFolder, { recursive: true, mode: 0o700 });
  const copy = join(scratchFolder, `${blob.digest.replace(':', '-')}.gguf`);
  try {
    await exportBlob(client, tag.name, blob.digest, copy, signal, onProgress);
    return await use(copy);
  } finally {
    await rm(copy, { force: true });
  }
}

/**
 * Whether the path means here what it means to the server: a server in a container, or under another account, has other folders.
 * The name is the digest, the tensors end where the file does, and it is not larger than the whole model.
 */
async function isReadableBlob(
  { path, digest }: { readonly path: string; readonly digest: string },
  modelBytes: number,
): Promise<boolean> {
  if (basename(path) !== digest.replace(':', '-')) return false;
  try {
    const { fileBytes } = await readGgufHeader(path);
    return fileBytes <= modelBytes;
  } catch {
    return false; // Ollama's own copy is then asked for; if that is damaged too, it is found there.
  }
}
