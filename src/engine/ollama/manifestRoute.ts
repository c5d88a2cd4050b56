import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { LoraSwarmError, hasCode } from '../errors';
import type { Blob } from './digest';
import { ADAPTER_LAYER, MAX_MANIFEST_BYTES, parseImageManifest, withAdapter } from './imageManifest';
import type { InstallJob } from './installJob';
import { addBlob, addManifest, manifestPath } from './modelsFolder';
import { checkModel } from './publish';

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
  options: { readonly signal?: AbortSignal | undefined; readonly onMade?: (manifest: string) => void } = {},
): Promise<ManifestInstalled> {
  const base = parseImageManifest(await readManifest(modelsFolder, install.base));
  if (base.layers.some(({ mediaType }) => mediaType === ADAPTER_LAYER))
    throw new LoraSwarmError(
      'BASE_UNFIT',
      `${install.base} already carries an adapter. Choose the model it was made from.`,
    );

  const adapter = await addBlob(modelsFolder, install.gguf, options.signal);
  const bytes = withAdapter(base, install.base, adapter);
  const manifest = createHash('sha256').update(bytes).digest('hex');
  options.onMade?.(manifest);
  await addManifest(modelsFolder, install.model, bytes);
  return { adapter, manifest };
}

/** Route C beside a running server, when its models folder is one that we can see and write. */
export async function installByFolder(job: InstallJob): Promise<void> {
  const modelsFolder = path.dirname(path.dirname(job.base.weightsPath));
  if (!(await isFolderOf(modelsFolder, job))) throw unavailable('its models folder cannot be read from here');
  try {
    const install = { base: job.base.name, gguf: job.adapter.path, model: job.model };
    await installByManifest(modelsFolder, install, { signal: job.signal, onMade: job.onMade });
  } catch (error) {
    if (hasCode(error, 'STORE_READ_ONLY')) throw unavailable('its models folder cannot be written from here', error);
    throw error;
  }
  await checkModel(job, job.model);
}

/** The path is the server's own word. It is the same folder only if the base's manifest in it is the one that is served. */
async function isFolderOf(modelsFolder: string, { base }: InstallJob): Promise<boolean> {
  if (!path.isAbsolute(base.weightsPath)) return false;
  try {
    const bytes = await fs.readFile(manifestPath(modelsFolder, base.name));
    return createHash('sha256').update(bytes).digest('hex') === base.manifest;
  } catch {
    return false;
  }
}

async function readManifest(modelsFolder: string, model: string): Promise<Buffer> {
  const file = manifestPath(modelsFolder, model);
  const { size } = await fs.stat(file).catch((cause: unknown) => {
    throw new LoraSwarmError('BASE_MISSING', `${model} is not in ${modelsFolder}.`, undefined, { cause });
  });
  if (size > MAX_MANIFEST_BYTES) throw unavailable('the manifest of the base model is too large');
  return fs.readFile(file);
}

function unavailable(why: string, cause?: unknown): LoraSwarmError {
  return new LoraSwarmError(
    'OLLAMA_ROUTE_UNAVAILABLE',
    `The route "manifest" does not work with this Ollama: ${why}.`,
    undefined,
    { cause },
  );
}
