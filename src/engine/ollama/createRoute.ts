import { LoraSwarmError } from '../errors';
import type { InstallJob } from './installJob';
import { takesAdapters } from './probe';
import { publish } from './publish';
import { discard, stagedName } from './staging';

/** Route A, up to Ollama 0.34.0: `create` with an adapter. Template, system and parameters come from the base alone. */
export async function installByCreate(job: InstallJob): Promise<void> {
  const { client, adapter, signal } = job;
  if (!(await takesAdapters(client, signal)))
    throw new LoraSwarmError(
      'OLLAMA_ROUTE_UNAVAILABLE',
      'This Ollama no longer creates models with adapters. Use the route "pull" or "manifest".',
    );
  const staged = stagedName();
  try {
    await client.uploadBlob(adapter.path, adapter.digest, adapter.bytes, signal);
    const request = { model: staged, from: job.base.name, adapters: { 'adapter.gguf': adapter.digest } };
    await client.create(request, job.onStatus, signal);
    await publish(job, staged);
  } finally {
    await discard(client, staged, job.log);
  }
}
