import { LoraSwarmError } from '../../errors';
import type { InstallParts } from './install';
import { isSameModel } from '../modelName';

/**
 * Removes a model that we made, if it is still the one that we made. One that is already gone is no error.
 *
 * @throws {LoraSwarmError} `OLLAMA_NOT_OURS` for any other model.
 */
export function uninstallModel(parts: InstallParts, model: string, signal?: AbortSignal): Promise<{ model: string }> {
  return parts.lock.run(() => uninstall(parts, model, signal), signal);
}

async function uninstall({ client, made, log }: InstallParts, wanted: string, signal: AbortSignal | undefined) {
  const record = made.list().find(({ model }) => isSameModel(model, wanted));
  if (!record) throw notOurs(wanted, 'was not made by LoRA Swarm');
  const { model } = record;

  const tag = (await client.tags(signal)).find(({ name }) => isSameModel(name, model));
  if (tag && tag.digest !== record.digest) throw notOurs(model, 'was changed since LoRA Swarm made it');
  if (tag) await client.delete(tag.name, signal);
  made.remove(model);
  log.info(tag ? `removed model ${model} from Ollama` : `model ${model} was already gone from Ollama`);
  return { model };
}

function notOurs(model: string, why: string): LoraSwarmError {
  return new LoraSwarmError('OLLAMA_NOT_OURS', `${model} ${why}, so it stays. Remove it with: ollama rm ${model}`);
}
