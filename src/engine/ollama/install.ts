import type { BaseModel } from '../adapter/baseModel';
import { LoraSwarmError, hasCode } from '../errors';
import type { Logger } from '../log';
import type { InstallResult, InstallRoute } from '../deployWishes';
import type { Tag } from './answers';
import type { OllamaClient } from './client';
import { installByCreate } from './createRoute';
import { readBlob } from './digest';
import type { InstallJob, Route } from './installJob';
import type { InstallLock } from './installLock';
import type { MadeModels } from './madeModels';
import { installByFolder } from './manifestRoute';
import { chosenModelName, freshModelName, isSameModel } from './modelName';
import { installByRegistry } from './registryRoute';
import { removeLeftovers } from './staging';
import { refuseOld } from './version';

/** Time that tidying up may take after a failure or a cancel. */
const CLEANUP_MS = 10_000;

export interface InstallParts {
  readonly client: OllamaClient;
  readonly made: MadeModels;
  readonly log: Logger;
  /** One for all installs into the same Ollama. */
  readonly lock: InstallLock;
}

export interface InstallRequest {
  /** Path of a validated LoRA GGUF that fits `base`. */
  readonly gguf: string;
  /** Content id of the adapter. */
  readonly adapterId: string;
  readonly base: BaseModel;
  readonly author: string;
  readonly name: string;
  /** Name that the user chose for the model. */
  readonly as?: string;
  readonly route: InstallRoute;
  /** Setting `ollama.modelPrefix`. */
  readonly prefix: string;
}

export type Installed = Omit<InstallResult, 'effect'>;

type RouteName = Installed['route'];

const ROUTES: Readonly<Record<Exclude<RouteName, 'merge'>, Route>> = {
  create: installByCreate,
  pull: installByRegistry,
  manifest: installByFolder,
};

/** Cheapest first. Each says `OLLAMA_ROUTE_UNAVAILABLE` where it can't work. */
const AUTO_ORDER: readonly (keyof typeof ROUTES)[] = ['create', 'pull', 'manifest'];

/**
 * Makes a new model of a base and an adapter in Ollama, under a name that no model has. Models of the user stay as they are.
 *
 * Nothing is pulled from the internet: the base has to be in Ollama's own list. Of the adapter only the weights go in;
 * template, system text and parameters are the base's. The adapter takes its own size on disk, the base is not copied.
 *
 * @throws {LoraSwarmError} `BASE_MISSING`, `BASE_UNFIT`, `OLLAMA_MODEL_EXISTS`, `OLLAMA_ROUTE_UNAVAILABLE`, `OLLAMA_TOO_OLD`,
 * and what `OllamaClient` throws. Nothing is left behind then.
 */
export function installAdapter(
  parts: InstallParts,
  request: InstallRequest,
  signal?: AbortSignal,
  onProgress: (message: string) => void = () => undefined,
): Promise<Installed> {
  return parts.lock.run(() => install(parts, request, signal, onProgress), signal);
}

async function install(
  parts: InstallParts,
  request: InstallRequest,
  signal: AbortSignal | undefined,
  onProgress: (message: string) => void,
): Promise<Installed> {
  const { client, log } = parts;
  refuseOld(await client.version(signal));
  await removeLeftovers(client, log, signal);
  const before = await client.tags(signal);
  const base = await findBase(client, before, request.base, signal);
  const taken = before.map(({ name }) => name);
  const model =
    request.as === undefined
      ? freshModelName(request.prefix, request.author, request.name, taken)
      : chosenModelName(request.as, taken);
  const adapter = await readBlob(request.gguf, signal);

  const onMade = (digest: string): void => parts.made.add(model, { digest, adapterId: request.adapterId });
  const job: InstallJob = { client, log, model, base, adapter, onStatus: onProgress, onMade, signal };
  try {
    const route = await takeRoute(job, request.route);
    await checkOthers(parts, before, model);
    log.info(`made model ${model} in Ollama from ${base.name} by route ${route}`);
    return { model, route, base: base.name, bytesOnDisk: adapter.bytes };
  } catch (error) {
    await takeBack(parts, model);
    throw error;
  }
}

