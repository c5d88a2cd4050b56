import { LoraSwarmError } from '../../errors';
import type { OllamaClient } from '../client';
import type { InstallJob } from './installJob';
import type { InstallWorkLog } from './installWork';
import type { MadeModel } from './madeModels';
import { isSameModel } from '../modelName';
import { stagedName } from './staging';

/** What a new model has to be. */
export interface Expected {
  /** `sha256:<hex>` */
  readonly weights: string;
  /** `sha256:<hex>`, in order. */
  readonly adapters: readonly string[];
}

/**
 * Gives a finished model its final name. Until here nobody but us has seen it, so a crash leaves no half model of that name.
 * A model that it replaces keeps a name of ours until the end, so that at every moment one of the two is there.
 *
 * Not to be cancelled: the copies take milliseconds, and half of them would leave open whether the model is there.
 */
export async function publish(
  job: Pick<InstallJob, 'client' | 'work' | 'signal'>,
  staged: string,
  record: Omit<MadeModel, 'digest'>,
  expected: Expected,
): Promise<void> {
  const { client, work, signal } = job;
  const { model, replaces } = work.state;
  await checkModel(client, staged, expected);
  const tags = await client.tags(signal);
  const made = tags.find(({ name }) => name === staged);
  if (!made) throw wrongModel('it is not in the list');
  const there = tags.find(({ name }) => isSameModel(name, model));
  if (there?.digest !== replaces) throw meanwhile(model);

  if (there) await keepOld(client, work, there.name);
  work.publishes({ ...record, digest: made.digest });
  await client.copy(staged, there?.name ?? model);
  await checkModel(client, model, expected);
}

/** Ollama drops the layers of a model with its last name: so those of the old one go when this name is deleted. */
async function keepOld(client: OllamaClient, work: InstallWorkLog, model: string): Promise<void> {
  await client.copy(model, work.stages(stagedName()));
}

/** @throws {LoraSwarmError} `OLLAMA_FAILED` unless `name` has exactly these weights and adapters. */
export async function checkModel(client: OllamaClient, name: string, expected: Expected): Promise<void> {
  const { layers } = await client.show(name);
  if (layers.weights?.digest !== expected.weights) throw wrongModel('its weights are not those that it should have');
  if (layers.adapters.join() !== expected.adapters.join()) throw wrongModel('the adapter is missing');
}

function meanwhile(model: string): LoraSwarmError {
  return new LoraSwarmError('OLLAMA_MODEL_EXISTS', `Ollama has got another model ${model} meanwhile. Try again.`, {
    kind: 'retry',
  });
}

function wrongModel(why: string): LoraSwarmError {
  return new LoraSwarmError('OLLAMA_FAILED', `Ollama made another model than it was asked for: ${why}. Try again.`, {
    kind: 'retry',
  });
}
