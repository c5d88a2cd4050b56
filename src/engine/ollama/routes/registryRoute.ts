import { LoraSwarmError } from '../../errors';
import { answerOf } from '../http';
import type { Blob } from '../digest';
import { dressBase } from './dressedBase';
import { withGrace } from '../grace';
import type { Ground } from './ground';
import { changedManifest } from '../registry/imageManifest';
import type { InstallJob, Route } from '../install/installJob';
import { LoopbackRegistry } from '../registry/loopbackRegistry';
import { nameForRegistry, pushManifest } from '../registry/pushToUs';
import { adapterCost, impossible, layerProblem, possible } from './routePlan';

/**
 * Route B+, on every Ollama: push the base's manifest to a registry of ours on this machine, add the adapter to it, pull it back.
 *
 * Needs HTTP only, so it also works when the models folder belongs to another user. Nothing but the manifest moves.
 */
export const registryRoute: Route = {
  name: 'pull',

  plan(ground) {
    const problem = registryProblem(ground) ?? layerProblem(ground);
    if (problem !== undefined || 'problem' in ground.needs.adapter) return impossible('pull', problem ?? '');
    const reason = 'Ollama gets the base with the adapter from a registry on this machine, open for the install only.';
    return possible('pull', reason, adapterCost(ground.needs.adapter.bytes));
  },

  stage: stageByRegistry,
};

/** Why Ollama can't get a manifest from us over HTTP. */
export function registryProblem({ isHere, platform }: Ground): string | undefined {
  if (!isHere) return 'The route "pull" does not work: Ollama runs on another machine.';
  // Names are paths in Ollama's store, and `127.0.0.1:PORT` holds a colon.
  return platform === 'win32'
    ? 'The route "pull" does not work on Windows, where Ollama cannot keep a name with a port.'
    : undefined;
}

/** Uploads the payload and makes a model of it and of the base. @throws `OLLAMA_ROUTE_UNAVAILABLE` */
export async function stageByRegistry(job: InstallJob): Promise<string> {
  const { client, payload, work, onStatus, signal } = job;
  const problem = registryProblem(job.ground);
  if (problem !== undefined) throw new LoraSwarmError('OLLAMA_ROUTE_UNAVAILABLE', problem);

  const blobs = [payload.weights, payload.adapter].filter((blob) => blob !== undefined);
  const source = await dressBase(job);
  const registry = new LoopbackRegistry();
  await registry.open();
  try {
    const staged = work.stages(registry.model);
    await nameForRegistry(client, source, registry, unavailable, signal);
    const base = await pushManifest(client, registry, unavailable, onStatus, signal);
    for (const blob of blobs) work.uploads(blob.digest);
    for (const blob of blobs) await client.uploadBlob(blob.path, blob.digest, blob.bytes, signal);
    registry.serve(changedManifest(base, { from: job.base.name, ...payload }));
    await pullBack(job, staged, blobs);
    return staged;
  } finally {
    await registry.close();
  }
}

/** A restart of Ollama between upload and pull drops blobs that no model names yet. */
async function pullBack(job: InstallJob, staged: string, blobs: readonly Blob[]): Promise<void> {
  const { client, onStatus, signal } = job;
  try {
    await client.pull(staged, onStatus, withGrace(signal));
  } catch (error) {
    if (!answerOf(error)) throw error;
    const there = await Promise.all(blobs.map(({ digest }) => client.hasBlob(digest, signal)));
    if (there.every(Boolean)) throw error;
    for (const blob of blobs) await client.uploadBlob(blob.path, blob.digest, blob.bytes, signal);
    await client.pull(staged, onStatus, withGrace(signal));
  }
  signal?.throwIfAborted();
}

function unavailable(why: string, cause?: unknown): LoraSwarmError {
  return new LoraSwarmError(
    'OLLAMA_ROUTE_UNAVAILABLE',
    `The route "pull" does not work with this Ollama: ${why}. Use the route "manifest".`,
    undefined,
    { cause },
  );
}
