import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AdapterInfo } from '../../adapter/adapterInfo';
import { deltaNorms } from '../../adapter/deltaNorms';
import { fitProblems } from '../../adapter/fit';
import { inspectAdapter } from '../../adapter/inspect';
import { hasCode } from '../../errors';
import { readableBlob } from '../registry/baseFile';
import type { OllamaClient } from '../client';
import { exportBlob } from '../registry/export';
import { findTag } from '../findTag';
import { readBase } from '../models';

/** Looking for a reason may take this long. Without one there is still a sentence. */
const SEARCH_MS = 60_000;
/** `general.file_type` of bases whose tensors keep their type in a merge: F32, F16, Q8_0, BF16. */
const KEPT_FILE_TYPES: readonly number[] = [0, 1, 7, 32];
const MERGE = 'Install it with the route "merge", which needs no adapters in Ollama.';

/** Why a model with an adapter does what its base does, as far as its layers and the adapter's file tell. */
export async function whyNoEffect(
  client: OllamaClient,
  base: string,
  model: string,
  signal?: AbortSignal,
): Promise<string> {
  return search(
    signal,
    "Why could not be found out: look at the adapter's alpha and at its training.",
    async (limit) => {
      const [own, ofBase] = [(await client.show(model, {}, limit)).layers, (await client.show(base, {}, limit)).layers];
      const added = own.adapters.filter((digest) => !ofBase.adapters.includes(digest));
      if (added.length === 0) {
        if (own.weights?.digest !== ofBase.weights?.digest)
          return 'The adapter was merged into the weights, and they still answer the same: it changes next to nothing. Look at its alpha and at its training.';
        return 'The model consists of the base alone: Ollama dropped the adapter, or merging it changed nothing. Look at its alpha, or install it again.';
      }
      const norms = await withAdapters(client, model, added, limit, async (infos) =>
        (await Promise.all(infos.map((info) => deltaNorms(info, limit)))).flat(),
      );
      const largest = Math.max(0, ...norms.map(({ norm }) => norm));
      if (norms.length > 0 && largest === 0)
        return 'All its B matrices are zero, as before the first step of a training. Take another checkpoint.';
      if (norms.length > 0 && largest < 1e-4)
        return `It changes next to nothing: the strongest module has a norm of ${largest.toExponential(0)}. Look at its alpha and at its training.`;
      return `Its file is in the model and is not empty, so this Ollama leaves it out. ${MERGE}`;
    },
  );
}

/**
 * What moves the answers of a model beside its adapter. Merging writes the tensors of a quantized base in a wider type, and these run
 * with other roundings: measured, that alone can move log-probabilities by more than an adapter does.
 */
export async function whatElseChanged(
  client: OllamaClient,
  base: string,
  model: string,
  signal?: AbortSignal,
): Promise<string> {
  return search(signal, '', async (limit) => {
    const [own, ofBase] = [await client.show(model, {}, limit), await client.show(base, {}, limit)];
    const isMerged = own.layers.weights?.digest !== ofBase.layers.weights?.digest;
    const isKept = KEPT_FILE_TYPES.includes(Number(ofBase.modelInfo['general.file_type'] ?? -1));
    if (!isMerged || isKept) return '';
    return 'The base is quantized, and merging writes what the adapter touches in a wider type: part of the move may come from that.';
  });
}

/** What keeps a model from loading whose base runs: Ollama only says that its process ended, so we look ourselves. */
export async function whyNotLoaded(
  client: OllamaClient,
  base: string,
  model: string,
  said: string,
  signal?: AbortSignal,
): Promise<string> {
  if (/loras? are not yet implemented/i.test(said))
    return `Ollama runs ${base}, but this version runs no adapters on this kind of model. ${MERGE}`;
  const unknown = `Ollama runs ${base}, but not the model, and says only "${said}".`;
  return search(signal, unknown, async (limit) => {
    const { adapters } = (await client.show(model, {}, limit)).layers;
    if (adapters.length === 0)
      return `Ollama runs ${base}, but ends when it loads the weights of the model (${said}). Its log says more.`;
    const problem = await problemOf(client, base, model, adapters, limit);
    if (problem !== undefined) return problemFound(base, problem);
    return `Ollama runs ${base}, but ends when it loads the adapter (${said}). Our own check finds nothing wrong with it, so this Ollama may no longer run adapters. ${MERGE}`;
  });
}

/** Why a model whose base runs broke off, if our own check finds a reason. It may as well have been ended from outside. */
export async function whyBrokenOff(
  client: OllamaClient,
  base: string,
  model: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const found = await search(signal, '', async (limit) => {
    const { adapters } = (await client.show(model, {}, limit)).layers;
    const problem = await problemOf(client, base, model, adapters, limit);
    return problem === undefined ? '' : problemFound(base, problem);
  });
  return found === '' ? undefined : found;
}

const problemFound = (base: string, problem: string): string =>
  `Ollama runs ${base}, but ends when it loads the adapter. What is wrong with it: ${problem}`;

async function problemOf(
  client: OllamaClient,
  base: string,
  model: string,
  adapters: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const known = await readBase(client, base, signal);
  return withAdapters(client, model, adapters, signal, (infos) =>
    Promise.resolve(infos.flatMap((info) => problemsOf(info, known))[0]?.message),
  ).catch((error: unknown) => {
    if (hasCode(error, 'ADAPTER_UNREADABLE')) return 'its file is damaged. Install it again.';
    throw error;
  });
}

function problemsOf(info: AdapterInfo, base: Parameters<typeof fitProblems>[1]): { readonly message: string }[] {
  return [...info.problems.filter(({ severity }) => severity === 'refuse'), ...fitProblems(info, base)];
}

/** What the files of these adapters say: read in place, or handed over by Ollama for this moment. */
async function withAdapters<T>(
  client: OllamaClient,
  model: string,
  digests: readonly string[],
  signal: AbortSignal,
  use: (infos: readonly AdapterInfo[]) => Promise<T>,
): Promise<T> {
  const tag = await findTag(client, model, signal);
  const { weights } = (await client.show(tag.name, {}, signal)).layers;
  const scratch = await mkdtemp(join(tmpdir(), 'lora-swarm-'));
  try {
    const infos: AdapterInfo[] = [];
    for (const digest of digests) {
      const inPlace = await readableBlob(weights?.path, digest, tag);
      const path = inPlace ?? join(scratch, digest.replace(':', '-'));
      if (inPlace === undefined) await exportBlob(client, tag.name, digest, path, signal);
      infos.push(await inspectAdapter(path, { signal }));
    }
    return await use(infos);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function search(
  signal: AbortSignal | undefined,
  otherwise: string,
  look: (limit: AbortSignal) => Promise<string>,
): Promise<string> {
  const late = AbortSignal.timeout(SEARCH_MS);
  try {
    return await look(signal ? AbortSignal.any([signal, late]) : late);
  } catch {
    return otherwise; // A reason is welcome, not needed: the outcome is known.
  }
}
