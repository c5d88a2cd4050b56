import { hasCode } from '../errors';
import { listAdapters } from '../ollama/models';
import type { ShareRequest, ShareResult, WishOptions, Wishes } from '../wishes';
import { findOllamaAdapter, ollamaTarget } from './ollamaTarget';
import type { EngineParts } from './parts';
import { nameFrom, shareAdapter, type ShareParts } from './share';

/** Every adapter inside the models of the local Ollama, whoever made them. An Ollama that is away has none. */
export async function ollamaAdapters(
  { ollama, store }: Pick<EngineParts, 'ollama' | 'store'>,
  signal?: AbortSignal,
): Promise<Wishes['ollamaAdapters']['result']> {
  const found = await listAdapters(ollama.client, store.madeModels, signal).catch((error: unknown) => {
    if (hasCode(error, 'OLLAMA_UNREACHABLE')) return [];
    throw error;
  });
  return {
    adapters: found.map((adapter) => ({
      target: ollamaTarget(adapter),
      model: adapter.model,
      digest: adapter.digest,
      isOurs: adapter.isOurs,
      ...(adapter.base === undefined ? {} : { base: adapter.base }),
    })),
  };
}

/**
 * Offers an adapter that lives inside a model of Ollama. We keep a copy: the model may go at any time. The release says which
 * base the model stands on, by name and digest.
 *
 * @throws {LoraSwarmError} as `findOllamaAdapter` and `shareAdapter`.
 */
export async function shareOllamaAdapter(
  parts: ShareParts,
  request: ShareRequest,
  options: WishOptions = {},
): Promise<ShareResult> {
  const { path, name, base } = await findOllamaAdapter(parts, request.path, options.signal);
  const named = { name: nameFrom(name), ...(base.name === undefined ? {} : { base: base.name }) };
  const known = base.digest === undefined ? {} : { baseDigest: base.digest };
  return shareAdapter(parts, { ...named, ...request, path, copy: true }, options, known);
}
