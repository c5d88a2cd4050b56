import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LoraSwarmError } from '../errors';
import { readableBlob } from '../ollama/registry/baseFile';
import type { OllamaClient } from '../ollama/client';
import { exportBlob } from '../ollama/registry/export';
import { findTag } from '../ollama/findTag';
import { listAdapters, type OllamaAdapter } from '../ollama/models';
import type { Store } from '../store/store';
import type { EngineParts } from './parts';

/** `ollama:MODEL` is the adapter inside a model, `ollama:MODEL#2` its second one. */
const TARGET = /^ollama:(?<model>.+?)(?:#(?<number>[1-9]\d{0,3}))?$/;

export interface FoundOllamaAdapter {
  /** Ollama's own file, only for reading, or a copy of ours. A LoRA GGUF, but its name may not say so. */
  readonly path: string;
  readonly name: string;
  readonly base: { readonly name?: string; readonly digest?: string };
}

export function isOllamaTarget(target: string): boolean {
  return TARGET.test(target);
}

export function ollamaTarget({ model, number }: Pick<OllamaAdapter, 'model' | 'number'>): string {
  return number === 1 ? `ollama:${model}` : `ollama:${model}#${number}`;
}

/**
 * The file of an adapter inside a model of the local Ollama. Where Ollama's folder is closed to us, Ollama hands over a copy, which
 * stays in our own temporary folder until the next start: whoever looks at an adapter goes on to use it.
 *
 * @throws {LoraSwarmError} `OLLAMA_MODEL_UNKNOWN`, `ADAPTER_NOT_FOUND` when the model carries none, and as `exportBlob`.
 */
export async function findOllamaAdapter(
  { ollama, store }: Pick<EngineParts, 'ollama' | 'store'>,
  target: string,
  signal?: AbortSignal,
): Promise<FoundOllamaAdapter> {
  const { client } = ollama;
  const { model = '', number = '1' } = TARGET.exec(target)?.groups ?? {};
  const tag = await findTag(client, model, signal);
  const all = (await listAdapters(client, undefined, signal)).filter((adapter) => adapter.model === tag.name);
  const adapter = all[Number(number) - 1];
  if (!adapter) throw noAdapter(tag.name, all.length);

  const { digest, base, baseDigest } = adapter;
  const { weights } = (await client.show(tag.name, {}, signal)).layers;
  const inPlace = await readableBlob(weights?.path, digest, tag);
  return {
    path: inPlace ?? (await copyOf(client, tag.name, digest, store, signal)),
    name: tag.name.replace(/:latest$/, '').replace(/[:/]/g, '-'),
    base: {
      ...(base === undefined ? {} : { name: base }),
      ...(baseDigest === undefined ? {} : { digest: baseDigest }),
    },
  };
}

async function copyOf(
  client: OllamaClient,
  model: string,
  digest: string,
  store: Pick<Store, 'paths'>,
  signal: AbortSignal | undefined,
): Promise<string> {
  const folder = join(store.paths.temporary, 'ollama');
  const path = join(folder, `${digest.replace(':', '-')}.gguf`);
  if (await exists(path)) return path;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const fresh = join(folder, randomBytes(8).toString('hex'));
  try {
    await exportBlob(client, model, digest, fresh, signal);
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    // Somebody else was faster, and Windows does not replace a file that is being read.
    if (signal?.aborted || !(await exists(path))) throw error;
  }
  return path;
}

function noAdapter(model: string, count: number): LoraSwarmError {
  const has = count === 0 ? 'carries no adapter' : count === 1 ? 'carries one adapter' : `carries ${count} adapters`;
  return new LoraSwarmError('ADAPTER_NOT_FOUND', `${model} ${has}. Choose another one.`);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
