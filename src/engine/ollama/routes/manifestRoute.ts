import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import { LoraSwarmError, hasCode } from '../../errors';
import type { Blob } from '../digest';
import { dressBase } from './dressedBase';
import type { Ground } from './ground';
import { ADAPTER_LAYER, MAX_MANIFEST_BYTES, changedManifest, parseImageManifest } from '../registry/imageManifest';
import type { InstallJob, Payload, Route } from '../install/installJob';
import { addBlob, addManifest, manifestPath } from '../modelsFolder';
import { adapterCost, impossible, layerProblem, possible } from './routePlan';
import { stagedName } from '../install/staging';

export interface ManifestInstall {
  /** Name of a model in the folder, without an adapter. */
  readonly base: string;
  /** Path of a validated LoRA GGUF. */
  readonly gguf: string;
  /** A name that no model has. */
  readonly model: string;
}

export interface ManifestInstalled {
  readonly adapter: Blob;
  /** SHA-256 of the manifest file, hex: the digest that Ollama lists. */
  readonly manifest: string;
}

/**
 * Route C: adds the adapter to a copy of the base's manifest, in the folder itself. Needs no server; one that runs sees it at once.
 *
 * @param modelsFolder holds `blobs/` and `manifests/`.
 * @throws {LoraSwarmError} `BASE_MISSING`, `OLLAMA_MODEL_EXISTS`, `OLLAMA_ROUTE_UNAVAILABLE` when the base is kept in an unknown
 * form, `STORE_FULL` or `STORE_READ_ONLY`.
 */
export async function installByManifest(
  modelsFolder: string,
  install: ManifestInstall,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ManifestInstalled> {
  const base = parseImageManifest(await readManifest(modelsFolder, install.base));
  if (base.layers.some(({ mediaType }) => mediaType === ADAPTER_LAYER))
    throw new LoraSwarmError(
      'BASE_UNFIT',
      `${install.base} already carries an adapter. Choose the model it was made from.`,
    );

  const adapter = await addBlob(modelsFolder, install.gguf, options);
  const bytes = changedManifest(base, { from: install.base, adapter });
  await addManifest(modelsFolder, install.model, bytes);
  return { adapter, manifest: createHash('sha256').update(bytes).digest('hex') };
}

/** Route C beside a running server, when its models folder is one that we can see and write. */
export const manifestRoute: Route = {
  name: 'manifest',

  plan(ground) {
    const problem = folderProblem(ground) ?? layerProblem(ground);
    if (problem !== undefined || 'problem' in ground.needs.adapter) return impossible('manifest', problem ?? '');
    const reason = 'The adapter and a manifest are written into the models folder of Ollama.';
    return possible('manifest', reason, adapterCost(ground.needs.adapter.bytes));
  },

  stage: stageInFolder,
};

/** Why nothing can be written into the models folder. */
export function folderProblem({ folder }: Ground): string | undefined {
  if (!folder) return 'The route "manifest" does not work: the models folder of Ollama cannot be read from here.';
  return folder.isWritable
    ? undefined
    : 'The route "manifest" does not work: the models folder of Ollama cannot be written from here.';
}

/** Writes the payload and a manifest under a name of ours. @throws `OLLAMA_ROUTE_UNAVAILABLE` */
export async function stageInFolder(job: InstallJob): Promise<string> {
  const { ground, payload, work, signal } = job;
  const problem = folderProblem(ground);
  if (problem !== undefined || !ground.folder)
    throw new LoraSwarmError('OLLAMA_ROUTE_UNAVAILABLE', problem ?? 'There is no models folder.');

  const { path: folder } = ground.folder;
  const onTemporary = (file: string): string => work.writes(file);
  const add = async (blob: Blob): Promise<Blob> => {
    work.uploads(blob.digest);
    return addBlob(folder, blob.path, { signal, onTemporary });
  };
  try {
    const base = parseImageManifest(await readManifest(folder, await dressBase(job)));
    const added: Payload = {
      ...(payload.weights ? { weights: await add(payload.weights) } : {}),
      ...(payload.adapter ? { adapter: await add(payload.adapter) } : {}),
    };
    const staged = work.stages(stagedName());
    await addManifest(folder, staged, changedManifest(base, { from: job.base.name, ...added }), { onTemporary });
    return staged;
  } catch (error) {
    if (!hasCode(error, 'STORE_READ_ONLY')) throw error;
    throw new LoraSwarmError(
      'OLLAMA_ROUTE_UNAVAILABLE',
      'The route "manifest" does not work: the models folder of Ollama cannot be written from here.',
      undefined,
      { cause: error },
    );
  }
}

async function readManifest(modelsFolder: string, model: string): Promise<Buffer> {
  const file = manifestPath(modelsFolder, model);
  const { size } = await fs.stat(file).catch((cause: unknown) => {
    throw new LoraSwarmError('BASE_MISSING', `${model} is not in ${modelsFolder}.`, undefined, { cause });
  });
  if (size > MAX_MANIFEST_BYTES)
    throw new LoraSwarmError('OLLAMA_ROUTE_UNAVAILABLE', 'The manifest of the base model is too large.');
  return fs.readFile(file);
}
