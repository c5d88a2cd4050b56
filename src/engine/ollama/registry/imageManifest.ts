import { LoraSwarmError } from '../../errors';

/** Real ones are below 2 KB. */
export const MAX_MANIFEST_BYTES = 1024 * 1024;
export const MANIFEST_TYPE = 'application/vnd.docker.distribution.manifest.v2+json';
export const CONFIG_TYPE = 'application/vnd.docker.container.image.v1+json';
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

/** What makes a model of its own of a base: other weights, an adapter on top, or both. */
export interface ManifestChange {
  /** Name of the base. */
  readonly from: string;
  readonly weights?: { readonly digest: string; readonly bytes: number };
  readonly adapter?: { readonly digest: string; readonly bytes: number };
}

/** The manifest of a base, changed: same config, template, parameters, licence, and the adapters that it has. */
export function changedManifest(manifest: ImageManifest, { from, weights, adapter }: ManifestChange): Buffer {
  const layers = manifest.layers.map((layer): ImageLayer => {
    if (layer.mediaType !== MODEL_LAYER) return layer;
    return { ...layer, from, ...(weights ? { digest: weights.digest, size: weights.bytes } : {}) };
  });
  const added: ImageLayer[] = adapter
    ? [{ mediaType: ADAPTER_LAYER, digest: adapter.digest, size: adapter.bytes }]
    : [];
  return Buffer.from(JSON.stringify({ ...manifest, layers: [...layers, ...added] }));
}

/** A model that is nothing but these blobs. Ollama drops them with it, as far as no other model has them. */
export function blobsOnly(blobs: readonly string[]): Buffer {
  const layers = blobs.map((digest) => ({ mediaType: ADAPTER_LAYER, digest, size: 0 }));
  const config = { mediaType: CONFIG_TYPE, digest: '', size: 0 };
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST_TYPE, config, layers }));
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
