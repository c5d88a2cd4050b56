import fs from 'node:fs/promises';
import { hasCode } from '../../errors';
import type { Logger } from '../../log';
import type { Tag } from '../answers';
import type { OllamaClient } from '../client';
import { answerOf } from '../http';
import type { InstallWork, MadeModels } from './madeModels';
import { isSameModel } from '../modelName';
import { isTemporaryFile } from '../modelsFolder';
import { removeLeftovers } from './staging';
import { sweepBlobs } from './sweepBlobs';

export interface WorkParts {
  readonly client: OllamaClient;
  readonly made: MadeModels;
  readonly log: Logger;
}

/**
 * Brings an install to its end, whether it went well, failed, or its program died at any point: the model is there whole and on
 * record, or what was there before is; names of ours, files and blobs that nothing needs are gone. Doing it again is harmless.
 *
 * @throws as `OllamaClient`. The work is kept then and ended at the next start or install.
 */
export async function endWork(parts: WorkParts, work: InstallWork, signal?: AbortSignal): Promise<void> {
  const { client, made } = parts;
  const tags = await client.tags(signal);
  const isPublished = await settleName(parts, work, tags, signal);
  for (const name of work.staged) await removeStaged(client, work, name, signal);
  for (const file of work.files) if (isTemporaryFile(file)) await fs.rm(file, { force: true });
  if (!isPublished) await sweepBlobs(parts, work.blobs, signal);
  made.endWork(work.id);
}

/** Ends all that was begun in this Ollama and did not end. Never throws for what Ollama refuses: the next time tries again. */
export async function tidyUp(parts: WorkParts, signal?: AbortSignal): Promise<void> {
  const { client, made, log } = parts;
  for (const work of made.works().filter(({ url }) => url === client.url)) {
    try {
      await endWork(parts, work, signal);
      log.info(`tidied up after an install of ${work.model} that did not end`);
    } catch (error) {
      if (!hasCode(error, 'OLLAMA_REFUSED', 'OLLAMA_FAILED', 'OLLAMA_MODEL_UNKNOWN')) throw error;
      log.warn(`could not tidy up after an install of ${work.model} that did not end: ${error.message}`);
    }
  }
  await removeLeftovers(client, log, signal);
}

/** Decides between the old and the new model. @returns whether the new one has the name */
async function settleName(
  { client, made }: WorkParts,
  work: InstallWork,
  tags: readonly Tag[],
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { model, replaces, isAbandoned } = work;
  if (!work.made) return false; // It never came near the name.
  const { digest } = work.made;
  const there = tags.find(({ name }) => isSameModel(name, model));
  const kept = (wanted: string | undefined): string | undefined =>
    tags.find((tag) => tag.digest === wanted && work.staged.includes(tag.name))?.name;

  if (there?.digest === digest && !isAbandoned) {
    made.add(model, work.made);
    return true;
  }
  if (there && there.digest !== digest) return false; // The old one, or one of the user's by now.

  // Half written when Ollama ended in the middle of the copy, or taken back.
  const old = kept(replaces);
  const next = isAbandoned ? undefined : kept(digest);
  if (next !== undefined) {
    await client.copy(next, model, signal);
    made.add(model, work.made);
    return true;
  }
  if (old !== undefined) await client.copy(old, there?.name ?? model, signal);
  else {
    await removeStaged(client, work, there?.name ?? model, signal);
    if (made.get(model)?.digest === (replaces ?? digest)) made.remove(model);
  }
  return false;
}

/** Ollama does not delete a name whose manifest is half written, but it replaces it. */
async function removeStaged(
  client: OllamaClient,
  { base }: InstallWork,
  name: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await client.delete(name, signal);
  } catch (error) {
    if (answerOf(error)?.status !== 500) throw error;
    await client.copy(base, name, signal);
    await client.delete(name, signal);
  }
}
