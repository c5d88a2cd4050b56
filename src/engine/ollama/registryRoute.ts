import { LoraSwarmError } from '../errors';
import { isLoopbackUrl } from './address';
import { answerOf } from './http';
import { parseImageManifest, withAdapter } from './imageManifest';
import type { InstallJob } from './installJob';
import { LoopbackRegistry } from './loopbackRegistry';
import { publish } from './publish';
import { discard } from './staging';

/**
 * Route B+, on every Ollama: push the base's manifest to a registry of ours on this machine, add the adapter to it, pull it back.
 *
 * Needs HTTP only, so it also works when the models folder belongs to another user. Nothing but the manifest moves.
 */
export async function installByRegistry(job: InstallJob): Promise<void> {
  const { client, adapter, signal } = job;
  if (!isLoopbackUrl(client.url)) throw unavailable('it runs on another machine');

  const registry = new LoopbackRegistry();
  await registry.open();
  const staged = registry.model;
  try {
    await nameForRegistry(job, staged);
    const base = await fetchBaseManifest(job, registry);
    await client.uploadBlob(adapter.path, adapter.digest, adapter.bytes, signal);
    registry.serve(withAdapter(base, job.base.name, adapter));
    await pullBack(job, staged);
    await publish(job, staged);
  } finally {
    await discard(client, staged, job.log);
    await registry.close();
  }
}

/** Copying is what fails where a file name can't hold the colon of `127.0.0.1:PORT`, as on Windows. */
async function nameForRegistry(job: InstallJob, staged: string): Promise<void> {
  try {
    await job.client.copy(job.base.name, staged, job.signal);
  } catch (error) {
    const status = answerOf(error)?.status;
    if (status === undefined || status === 404) throw error;
    throw unavailable('it cannot keep a name with a port', error);
  }
}

async function fetchBaseManifest(job: InstallJob, registry: LoopbackRegistry) {
  try {
    await job.client.push(registry.model, job.onStatus, job.signal);
  } catch (error) {
    if (answerOf(error) && !registry.wasAsked) throw unavailable('it does not reach this program', error);
    throw error;
  }
  if (!registry.pushed) throw unavailable('it did not tell what the base model consists of');
  return parseImageManifest(registry.pushed);
}

/** A restart of Ollama between upload and pull drops the adapter's blob, because no model named it yet. */
async function pullBack({ client, adapter, onStatus, signal }: InstallJob, staged: string): Promise<void> {
  try {
    await client.pull(staged, onStatus, signal);
  } catch (error) {
    if (!answerOf(error) || (await client.hasBlob(adapter.digest, signal))) throw error;
    await client.uploadBlob(adapter.path, adapter.digest, adapter.bytes, signal);
    await client.pull(staged, onStatus, signal);
  }
}

function unavailable(why: string, cause?: unknown): LoraSwarmError {
  return new LoraSwarmError(
    'OLLAMA_ROUTE_UNAVAILABLE',
    `The route "pull" does not work with this Ollama: ${why}. Use the route "manifest".`,
    undefined,
    { cause },
  );
}
