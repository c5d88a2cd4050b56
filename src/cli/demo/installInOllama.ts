import { formatBytes, shortId } from '../format';
import type { Fetched } from './fetchAdapter';
import type { Installed } from './installInFolder';
import type { Swarm } from './meet';
import type { Place } from './place';

/** Time to take the model out of Ollama again, also after Ctrl-C. */
const UNINSTALL_MS = 2_000;

/** Installs into a real Ollama under a name that no model has, looks at the effect there, and takes the model away again. */
export async function installInOllama(
  { context, steps }: Place,
  { client }: Swarm,
  got: Fetched,
  base: string | undefined,
): Promise<Installed> {
  const { signal, output } = context;
  const params = { target: got.id, ...(base === undefined ? {} : { base }) };
  const made = await client.wish('install', params, { signal, onProgress: output.progress });
  try {
    steps.done(
      'install',
      { ...made },
      `${made.model} = ${made.base} + ${formatBytes(made.bytesOnDisk)} of ${shortId(got.id)}, by route ${made.route}`,
    );
    const { checked, changed, reason } = made.effect;
    steps.done('effect', { checked, changed, reason }, reason);
  } finally {
    await client.wish('uninstall', { model: made.model }, { signal: AbortSignal.timeout(UNINSTALL_MS) });
    steps.done('uninstall', { model: made.model }, `${made.model} is gone again`);
  }
  const { checked, changed, reason } = made.effect;
  return { model: made.model, base: made.base, summary: reason, ...(checked ? { isChanged: changed } : {}) };
}
