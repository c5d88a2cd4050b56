import { join } from 'node:path';
import type { BaseModel } from '../adapter/baseModel';
import type { AdapterProblem } from '../adapter/adapterInfo';
import type { InstallPlan, InstallRequest, RoutePlan } from '../deployWishes';
import { LoraSwarmError, hasCode } from '../errors';
import type { Tag } from '../ollama/answers';
import { freshModelName, isSameModel } from '../ollama/modelName';
import { ROUTES, firstRoute } from '../ollama/routes/planner';
import { impossible } from '../ollama/routes/routePlan';
import { surveyInstall, type PayloadSources } from '../ollama/routes/survey';
import { refuseOld } from '../ollama/version';
import type { VerdictState } from '../state';
import type { WishOptions } from '../wishes';
import { authorProblems } from './authorProblems';
import { judgeTarget, pickBase } from './install';
import { findParts, isOwn, namesOf, payloadOf, readParts, type InstallFlowParts } from './installParts';
import type { FoundTarget } from './targets';
import { findUpdate } from './updates';

/**
 * What an install would do: the base it would take, each route with its cost or with the reason against it. Also for an adapter
 * that was not downloaded yet, by what its release says. Writes nothing, here and in Ollama.
 *
 * @throws {LoraSwarmError} `ID_UNKNOWN`, `ID_AMBIGUOUS`, `OLLAMA_UNREACHABLE`, and what keeps the files from being read.
 */
export async function planInstall(
  parts: InstallFlowParts,
  request: InstallRequest,
  { signal }: WishOptions = {},
): Promise<InstallPlan> {
  const { client } = parts.ollama;
  const version = await client.version(signal);
  const found = await findParts(parts, request, signal);
  const targets = found.map(({ target }) => target);
  const [main] = targets as [FoundTarget, ...FoundTarget[]];
  const tags = await client.tags(signal);
  const update = findUpdate(parts, main, tags, request);
  const wanted = request.base ?? (request.isUpdate === true ? update?.base : undefined);
  const verdict = await judgeTarget(
    parts,
    { target: request.target, ...(wanted === undefined ? {} : { base: wanted }) },
    signal,
  );

  const isHere = targets.every(({ path }) => path !== undefined);
  const adapters = isHere ? await readParts(found, signal) : [];
  const problems: readonly AdapterProblem[] = [
    ...targets.flatMap(({ release }) => authorProblems(parts, release)),
    ...adapters.flatMap(({ info }) => info.problems),
  ];
  const names = namesOf(parts, main, adapters[0]?.info);
  const model =
    (request.isUpdate === true ? update?.model : request.as) ??
    freshModelName(parts.settings()['ollama.modelPrefix'], names.author, names.name, namesIn(tags));
  const extras = main.release?.release.extras;
  const plan: Omit<InstallPlan, 'routes' | 'chosen' | 'base'> = {
    verdict,
    model,
    problems,
    ...(update ? { updates: update.model } : {}),
    ...(extras ? { extras } : {}),
  };

  try {
    if (!(await isOwn(parts, targets))) refuseOld(version);
    const base = await pickBase(parts, main, wanted, signal);
    const scratch = join(parts.store.paths.temporary, 'plan'); // Named, and not made.
    const sources = isHere ? payloadOf(adapters, base, scratch) : offered(main, scratch);
    const { ground, plans } = await surveyInstall(client, { base, sources, version }, signal);
    const chosen = firstRoute(plans, { route: request.route ?? 'auto' });
    return {
      ...plan,
      base: ground.base.name,
      routes: plans,
      ...(chosen === undefined ? {} : { chosen }),
    };
  } catch (error) {
    if (!hasCode(error, ...NO_WAY)) throw error;
    return { ...plan, routes: nowhere(error), ...(await baseOf(parts, verdict, wanted)) };
  }
}

/** What makes an install impossible and belongs into the plan. */
const NO_WAY = [
  'BASE_MISSING',
  'BASE_UNFIT',
  'BASE_UNKNOWN',
  'OLLAMA_TOO_OLD',
  'OLLAMA_MODEL_UNKNOWN',
  'CONVERT_UNSUPPORTED',
  'ADAPTER_CONTRADICTION',
  'ADAPTER_CONFIG_MISSING',
] as const;

function nowhere({ message }: LoraSwarmError): readonly RoutePlan[] {
  return ROUTES.map(({ name }) => impossible(name, message));
}

async function baseOf(
  { ollama }: InstallFlowParts,
  { base }: VerdictState,
  wanted: string | undefined,
): Promise<{ readonly base?: string }> {
  const bases: readonly BaseModel[] = await ollama.basesIfThere();
  const name = base ?? bases.find((one) => wanted !== undefined && isSameModel(one.name, wanted))?.name;
  return name === undefined ? {} : { base: name };
}

/** Sizes by the word of the release. Whether a LoRA GGUF can carry it is seen when the files are here. */
function offered({ release }: FoundTarget, scratch: string): PayloadSources {
  const said = release?.release;
  const bytes = said?.format === 'gguf' ? said.bytes : (said?.parameters ?? 0) * 4 || (said?.bytes ?? 0);
  const make = (): Promise<string> =>
    Promise.reject(new LoraSwarmError('ID_UNKNOWN', 'This adapter is not on this machine yet. Download it first.'));
  return {
    lora: { bytes, make },
    merged: { scratch, plan: (_base, baseBytes) => Promise.resolve({ bytes: baseBytes }), make },
  };
}

function namesIn(tags: readonly Tag[]): string[] {
  return tags.map(({ name }) => name);
}
