import fs from 'node:fs/promises';
import path from 'node:path';
import type { BaseModel } from '../../adapter/baseModel';
import type { RoutePlan } from '../../deployWishes';
import { LoraSwarmError } from '../../errors';
import type { Tag } from '../answers';
import type { OllamaClient } from '../client';
import { freeSpace, surveyGround, type Ground, type Needs } from './ground';
import type { InstallBase } from '../install/installJob';
import { isSameModel } from '../modelName';
import { planRoutes } from './planner';

/** A LoRA GGUF, made when a route needs it. */
export interface LoraSource {
  /** Estimated before it is made. */
  readonly bytes: number;
  /** @returns its path */
  readonly make: (signal?: AbortSignal) => Promise<string>;
}

/** A merged base, made when the route needs it. */
export interface MergedSource {
  /** Folder for what is made on the way, on a disk that has to hold a merged base. Need not be there yet. */
  readonly scratch: string;
  /** @param base path of the base's GGUF, where it can be read. @returns size, or why it can't be merged. Writes nothing. */
  readonly plan: (base: string | undefined, baseBytes: number) => Promise<Needs['merged']>;
  /** @returns its path */
  readonly make: (
    base: string,
    signal: AbortSignal | undefined,
    onProgress: (bytesDone: number, bytesTotal: number) => void,
  ) => Promise<string>;
}

/** What goes into a new model, in the two forms that it can take. */
export interface PayloadSources {
  readonly lora: LoraSource | { readonly problem: string };
  readonly merged: MergedSource | { readonly problem: string };
}

export interface Survey {
  readonly ground: Ground;
  readonly plans: readonly RoutePlan[];
}

/** What an install would meet: the base as it is now, what Ollama can do, what each route costs. Changes nothing. */
export async function surveyInstall(
  client: OllamaClient,
  request: { readonly base: BaseModel; readonly sources: PayloadSources; readonly version: string },
  signal?: AbortSignal,
): Promise<Survey> {
  const { sources } = request;
  const base = await findBase(client, await client.tags(signal), request.base, signal);
  const merged =
    'problem' in sources.merged ? sources.merged : await sources.merged.plan(await readableWeights(base), base.bytes);
  const scratchFree = 'problem' in sources.merged ? undefined : await freeSpace(path.dirname(sources.merged.scratch));
  const { lora } = sources;
  const needs: Needs = {
    adapter: 'problem' in lora ? lora : { bytes: lora.bytes },
    merged,
    ...(scratchFree === undefined ? {} : { scratchFree }),
  };
  const { version, base: model } = request;
  const ground = await surveyGround(client, { base, architecture: model.architecture, needs, version }, signal);
  return { ground, plans: planRoutes(ground) };
}

/**
 * The base as it is in Ollama now. Its name goes into requests exactly as the list has it: with another case of letters Ollama
 * would not find it and pull from the internet.
 *
 * @throws {LoraSwarmError} `BASE_MISSING`, `BASE_UNFIT`
 */
export async function findBase(
  client: OllamaClient,
  tags: readonly Tag[],
  wanted: BaseModel,
  signal?: AbortSignal,
): Promise<InstallBase> {
  const tag = tags.find(({ name }) => isSameModel(name, wanted.name));
  if (!tag) throw new LoraSwarmError('BASE_MISSING', `The base model is not in Ollama. Pull it there, then install.`);
  if (tag.isRemote)
    throw new LoraSwarmError('BASE_UNFIT', `${tag.name} runs in the cloud. Choose a base that is on this machine.`);

  const { layers, isRemote } = await client.show(tag.name, {}, signal);
  if (isRemote || !layers.weights)
    throw new LoraSwarmError('BASE_UNFIT', `${tag.name} has no weights on this machine. Choose another base.`);
  if (wanted.digest !== undefined && wanted.digest !== layers.weights.digest)
    throw new LoraSwarmError(
      'BASE_UNFIT',
      `${tag.name} has changed since the adapter was checked against it. Try again.`,
      { kind: 'retry' },
    );
  return {
    name: tag.name,
    manifest: tag.digest,
    bytes: tag.bytes,
    weights: layers.weights.digest,
    weightsPath: layers.weights.path,
    adapters: layers.adapters,
  };
}

/** The name of the file is its digest, so another server's path does not pass for ours. */
async function readableWeights({ weights, weightsPath }: InstallBase): Promise<string | undefined> {
  if (path.basename(weightsPath) !== weights.replace(':', '-')) return undefined;
  return fs.access(weightsPath, fs.constants.R_OK).then(
    () => weightsPath,
    () => undefined,
  );
}