async function takeRoute(job: InstallJob, wanted: InstallRoute): Promise<RouteName> {
  if (wanted === 'merge')
    throw new LoraSwarmError('OLLAMA_ROUTE_UNAVAILABLE', 'Models are not merged yet. Choose another route.');
  if (wanted !== 'auto') {
    await ROUTES[wanted](job);
    return wanted;
  }
  const reasons: LoraSwarmError[] = [];
  for (const route of AUTO_ORDER) {
    try {
      await ROUTES[route](job);
      return route;
    } catch (error) {
      if (!hasCode(error, 'OLLAMA_ROUTE_UNAVAILABLE')) throw error;
      job.log.debug(`route ${route}: ${error.message}`);
      reasons.push(error);
    }
  }
  throw new LoraSwarmError(
    'OLLAMA_ROUTE_UNAVAILABLE',
    'No way to add an adapter works with this Ollama. The log says why for each.',
    undefined,
    { cause: new AggregateError(reasons) },
  );
}

/**
 * The base as it is in Ollama now. Its name goes into requests exactly as the list has it: with another case of letters Ollama
 * would not find it and pull from the internet.
 */
async function findBase(
  client: OllamaClient,
  tags: readonly Tag[],
  wanted: BaseModel,
  signal: AbortSignal | undefined,
): Promise<InstallJob['base']> {
  const tag = tags.find(({ name }) => isSameModel(name, wanted.name));
  if (!tag) throw new LoraSwarmError('BASE_MISSING', `The base model is not in Ollama. Pull it there, then install.`);
  if (tag.isRemote)
    throw new LoraSwarmError('BASE_UNFIT', `${tag.name} runs in the cloud. Choose a base that is on this machine.`);

  const { layers, isRemote } = await client.show(tag.name, {}, signal);
  if (isRemote || !layers.weights)
    throw new LoraSwarmError('BASE_UNFIT', `${tag.name} has no weights on this machine. Choose another base.`);
  if (layers.adapters.length > 0)
    throw new LoraSwarmError(
      'BASE_UNFIT',
      `${tag.name} already carries an adapter. Choose the model it was made from.`,
    );
  if (wanted.digest !== undefined && wanted.digest !== layers.weights.digest)
    throw new LoraSwarmError(
      'BASE_UNFIT',
      `${tag.name} has changed since the adapter was checked against it. Try again.`,
      { kind: 'retry' },
    );
  return { name: tag.name, manifest: tag.digest, weights: layers.weights.digest, weightsPath: layers.weights.path };
}

/** Every model from before is still what it was. Not our doing when not: then somebody else worked in Ollama meanwhile. */
async function checkOthers({ client, log }: InstallParts, before: readonly Tag[], model: string): Promise<void> {
  const after = new Map((await client.tags()).map(({ name, digest }) => [name, digest]));
  const changed = before.filter(({ name, digest }) => after.get(name) !== digest).map(({ name }) => name);
  if (changed.length > 0) log.warn(`while ${model} was made, other models changed: ${changed.join(', ')}`);
}

/** Removes what an install that failed left under the model's name. Also after a cancel, so not with the caller's signal. */
async function takeBack({ client, made, log }: InstallParts, model: string): Promise<void> {
  const record = made.get(model);
  if (!record) return; // It never got that far.
  try {
    const signal = AbortSignal.timeout(CLEANUP_MS);
    const tag = (await client.tags(signal)).find(({ name }) => isSameModel(name, model));
    if (tag?.digest === record.digest) await client.delete(tag.name, signal);
    made.remove(model);
  } catch (error) {
    // The record stays, so that the model, if it is there, can still be removed as ours.
    log.warn(`could not look whether ${model} was left behind: ${String(error)}`);
  }
}
