import type { LoraSwarmError } from '../../errors';
import type { OllamaClient, OnStatus } from '../client';
import { answerOf } from '../http';
import { parseImageManifest, type ImageManifest } from './imageManifest';
import type { LoopbackRegistry } from './loopbackRegistry';

/** An `OLLAMA_ROUTE_UNAVAILABLE` of whoever pushes. `why` is a clause: "it cannot keep a name with a port". */
export type Unavailable = (why: string, cause?: unknown) => LoraSwarmError;

/** Gives a model a second name, one that lives on a registry of ours. @throws what `unavailable` makes, and as `OllamaClient` */
export async function nameForRegistry(
  client: OllamaClient,
  source: string,
  registry: LoopbackRegistry,
  unavailable: Unavailable,
  signal?: AbortSignal,
): Promise<void> {
  try {
    await client.copy(source, registry.model, signal);
  } catch (error) {
    const status = answerOf(error)?.status;
    if (status === undefined || status === 404) throw error;
    // Where a file name can't hold the colon of `127.0.0.1:PORT`, as on Windows, copying is what fails.
    throw unavailable('it cannot keep a name with a port', error);
  }
}

/**
 * Lets Ollama tell what a model of the registry's name consists of: with every layer here, only the manifest comes.
 *
 * @throws what `unavailable` makes, and as `OllamaClient`
 */
export async function pushManifest(
  client: OllamaClient,
  registry: LoopbackRegistry,
  unavailable: Unavailable,
  onStatus?: OnStatus,
  signal?: AbortSignal,
): Promise<ImageManifest> {
  try {
    await client.push(registry.model, onStatus, signal);
  } catch (error) {
    if (answerOf(error) && !registry.wasAsked) throw unavailable('it does not reach this program', error);
    throw error;
  }
  if (!registry.pushed) throw unavailable('it did not tell what the base model consists of');
  return parseImageManifest(registry.pushed);
}
