import type { BaseModel } from '../../adapter/baseModel';
import type { InstallResult, InstallRoute, ModelfileExtras } from '../../deployWishes';
import { LoraSwarmError, hasCode } from '../../errors';
import type { Logger } from '../../log';
import type { Tag } from '../answers';
import { withBaseFile } from '../registry/baseFile';
import type { OllamaClient } from '../client';
import { digestOf, readBlob, type Blob } from '../digest';
import { endWork, tidyUp } from './endWork';
import type { InstallBase, InstallJob, Payload, Route } from './installJob';
import type { InstallLock } from './installLock';
import { InstallWorkLog } from './installWork';
import type { MadeModel, MadeModels } from './madeModels';
import { requireConsent } from '../routes/mergeRoute';
import { chosenModelName, freshModelName, isSameModel } from '../modelName';
import { routesToTry } from '../routes/planner';
import { publish } from './publish';
import { findBase, surveyInstall, type PayloadSources, type Survey } from '../routes/survey';
import { refuseOld } from '../version';

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
  /** The adapter, checked against `base`. */
  readonly sources: PayloadSources;
  /** Whether it is the user's own. What comes from peers does not go to an Ollama with a known hole. */
  readonly isOwn: boolean;
  /** Content id of the adapter, empty for files that have none. */
  readonly adapterId: string;
  readonly release?: MadeModel['release'];
  /** A model of ours that is the very same is given instead of a second one. */
  readonly reuses?: boolean;
  readonly base: BaseModel;
  readonly author: string;
  readonly name: string;
  /** Name that the user chose for the model. */
  readonly as?: string;
  /** Name of a model of ours that the new one takes the place of. */
  readonly replaces?: string;
  readonly extras?: ModelfileExtras;
  /** Looks at the finished model under a name of ours, before it gets its own. What it throws ends the install. */
  readonly check?: (model: string, base: string) => Promise<void>;
  readonly route: InstallRoute;
  readonly isCostConfirmed: boolean;
  /** Setting `ollama.modelPrefix`. */
  readonly prefix: string;
}

export type Installed = Omit<InstallResult, 'effect'>;

/**
 * Makes a new model of a base and an adapter in Ollama, under a name that no model has, or in the place of one that we made and
 * nobody changed. Models of the user stay as they are.
 *
 * Nothing is pulled from the internet: the base has to be in Ollama's own list. Of a release only the weights go in, and what
 * of its proposals the user ticked; the rest is the base's.
 *
 * @throws {LoraSwarmError} `BASE_MISSING`, `BASE_UNFIT`, `OLLAMA_MODEL_EXISTS`, `OLLAMA_NOT_OURS`, `OLLAMA_ROUTE_UNAVAILABLE`,
 * `CONFIRM_NEEDED`, `OLLAMA_TOO_OLD`, and what `OllamaClient` throws. Nothing is left behind then.
 */
export async function installAdapter(
  parts: InstallParts,
  request: InstallRequest,
  signal?: AbortSignal,
  onProgress: (message: string) => void = () => undefined,
): Promise<Installed> {
  const version = await parts.client.version(signal);
  if (!request.isOwn) refuseOld(version);
  const survey = await surveyInstall(parts.client, { ...request, version }, signal);
  const call: InstallCall = { request, survey, signal, onProgress };

  const reasons: LoraSwarmError[] = [];
  for (const route of routesToTry(survey.plans, request)) {
    try {
      const payload = await preparePayload(parts, call, route);
      return await parts.lock.run(() => installBy(parts, call, route, payload), signal);
    } catch (error) {
      if (!hasCode(error, 'OLLAMA_ROUTE_UNAVAILABLE') || request.route !== 'auto') throw error;
      parts.log.debug(`route ${route.name}: ${error.message}`);
      reasons.push(error);
    }
  }
  throw nothingWorked(survey, request, reasons);
}

interface InstallCall {
  readonly request: InstallRequest;
  readonly survey: Survey;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (message: string) => void;
}

/** Outside the lock: a merge takes minutes, and nobody else has to wait for it. */
async function preparePayload({ client }: InstallParts, call: InstallCall, { name }: Route): Promise<Payload> {
  const { request, survey, signal, onProgress } = call;
  const { lora, merged } = request.sources;
  if (name !== 'merge') {
    if ('problem' in lora) throw new LoraSwarmError('OLLAMA_ROUTE_UNAVAILABLE', lora.problem);
    return { adapter: await readBlob(await lora.make(signal), signal) };
  }
  if ('problem' in merged) throw new LoraSwarmError('OLLAMA_ROUTE_UNAVAILABLE', merged.problem);
  const percent = (what: string) => (done: number, total: number) =>
    onProgress(`${what} ${Math.floor((100 * done) / Math.max(1, total))} %`);
  const make = async (path: string): Promise<Blob> =>
    readBlob(await merged.make(path, signal, percent('merging')), signal);
  const { base } = survey.ground;
  return {
    weights: await withBaseFile(client, base.name, merged.scratch, make, signal, percent('reading the base')),
  };
}

