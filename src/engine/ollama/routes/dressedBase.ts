import { withGrace } from '../grace';
import type { InstallJob } from '../install/installJob';
import { stagedName } from '../install/staging';

/**
 * The model whose manifest the new one begins with: the base, or what Ollama makes of it and the proposals that the user ticked.
 * Ollama itself merges parameters key by key and checks the template. `create` without adapters works on every version.
 *
 * @returns the base's own name when nothing was ticked.
 */
export async function dressBase({ client, base, extras, work, onStatus, signal }: InstallJob): Promise<string> {
  if (!extras || Object.keys(extras).length === 0) return base.name;
  const model = work.stages(stagedName());
  await client.create({ model, from: base.name, ...extras }, onStatus, withGrace(signal));
  signal?.throwIfAborted();
  return model;
}
