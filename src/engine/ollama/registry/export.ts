import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { LoraSwarmError, storageError } from '../../errors';
import { checkSpace } from '../../store/space';
import { isLoopbackUrl } from '../address';
import { BlobReceiver, type WantedBlob } from './blobReceiver';
import type { OllamaClient } from '../client';
import { findTag } from '../findTag';
import { answerOf } from '../http';
import type { ImageManifest } from './imageManifest';
import { InstallLock } from '../install/installLock';
import { LoopbackRegistry } from './loopbackRegistry';
import { nameForRegistry, pushManifest } from './pushToUs';

const MAX_ATTEMPTS = 5;
const RETRY_MS = 250;
const CLEANUP_MS = 10_000;

/** Two exports of one blob at a time would share one upload, and one of them would wait for nothing. */
const exportsOf = new WeakMap<OllamaClient, InstallLock>();

/**
 * Writes a file that Ollama keeps for a model, weights or adapter, to `outFile`. Works without access to Ollama's folders: Ollama
 * is told to push the model to a registry of ours on this machine, which has every layer but the wanted one.
 *
 * The model stays as it is. Bytes are checked against the digest; `outFile` is there when all of them are, and not before.
 *
 * @param digest `sha256:<hex>` of a layer of `model`
 * @throws {LoraSwarmError} `OLLAMA_MODEL_UNKNOWN`, `OLLAMA_ROUTE_UNAVAILABLE` when Ollama can't push to us, `STORE_FULL`,
 * `OLLAMA_FAILED`, and what `OllamaClient` throws.
 */
export async function exportBlob(
  client: OllamaClient,
  model: string,
  digest: string,
  outFile: string,
  signal?: AbortSignal,
  onProgress: (bytesDone: number, bytesTotal: number) => void = () => undefined,
): Promise<void> {
  const lock = exportsOf.get(client) ?? new InstallLock();
  exportsOf.set(client, lock);
  await lock.run(() => exportNow(client, model, digest, outFile, signal, onProgress), signal);
}

async function exportNow(
  client: OllamaClient,
  model: string,
  digest: string,
  outFile: string,
  signal: AbortSignal | undefined,
  onProgress: (bytesDone: number, bytesTotal: number) => void,
): Promise<void> {
  const partial = `${outFile}.part`;
  try {
    await withRegistry(client, model, signal, async (registry) => {
      const wanted = layerOf(await pushManifest(client, registry, unavailable, undefined, signal), digest, model);
      await checkSpace(dirname(outFile), wanted.bytes);
      await receiveBlob(client, registry, wanted, partial, signal, onProgress);
    });
    await rename(partial, outFile);
  } catch (error) {
    await rm(partial, { force: true });
    throw storageError(error, outFile);
  }
}

/** The model under a name that lives on a registry of ours, for as long as `use` runs. */
async function withRegistry(
  client: OllamaClient,
  model: string,
  signal: AbortSignal | undefined,
  use: (registry: LoopbackRegistry) => Promise<void>,
): Promise<void> {
  if (!isLoopbackUrl(client.url)) throw unavailable('it runs on another machine');
  const tag = await findTag(client, model, signal);
  const registry = new LoopbackRegistry();
  await registry.open();
  const staged = registry.model;
  try {
    await nameForRegistry(client, tag.name, registry, unavailable, signal);
    await use(registry);
  } finally {
    // Also after a cancel. What stays all the same is ours by its name, and goes with the next install.
    await client.delete(staged, AbortSignal.timeout(CLEANUP_MS)).catch(() => undefined);
    await registry.close();
  }
}

function layerOf({ layers }: ImageManifest, digest: string, model: string): WantedBlob {
  const layer = layers.find((one) => one.digest === digest);
  if (!layer)
    throw new LoraSwarmError('OLLAMA_FAILED', `${model} has changed in Ollama meanwhile. Try again.`, {
      kind: 'retry',
    });
  return { digest, bytes: layer.size };
}

async function receiveBlob(
  client: OllamaClient,
  registry: LoopbackRegistry,
  wanted: WantedBlob,
  file: string,
  signal: AbortSignal | undefined,
  onProgress: (bytesDone: number, bytesTotal: number) => void,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await receiveOnce(client, registry, wanted, file, signal, onProgress);
      return;
    } catch (error) {
      // One that was cancelled a moment ago may still be ending in Ollama, and takes this one with it.
      const isOther = /context cancell?ed/.test(answerOf(error)?.text ?? '');
      if (!isOther || attempt === MAX_ATTEMPTS) throw error;
      await setTimeout(RETRY_MS, undefined, signal ? { signal } : {});
    }
  }
}

async function receiveOnce(
  client: OllamaClient,
  registry: LoopbackRegistry,
  wanted: WantedBlob,
  file: string,
  signal: AbortSignal | undefined,
  onProgress: (bytesDone: number, bytesTotal: number) => void,
): Promise<void> {
  const handle = await open(file, 'w', 0o600);
  const failed = new AbortController();
  try {
    const receiver = new BlobReceiver(
      wanted,
      handle,
      (error) => failed.abort(error),
      (done) => onProgress(done, wanted.bytes),
    );
    registry.receive(receiver);
    await client.push(registry.model, undefined, signal ? AbortSignal.any([signal, failed.signal]) : failed.signal);
    if (!receiver.isDone)
      throw new LoraSwarmError('OLLAMA_FAILED', 'Ollama did not hand over the file of the model. Try again.', {
        kind: 'retry',
      });
  } finally {
    await handle.close();
  }
}

function unavailable(why: string, cause?: unknown): LoraSwarmError {
  return new LoraSwarmError(
    'OLLAMA_ROUTE_UNAVAILABLE',
    `The files of this Ollama cannot be read: its folder is closed to this program, and it cannot hand them over, because ${why}.`,
    undefined,
    { cause },
  );
}
