import { LoraSwarmError, hasCode } from '../../errors';
import type { Ground } from './ground';
import type { Route } from '../install/installJob';
import { folderProblem, stageInFolder } from './manifestRoute';
import { registryProblem, stageByRegistry } from './registryRoute';
import { impossible, mergedCost, possible, spaceProblem, units } from './routePlan';

/**
 * Route D, on every Ollama that we can hand a manifest: the base's own, with merged weights in the place of its weights. So
 * template, system text, parameters, licence and messages are the base's, and no version rewrites the GGUF, as some do in `create`.
 */
export const mergeRoute: Route = {
  name: 'merge',

  plan(ground) {
    const { merged, scratchFree } = ground.needs;
    if ('problem' in merged) return impossible('merge', merged.problem);
    const problem =
      carrierProblem(ground) ??
      spaceProblem(merged.bytes, ground.folder?.freeBytes, 'the disk of Ollama') ??
      spaceProblem(merged.bytes, scratchFree, 'the disk of LoRA Swarm, where it is made');
    if (problem !== undefined) return impossible('merge', problem);
    const reason = `A copy of the base with the adapter in its weights. It takes ${units(merged.bytes)} of its own.`;
    return { ...possible('merge', reason, mergedCost(merged.bytes)), needsConsent: true };
  },

  async stage(job) {
    if (registryProblem(job.ground) !== undefined) return stageInFolder(job);
    try {
      return await stageByRegistry(job);
    } catch (error) {
      if (!hasCode(error, 'OLLAMA_ROUTE_UNAVAILABLE') || folderProblem(job.ground) !== undefined) throw error;
      job.log.debug(`route merge, by registry: ${error.message}`);
      return stageInFolder(job);
    }
  },
};

function carrierProblem(ground: Ground): string | undefined {
  if (registryProblem(ground) === undefined || folderProblem(ground) === undefined) return undefined;
  return 'A merged model cannot be handed over: Ollama runs on another machine, or its models folder is closed to us.';
}

/** @throws {LoraSwarmError} `CONFIRM_NEEDED`: the user has not agreed to a full model on the disk. */
export function requireConsent(bytes: number): never {
  throw new LoraSwarmError(
    'CONFIRM_NEEDED',
    `Only a merged model works here, which takes ${units(bytes)} more on the disk. Confirm that, or choose the route "merge".`,
  );
}
