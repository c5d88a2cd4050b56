import fs from 'node:fs/promises';
import { LoraSwarmError } from '../engine/errors';
import { findOllama } from '../engine/ollama/address';
import { usage } from './args';
import { fetchAdapter } from './demo/fetchAdapter';
import { openGround, type Ground } from './demo/ground';
import { installInFolder } from './demo/installInFolder';
import { installInOllama } from './demo/installInOllama';
import { judge } from './demo/judge';
import { meet } from './demo/meet';
import { Steps } from './demo/steps';
import type { Verb, VerbContext } from './verbContext';

/**
 * The whole main job on this machine: of two engines with two keys one shares a real adapter; the other finds it in a
 * private room, judges, fetches, verifies and installs it, and a tiny base model answers differently with it.
 *
 * All of it happens on 127.0.0.1 and in a temporary folder. An Ollama of the user is touched with `--ollama` only, and then
 * left as it was.
 */
export const demo: Verb = async (context) => {
  const { args, output } = context;
  const ollama = ollamaOf(context);
  const ground = openGround();
  try {
    const steps = new Steps(output);
    const place = { context, ground, steps };
    output.step('start', { folder: ground.folder, host: ground.host }, [
      `The whole job on ${ground.host} alone, in ${ground.folder}, which is removed at the end`,
    ]);

    const base = ollama === undefined ? await tinyBase(ground) : args.options.base;
    const swarm = await meet(place, ollama);
    // Says so when that Ollama does not answer, before anything is judged against it.
    if (ollama !== undefined) await swarm.client.wish('models', {}, { signal: context.signal });
    const { verdict } = await judge(place, swarm, base);
    const got = await fetchAdapter(place, swarm);
    const installed =
      base === undefined || ollama !== undefined
        ? await installInOllama(place, swarm, got, base)
        : await installInFolder(place, swarm, got, base);

    await ground.close();
    const { id, name, bytes, sources, digest } = got;
    const { model, isChanged, summary } = installed;
    if (isChanged === false) throw new LoraSwarmError('DEMO_FAILED', `The installed adapter has no effect: ${summary}`);
    const { seconds } = steps;
    output.result(
      { id, name, bytes, sources, digest, verdict, model, base: installed.base, changed: isChanged ?? null, seconds },
      [
        `Done in ${seconds.toFixed(1)} s: ${name} went from one engine to the other and into Ollama's form as ${model}.`,
      ],
    );
  } finally {
    await ground.close();
  }
};

/** Address of the Ollama to use, when one was asked for. */
function ollamaOf({ args, env }: VerbContext): string | undefined {
  const { ollama, base } = args.options;
  if (ollama === undefined) {
    if (base !== undefined) throw usage('--base names a model of the Ollama that --ollama names. Give both.');
    return undefined;
  }
  return ollama === 'auto' ? findOllama('', env['OLLAMA_HOST']) : findOllama(ollama, undefined);
}

/** A file of its own, so that nothing of the repository is ever open for longer than a copy takes. */
async function tinyBase(ground: Ground): Promise<string> {
  const file = ground.path('tiny-llama.gguf');
  await fs.copyFile(ground.fixtures.base, file);
  return file;
}
