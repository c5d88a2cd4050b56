import fs from 'node:fs/promises';
import { LoraSwarmError } from '../../engine/errors';
import { ADAPTER_LAYER, MODEL_LAYER, parseImageManifest } from '../../engine/ollama/registry/imageManifest';
import { installByManifest } from '../../engine/ollama/routes/manifestRoute';
import { freshModelName } from '../../engine/ollama/modelName';
import { blobPath, importBase, manifestPath } from '../../engine/ollama/modelsFolder';
import { DEFAULT_SETTINGS } from '../../engine/settings';
import { formatBytes } from '../format';
import type { Fetched } from './fetchAdapter';
import { GOLD_NAME } from './fixtures';
import { hasInference, infer, largestDifference, readFloats } from './inference';
import type { Swarm } from './meet';
import type { Place } from './place';

const BASE_MODEL = 'tiny-llama:latest';

/** How many tokens the model goes on with after each prompt. */
const TOKENS = 16;

/** llama.cpp and PEFT agree to 7e-5 on these logits, which the adapter moves by up to 17. */
const SAME_LOGITS = 5e-4;

/** What an install and a look at its effect came to. */
export interface Installed {
  readonly model: string;
  readonly base: string;
  /** Absent where it could not be looked at. */
  readonly isChanged?: boolean;
  readonly summary: string;
}

/**
 * Converts the adapter and installs it into a models folder of Ollama's form, with no server; then runs the blobs that the
 * new model names in llama.cpp.
 */
export async function installInFolder(place: Place, { client }: Swarm, got: Fetched, base: string): Promise<Installed> {
  const { context, ground, steps } = place;
  const { signal } = context;
  const gguf = ground.path('adapter.gguf');
  const converted = await client.wish('convert', { path: got.path, out: gguf, base }, { signal });
  steps.done(
    'convert',
    { bytes: converted.bytes, tensors: converted.tensors, alpha: converted.alpha },
    `LoRA GGUF, ${formatBytes(converted.bytes)}, ${converted.tensors} tensors, alpha ${converted.alpha}`,
  );

  const modelsFolder = ground.path('ollama', 'models');
  await importBase(modelsFolder, { model: BASE_MODEL, gguf: base, family: 'llama' });
  const [author = '', name = ''] = got.name.split('/');
  const model = freshModelName(DEFAULT_SETTINGS['ollama.modelPrefix'], author, name, [BASE_MODEL]);
  const { adapter, manifest } = await installByManifest(modelsFolder, { base: BASE_MODEL, gguf, model }, { signal });
  steps.done(
    'install',
    { model, base: BASE_MODEL, route: 'manifest', adapter: adapter.digest, bytesOnDisk: adapter.bytes, manifest },
    `${model} = ${BASE_MODEL} + ${formatBytes(adapter.bytes)}, in a models folder of the demo`,
    `adapter ${adapter.digest.slice(0, 19)}, manifest sha256:${manifest.slice(0, 12)}`,
  );
  return { model, base: BASE_MODEL, ...(await showEffect(place, modelsFolder, model)) };
}

async function showEffect(
  { context: { signal }, ground, steps }: Place,
  modelsFolder: string,
  model: string,
): Promise<Pick<Installed, 'isChanged' | 'summary'>> {
  const { inference, gold } = ground.fixtures;
  if (!hasInference(inference)) {
    const summary = 'Left out: what the model says, for want of llama.cpp. To get it: node test/inference/install.mjs';
    steps.done('effect', { checked: false, reason: summary }, summary);
    return { summary };
  }

  const { layers } = parseImageManifest(await fs.readFile(manifestPath(modelsFolder, model)));
  const blobs = (type: string): string[] =>
    layers.filter(({ mediaType }) => mediaType === type).map(({ digest }) => blobPath(modelsFolder, digest));
  const weights = blobs(MODEL_LAYER)[0]!;
  const loras = blobs(ADAPTER_LAYER).map((filePath) => ({ filePath }));
  const { prompts, logits } = JSON.parse(await fs.readFile(gold, 'utf8')) as Gold;
  const job = { model: weights, prompts, generate: TOKENS };
  const jobs = [
    { ...job, id: 'base', loras: [] },
    { ...job, id: 'adapter', loras },
  ];
  const results = await infer(inference, jobs, signal);
  const [plain, adapted] = [results.get('base')!, results.get('adapter')!];

  const pairs = plain.tokens.flatMap((tokens, prompt) =>
    tokens.map((token, at) => [token, adapted.tokens[prompt]?.[at]]),
  );
  const changedTokens = pairs.filter(([one, other]) => one !== other).length;
  const moved = largestDifference(plain.logits, adapted.logits);
  const fromTraining = largestDifference(adapted.logits, logits[GOLD_NAME]!.map(readFloats));
  if (!(fromTraining < SAME_LOGITS))
    throw new LoraSwarmError(
      'DEMO_FAILED',
      `The model does not say what PEFT computes: logits differ by ${fromTraining}.`,
    );
  const isChanged = changedTokens > 0;
  const summary = `${changedTokens} of ${pairs.length} tokens changed, logits moved by up to ${moved.toFixed(1)}`;
  steps.done(
    'effect',
    { checked: true, changed: isChanged, changedTokens, tokens: pairs.length, moved, fromTraining },
    `llama.cpp, same ${prompts.length} prompts: ${summary}`,
    `base     ${shown(plain.tokens[0])}`,
    `adapter  ${shown(adapted.tokens[0])}`,
    `within ${fromTraining.toExponential(0)} of what PEFT computes for this adapter`,
  );
  return { isChanged, summary };
}

interface Gold {
  readonly prompts: readonly (readonly number[])[];
  /** Base64 floats for each prompt, by adapter. */
  readonly logits: Readonly<Record<string, readonly string[]>>;
}

/** The tiny base is random, so its text is noise: the tokens say more. */
function shown(tokens: readonly number[] = []): string {
  return tokens.map((token) => String(token).padStart(3)).join(' ');
}
