import { LoraSwarmError } from '../errors';
import { OLDEST_OLLAMA, SAFE_PULL_OLLAMA } from '../limits';
import type { DoctorCheck } from '../wishes';
import { isLoopbackUrl } from './address';
import { OllamaClient } from './client';
import { takesAdapters } from './probe';
import { isOlder } from './version';

/** What the doctor says of Ollama: does it answer, is it safe, how would an install go, what is there. */
export async function ollamaChecks(url: string, signal?: AbortSignal): Promise<DoctorCheck[]> {
  const client = new OllamaClient(url);
  let version: string;
  try {
    version = await client.version(signal);
  } catch (error) {
    if (!(error instanceof LoraSwarmError)) throw error;
    const fix = 'Start Ollama, or set loraSwarm.ollama.url. Sharing and downloading work without it.';
    return [{ id: 'ollama', ok: false, detail: error.message, fix }];
  }
  return [
    { id: 'ollama', ok: true, detail: `Ollama ${version} answers at ${url}.` },
    versionCheck(version),
    await guarded('ollama-route', () => routeCheck(client, signal)),
    await guarded('ollama-models', () => modelsCheck(client, signal)),
  ];
}

/** The route that `auto` would begin with. */
export async function likelyRoute(client: OllamaClient, signal?: AbortSignal): Promise<'create' | 'pull' | 'manifest'> {
  if (await takesAdapters(client, signal)) return 'create';
  return isLoopbackUrl(client.url) ? 'pull' : 'manifest';
}

function versionCheck(version: string): DoctorCheck {
  const id = 'ollama-version';
  if (isOlder(version, OLDEST_OLLAMA))
    return {
      id,
      ok: false,
      detail: `Ollama ${version} has a hole in reading GGUF files (CVE-2026-7482): only your own adapters are installed into it, none of a peer.`,
      fix: `Update Ollama to ${OLDEST_OLLAMA} or newer.`,
    };
  if (isOlder(version, SAFE_PULL_OLLAMA))
    return {
      id,
      ok: true,
      detail: `Ollama ${version} may write outside its folder when it pulls from a hostile registry (CVE-2026-103663, closed in ${SAFE_PULL_OLLAMA}). LoRA Swarm lets it pull from this machine only.`,
    };
  return { id, ok: true, detail: `Ollama ${version} has no known hole that matters here.` };
}

async function routeCheck(client: OllamaClient, signal: AbortSignal | undefined): Promise<DoctorCheck> {
  const id = 'ollama-route';
  const route = await likelyRoute(client, signal);
  if (route === 'create')
    return { id, ok: true, detail: 'Adapters go in by route "create". Each takes its own size on disk.' };
  if (route === 'pull')
    return {
      id,
      ok: true,
      detail:
        'This Ollama no longer creates models with adapters. They go in by route "pull", over a registry on this machine; each takes its own size on disk.',
    };
  return {
    id,
    ok: false,
    detail:
      'This Ollama no longer creates models with adapters, and it runs on another machine, out of reach of the route "pull".',
    fix: 'Run LoRA Swarm on the machine of Ollama, for example with the command line.',
  };
}

async function modelsCheck(client: OllamaClient, signal: AbortSignal | undefined): Promise<DoctorCheck> {
  const id = 'ollama-models';
  const local = (await client.tags(signal)).filter(({ isRemote }) => !isRemote).length;
  if (local > 0) return { id, ok: true, detail: `${local} models on this machine can be looked at as bases.` };
  const fix = 'Pull the base model of the adapter: ollama pull NAME';
  return { id, ok: false, detail: 'Ollama has no model on this machine, so there is no base for an adapter.', fix };
}

async function guarded(id: string, check: () => Promise<DoctorCheck>): Promise<DoctorCheck> {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof LoraSwarmError)) throw error;
    return { id, ok: false, detail: error.message };
  }
}
