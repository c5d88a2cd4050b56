import { LoraSwarmError } from '../errors';
import type { OllamaClient } from './client';
import type { InstallJob } from './installJob';
import { isSameModel } from './modelName';

/**
 * Gives a finished model its final name. Until here nobody but us has seen it, so a crash leaves no half model of that name.
 *
 * Not to be cancelled: the copy takes milliseconds, and half of it would leave open whether the model is there.
 */
export async function publish(job: InstallJob, staged: string): Promise<void> {
  const { client, model } = job;
  await checkModel(job, staged);
  const tags = await client.tags(job.signal);
  const made = tags.find(({ name }) => name === staged);
  if (!made) throw wrongModel('it is not in the list');
  if (tags.some(({ name }) => isSameModel(name, model)))
    throw new LoraSwarmError('OLLAMA_MODEL_EXISTS', `Ollama has got a model ${model} meanwhile. Try again.`, {
      kind: 'retry',
    });

  job.onMade(made.digest);
  await client.copy(staged, model);
  await checkModel(job, model);
}

/** @throws {LoraSwarmError} `OLLAMA_FAILED` unless `name` is the base with exactly our adapter on it. */
export async function checkModel(
  job: Pick<InstallJob, 'base' | 'adapter'> & { readonly client: OllamaClient },
  name: string,
): Promise<void> {
  const { layers } = await job.client.show(name);
  if (layers.weights?.digest !== job.base.weights) throw wrongModel('its weights are not those of the base');
  if (layers.adapters.length !== 1 || layers.adapters[0] !== job.adapter.digest)
    throw wrongModel('the adapter is missing');
}

function wrongModel(why: string): LoraSwarmError {
  return new LoraSwarmError('OLLAMA_FAILED', `Ollama made another model than it was asked for: ${why}. Try again.`, {
    kind: 'retry',
  });
}
