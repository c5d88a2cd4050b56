import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readGgufHeader } from '../../adapter/gguf';
import { LoraSwarmError } from '../../errors';
import type { Tag } from '../answers';
import type { OllamaClient } from '../client';
import { exportBlob } from './export';
import { findTag } from '../findTag';

/**
 * Gives the weights of a model as a file, for the time of `use`: Ollama's own blob where it can be read, which must not be
 * written to, else a copy that Ollama hands over. The copy is a full base on the disk of `scratchFolder` and goes afterwards.
 *
 * @param onProgress told only while Ollama hands over a copy
 * @throws {LoraSwarmError} `OLLAMA_MODEL_UNKNOWN`, `BASE_UNFIT` when its weights are not one GGUF file here, and as `exportBlob`.
 */
export async function withBaseFile<T>(
  client: OllamaClient,
  model: string,
  scratchFolder: string,
  use: (path: string) => Promise<T>,
  signal?: AbortSignal,
  onProgress?: (bytesDone: number, bytesTotal: number) => void,
): Promise<T> {
  const tag = await findTag(client, model, signal);
  const { layers, isRemote } = await client.show(tag.name, {}, signal);
  const { weights } = layers;
  if (isRemote || !weights)
    throw new LoraSwarmError('BASE_UNFIT', `${tag.name} has no weights on this machine. Choose another base.`);
  const inPlace = await readableBlob(weights.path, weights.digest, tag);
  if (inPlace !== undefined) return use(inPlace);

  await mkdir(scratchFolder, { recursive: true, mode: 0o700 });
  const copy = join(scratchFolder, `${weights.digest.replace(':', '-')}.gguf`);
  try {
    await exportBlob(client, tag.name, weights.digest, copy, signal, onProgress);
    return await use(copy);
  } finally {
    await rm(copy, { force: true });
  }
}

/**
 * Where a blob of a model lies, when it can be read here. All blobs lie in one folder, and `show` tells the path of the weights; but
 * a server in a container, or under another account, has other folders. So the name has to be the digest, and the file a GGUF that
 * is not cut off and not larger than the whole model.
 */
export async function readableBlob(
  weightsPath: string | undefined,
  digest: string,
  model: Pick<Tag, 'bytes'>,
): Promise<string | undefined> {
  const name = digest.replace(':', '-');
  const path = weightsPath?.replace(/sha256[-:][0-9a-f]{64}$/, name);
  if (path === undefined || basename(path) !== name) return undefined;
  try {
    const { fileBytes } = await readGgufHeader(path);
    return fileBytes <= model.bytes ? path : undefined;
  } catch {
    return undefined; // Ollama's own copy is then asked for; if that is damaged too, it is found there.
  }
}
