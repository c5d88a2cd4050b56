import { isLoopbackUrl } from '../address';
import { answerOf } from '../http';
import { blobsOnly } from '../registry/imageManifest';
import type { WorkParts } from './endWork';
import { LoopbackRegistry } from '../registry/loopbackRegistry';

/**
 * Lets Ollama drop blobs that we uploaded and that no model has. It does so by itself at a start, an hour later at the earliest,
 * and a merged base is gigabytes. Ollama counts: a model of these blobs is made and deleted, and what other models share stays.
 *
 * Where it can't be done, they wait for Ollama's own turn.
 */
export async function sweepBlobs(
  { client, log }: WorkParts,
  blobs: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  if (!isLoopbackUrl(client.url)) return;
  const there = [];
  for (const digest of blobs) if (await client.hasBlob(digest, signal)) there.push(digest);
  if (there.length === 0) return;

  const registry = new LoopbackRegistry();
  await registry.open();
  registry.serve(blobsOnly(there));
  try {
    await client.pull(registry.model, undefined, signal);
    await client.delete(registry.model, signal);
  } catch (error) {
    if (!answerOf(error)) throw error; // Away: the next time.
    log.debug(`${there.join(', ')} wait for the next start of Ollama: ${String(error)}`);
  } finally {
    await registry.close();
  }
}
