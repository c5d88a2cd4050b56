import { LoraSwarmError } from '../../engine/errors';
import type { VerdictState } from '../../engine/state';
import type { Swarm } from './meet';
import type { Place } from './place';

/**
 * Says before the download how the adapter relates to a base.
 *
 * @param base GGUF file or model of the local Ollama. Absent: whichever of those fits.
 * @throws {LoraSwarmError} `BASE_MISSING`, `BASE_UNFIT`
 */
export async function judge(place: Place, { client, shared }: Swarm, base: string | undefined): Promise<VerdictState> {
  const { context, ground, steps } = place;
  const params = { target: shared.id, ...(base === undefined ? {} : { base }) };
  const judged = await client.wish('verdict', params, { signal: context.signal });
  const { verdict, reason } = judged;
  if (verdict === 'base-missing' || verdict === 'unfit')
    throw new LoraSwarmError(
      verdict === 'unfit' ? 'BASE_UNFIT' : 'BASE_MISSING',
      `${reason} The adapter of the demo fits a tiny model that no library has. Write "FROM ${ground.fixtures.base}" into a file ` +
        'named Modelfile and run: ollama create tiny-llama -f Modelfile',
    );
  steps.done('verdict', { ...judged }, `${verdict}: ${reason.replaceAll(`${ground.folder}/`, '')}`);
  return judged;
}
