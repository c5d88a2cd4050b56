import { LoraSwarmError } from '../errors';
import type { Tag } from './answers';
import type { OllamaClient } from './client';
import { isSameModel } from './modelName';

/** A model as `/api/tags` lists it, on this machine. @throws {LoraSwarmError} `OLLAMA_MODEL_UNKNOWN` */
export async function findTag(client: OllamaClient, model: string, signal?: AbortSignal): Promise<Tag> {
  const tag = (await client.tags(signal)).find(({ name }) => isSameModel(name, model));
  if (tag && !tag.isRemote) return tag;
  throw new LoraSwarmError('OLLAMA_MODEL_UNKNOWN', `Ollama has no model ${model} on this machine. Pull it first.`);
}
