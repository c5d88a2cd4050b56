import { LoraSwarmError } from '../errors';

/** Real ones are below 2 KB. */
export const MAX_MANIFEST_BYTES = 1024 * 1024;
export const MANIFEST_TYPE = 'application/vnd.docker.distribution.manifest.v2+json';
export const MODEL_LAYER = 'application/vnd.ollama.image.model';
export const ADAPTER_LAYER = 'application/vnd.ollama.image.adapter';
const MAX_LAYERS = 10_000;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

export interface ImageLayer {
  readonly mediaType: string;
  /** `sha256:<hex>` */
  readonly digest: string;
  readonly size: number;
  readonly from?: string;
}

/** What Ollama keeps for one model: which blobs it consists of. Unknown fields stay as they are. */
export interface ImageManifest {
  readonly config: ImageLayer;
  readonly layers: readonly ImageLayer[];
}

/**
 * Reads a manifest of the local Ollama.
 *
 * @throws {LoraSwarmError} `OLLAMA_ROUTE_UNAVAILABLE` for one that we don't know how to extend: a list of variants, or
 * weights that are not one GGUF file.
 */
export function parseImageManifest(bytes: Uint8Array): ImageManifest {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw unknownShape('no JSON', error);
  }
  if (!isObject(value) || !isLayer(value['config'])) throw unknownShape('no config');
  const { layers } = value;
  if (!Array.isArray(layers) || layers.length > MAX_LAYERS || !layers.every(isLayer)) throw unknownShape('no layers');
  if (layers.filter(({ mediaType }) => mediaType === MODEL_LAYER).length !== 1) throw unknownShape('not one GGUF file');
  return value as unknown as ImageManifest;
}

/** The manifest of `base` with an adapter on top: same config, template, parameters, licence. */
export function withAdapter(
  manifest: ImageManifest,
  base: string,
  adapter: { readonly digest: string; readonly bytes: number },
): Buffer {
  const layers = manifest.layers.map((layer) => (layer.mediaType === MODEL_LAYER ? { ...layer, from: base } : layer));
  const added: ImageLayer = { mediaType: ADAPTER_LAYER, digest: adapter.digest, size: adapter.bytes };
  return Buffer.from(JSON.stringify({ ...manifest, layers: [...layers, added] }));
}

function isLayer(value: unknown): value is ImageLayer {
  return (
    isObject(value) &&
    typeof value['mediaType'] === 'string' &&
    typeof value['digest'] === 'string' &&
    DIGEST.test(value['digest']) &&
    Number.isSafeInteger(value['size'])
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unknownShape(what: string, cause?: unknown): LoraSwarmError {
  return new LoraSwarmError(
    'OLLAMA_ROUTE_UNAVAILABLE',
    `Ollama keeps this base model in a form that adapters can't be added to (${what}).`,
    undefined,
    { cause },
  );
}