/** Holds the lock. */
async function installBy(parts: InstallParts, call: InstallCall, route: Route, payload: Payload): Promise<Installed> {
  const { client, made, log } = parts;
  const { request, survey, signal, onProgress } = call;
  await tidyUp(parts, signal);
  const before = await client.tags(signal);
  const base = await findBase(client, before, request.base, signal);
  const { extras, release, adapterId } = request;
  const recipe = recipeOf(base, payload, extras);
  const same = request.reuses ? findSame(parts, before, recipe, request.as) : undefined;
  if (same) {
    log.info(`model ${same.model} in Ollama is the same already`);
    return { ...same, base: base.name };
  }

  const replaces = request.replaces === undefined ? undefined : requireOurs(parts, before, request.replaces);
  const model = replaces?.model ?? chooseName(request, before);
  const bytesOnDisk = (payload.weights ?? payload.adapter)?.bytes ?? 0;
  const work = new InstallWorkLog(made, {
    url: client.url,
    model,
    base: base.name,
    ...(replaces ? { replaces: replaces.digest } : {}),
  });
  const ground = { ...survey.ground, base };
  const job: InstallJob = { client, log, base, ground, payload, extras, work, onStatus: onProgress, signal };
  const record: Omit<MadeModel, 'digest'> = {
    adapterId,
    base: base.name,
    route: route.name,
    bytesOnDisk,
    recipe,
    ...(release === undefined ? {} : { release }),
  };
  try {
    const staged = await route.stage(job);
    await request.check?.(staged, base.name);
    await publish(job, staged, record, {
      weights: payload.weights?.digest ?? base.weights,
      adapters: [...base.adapters, ...(payload.adapter ? [payload.adapter.digest] : [])],
    });
    made.add(model, work.state.made!);
  } catch (error) {
    work.abandon();
    throw error;
  } finally {
    await end(parts, work);
  }
  await checkOthers(parts, before, model);
  log.info(`made model ${model} in Ollama from ${base.name} by route ${route.name}`);
  const result: Installed = { model, route: route.name, base: base.name, bytesOnDisk };
  return replaces?.adapterId ? { ...result, replaced: replaces.adapterId } : result;
}

/** Also after a cancel, so not with the caller's signal. What can't be ended now stays written down. */
async function end(parts: InstallParts, work: InstallWorkLog): Promise<void> {
  try {
    await endWork(parts, work.state, AbortSignal.timeout(CLEANUP_MS));
  } catch (error) {
    parts.log.warn(`could not tidy up after the install of ${work.state.model}: ${String(error)}`);
  }
}

/** All that decides what the model is. */
function recipeOf({ manifest }: InstallBase, { weights, adapter }: Payload, extras: ModelfileExtras = {}): string {
  return digestOf(JSON.stringify([manifest, weights?.digest ?? '', adapter?.digest ?? '', extras]));
}

/** A model that we made by the same recipe and that nobody changed: asking twice gives it twice. */
function findSame({ made }: InstallParts, tags: readonly Tag[], recipe: string, as: string | undefined) {
  const same = made
    .list()
    .find(
      (record) =>
        record.recipe === recipe &&
        (as === undefined || isSameModel(as, record.model)) &&
        tags.some(({ name, digest }) => digest === record.digest && isSameModel(name, record.model)),
    );
  if (!same?.route) return undefined;
  const { model, route, bytesOnDisk = 0 } = same;
  return { model, route, bytesOnDisk };
}

/** @throws {LoraSwarmError} `OLLAMA_NOT_OURS` unless we made the model and it still is what we made. */
export function requireOurs({ made }: Pick<InstallParts, 'made'>, tags: readonly Tag[], wanted: string) {
  const record = made.list().find(({ model }) => isSameModel(model, wanted));
  const tag = tags.find(({ name }) => isSameModel(name, wanted));
  if (record && tag?.digest === record.digest) return record;
  const why = record ? 'was changed or removed since LoRA Swarm made it' : 'was not made by LoRA Swarm';
  throw new LoraSwarmError('OLLAMA_NOT_OURS', `${wanted} ${why}, so it is not updated. Install under a new name.`);
}

function chooseName({ as, prefix, author, name }: InstallRequest, tags: readonly Tag[]): string {
  const taken = tags.map((tag) => tag.name);
  return as === undefined ? freshModelName(prefix, author, name, taken) : chosenModelName(as, taken);
}

function nothingWorked({ plans }: Survey, request: InstallRequest, reasons: readonly LoraSwarmError[]): LoraSwarmError {
  const merge = plans.find(({ isPossible, needsConsent }) => isPossible && needsConsent);
  if (merge && !request.isCostConfirmed) requireConsent(merge.bytesOnDisk);
  const message = `No way to add an adapter works with this Ollama. ${reasons.map((reason) => reason.message).join(' ')}`;
  return new LoraSwarmError('OLLAMA_ROUTE_UNAVAILABLE', message, undefined, { cause: new AggregateError(reasons) });
}

/** Every model from before is still what it was. Not our doing when not: then somebody else worked in Ollama meanwhile. */
async function checkOthers({ client, log }: InstallParts, before: readonly Tag[], model: string): Promise<void> {
  const tags = await client.tags().catch(() => undefined);
  if (!tags) return; // The model is made; looking once more is a courtesy.
  const after = new Map(tags.map(({ name, digest }) => [name, digest]));
  const changed = before
    .filter(({ name, digest }) => !isSameModel(name, model) && after.get(name) !== digest)
    .map(({ name }) => name);
  if (changed.length > 0) log.warn(`while ${model} was made, other models changed: ${changed.join(', ')}`);
}
