import fs from 'node:fs/promises';
import path from 'node:path';
import { LoraSwarmError } from '../../engine/errors';
import { CHUNK_BYTES } from '../../engine/limits';
import { readBlob } from '../../engine/ollama/digest';
import { chunkCount } from '../../engine/release/manifest';
import type { GetResult } from '../../engine/wishes';
import { formatBytes } from '../format';
import type { Swarm } from './meet';
import type { Place } from './place';

/** The adapter file that every PEFT run has. */
const WEIGHTS = 'adapter_model.safetensors';

export interface Fetched extends GetResult {
  /** `sha256:<hex>` of the weights, the same on both sides. */
  readonly digest: string;
}

/** Fetches what the other one shares, and compares the files with the source. */
export async function fetchAdapter(place: Place, { client, shared, source }: Swarm): Promise<Fetched> {
  const { context, ground, steps } = place;
  const { signal, output } = context;
  const got = await client.wish('get', { target: shared.id }, { signal, onProgress: output.progress });
  const rate = got.seconds > 0 ? (got.bytes - got.resumedBytes) / got.seconds : 0;
  const names = ['adapter_config.json', WEIGHTS];
  const sizes = await Promise.all(names.map(async (name) => (await fs.stat(path.join(got.path, name))).size));
  const chunks = sizes.reduce((sum, size) => sum + chunkCount(size), 0);
  steps.done(
    'fetch',
    { ...got, rate: Math.round(rate), chunks },
    `${formatBytes(got.bytes)} over Hyperswarm in ${got.seconds.toFixed(2)} s, ${formatBytes(rate)}/s, from ${got.sources} source`,
    `${chunks} chunks of ${CHUNK_BYTES / 1024} KiB verified on arrival, ${formatBytes(got.refetchedBytes)} fetched again`,
  );

  const [sent, arrived] = await Promise.all([
    readBlob(path.join(source, WEIGHTS), signal),
    readBlob(path.join(got.path, WEIGHTS), signal),
  ]);
  const { adapters } = await client.wish('library', {}, { signal });
  if (sent.digest !== arrived.digest || !adapters.some(({ id }) => id === shared.id))
    throw new LoraSwarmError('DEMO_FAILED', 'What arrived is not what was shared.');
  steps.done(
    'library',
    { path: got.path, digest: arrived.digest, bytes: arrived.bytes },
    path.relative(ground.folder, got.path),
    `${WEIGHTS} is byte for byte the shared one, ${arrived.digest.slice(0, 19)}`,
  );
  return { ...got, digest: arrived.digest };
}
