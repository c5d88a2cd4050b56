import { LoraSwarmError } from '../../errors';
import { withGrace } from '../grace';
import type { InstallJob, Route } from '../install/installJob';
import { adapterCost, impossible, layerProblem, possible } from './routePlan';
import { stagedName } from '../install/staging';

const GONE = 'This Ollama no longer creates models with adapters. Use the route "pull" or "manifest".';

/** Route A, up to Ollama 0.34.0: `create` with an adapter. Template, system and parameters come from the base. */
export const createRoute: Route = {
  name: 'create',

  plan(ground) {
    const problem = ground.takesAdapters ? layerProblem(ground) : GONE;
    if (problem !== undefined || 'problem' in ground.needs.adapter) return impossible('create', problem ?? GONE);
    return possible('create', 'Ollama itself adds the adapter to the base.', adapterCost(ground.needs.adapter.bytes));
  },

  async stage({ client, base, ground, payload, extras, work, onStatus, signal }: InstallJob) {
    const { adapter } = payload;
    if (!ground.takesAdapters || !adapter) throw new LoraSwarmError('OLLAMA_ROUTE_UNAVAILABLE', GONE);
    work.uploads(adapter.digest);
    await client.uploadBlob(adapter.path, adapter.digest, adapter.bytes, signal);
    const model = work.stages(stagedName());
    const adapters = { 'adapter.gguf': adapter.digest };
    await client.create({ model, from: base.name, adapters, ...extras }, onStatus, withGrace(signal));
    signal?.throwIfAborted();
    return model;
  },
};
