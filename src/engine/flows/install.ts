import { mkdir, rm } from 'node:fs/promises';
import type { AdapterShape } from '../adapter/adapterInfo';
import { fingerprintOfGguf } from '../adapter/baseFingerprint';
import type { BaseModel } from '../adapter/baseModel';
import { convertAdapter } from '../adapter/convert';
import { fitProblems, isOnlyByMerge } from '../adapter/fit';
import { baseModelFromGguf } from '../adapter/ggufBaseModel';
import { suggestPull } from '../adapter/lineage';
import { judgeShape, mergedOnly } from '../adapter/verdict';
import { LoraSwarmError, hasCode } from '../errors';
import { checkEffect } from '../ollama/effect/effect';
import { installAdapter } from '../ollama/install/install';
import { isSameModel } from '../ollama/modelName';
import { readBase } from '../ollama/models';
import { uninstallModel } from '../ollama/install/uninstall';
import type { VerdictState } from '../state';
import type { EffectResult, InstallResult, ModelfileExtra, ModelfileExtras } from '../deployWishes';
import type { WishOptions, Wishes } from '../wishes';
import { findParts, isOwn, namesOf, payloadOf, readParts, type InstallFlowParts } from './installParts';
import { findAdapter, inspectTarget, shapeOf, type FoundTarget } from './targets';
import { findUpdate, releaseName } from './updates';

/**
 * Makes an Ollama model of adapters that are here: picks and checks the base, converts or merges, installs, checks the effect.
 *
 * @throws {LoraSwarmError} `BASE_MISSING`, `BASE_UNFIT`, `BASE_UNKNOWN` when several bases fit, what `convertAdapter` refuses,
 * and what `installAdapter` throws. Nothing is left behind then.
 */
export async function installTarget(
  parts: InstallFlowParts,
  request: Wishes['install']['params'],
  { signal, onProgress }: WishOptions = {},
): Promise<InstallResult> {
  const say = (message: string): void => onProgress?.({ kind: 'install', message });
  const found = await findParts(parts, request, signal);
  say('reading the adapter');
  const adapters = await readParts(found, signal);
  const { target, info } = adapters[0]!;
  const update = request.isUpdate === true ? await requireUpdate(parts, target, request, signal) : undefined;
  const base = await pickBase(parts, target, request.base ?? update?.base, signal);

  // A model that Ollama can't run never takes the place of one that it can.
  let effect: EffectResult | undefined;
  const check = async (staged: string, under: string): Promise<void> => {
    say('comparing with the base');
    effect = await checkEffect(parts.ollama.client, under, staged, signal);
    signal?.throwIfAborted();
    if (effect.outcome === 'failed') throw new LoraSwarmError('BASE_UNFIT', effect.reason);
  };

  const scratch = parts.store.temporaryPath();
  await mkdir(scratch, { mode: 0o700, recursive: true });
  try {
    const extras = tickedExtras(target, request.extras);
    const { author, name } = namesOf(parts, target, info);
    const installed = await installAdapter(
      parts.ollama.installParts,
      {
        sources: payloadOf(adapters, base, scratch),
        isOwn: await isOwn(
          parts,
          adapters.map((adapter) => adapter.target),
        ),
        adapterId: target.id ?? '',
        ...(target.release ? { release: releaseName(target.release) } : {}),
        base,
        author,
        name,
        reuses: update === undefined,
        ...(update ? { replaces: update.model, check } : request.as === undefined ? {} : { as: request.as }),
        ...(extras ? { extras } : {}),
        route: request.route ?? 'auto',
        isCostConfirmed: request.isCostConfirmed === true,
        prefix: parts.settings()['ollama.modelPrefix'],
      },
      signal,
      say,
    );
    parts.ollama.forgetBases();
    if (effect) return { ...installed, effect };
    say('comparing with the base');
    return { ...installed, effect: await effectOf(parts, installed.base, installed.model, signal) };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The model that an update takes the place of. @throws {LoraSwarmError} `OLLAMA_MODEL_UNKNOWN` */
async function requireUpdate(
  parts: InstallFlowParts,
  target: FoundTarget,
  request: Wishes['install']['params'],
  signal: AbortSignal | undefined,
) {
  const update = findUpdate(parts, target, await parts.ollama.client.tags(signal), request);
  if (update) return update;
  throw new LoraSwarmError(
    'OLLAMA_MODEL_UNKNOWN',
    'There is no model here that LoRA Swarm made of another release of this adapter and that nobody changed. Install it as a new one.',
  );
}

/** Of what the author proposes, what the user wants. @throws {LoraSwarmError} `USAGE` for what nobody proposed. */
function tickedExtras({ release }: FoundTarget, ticked: readonly ModelfileExtra[] = []): ModelfileExtras | undefined {
  if (ticked.length === 0) return undefined;
  const offered = release?.release.extras ?? {};
  const missing = ticked.find((extra) => offered[extra] === undefined);
  if (missing !== undefined)
    throw new LoraSwarmError('USAGE', `The author of this adapter proposes no ${missing} for the Modelfile.`);
  return Object.fromEntries(ticked.map((extra) => [extra, offered[extra]]));
}

/** Judges an adapter that is here or is offered, against one base or all models of the local Ollama. */
export async function judgeTarget(
  parts: InstallFlowParts,
  request: Wishes['verdict']['params'],
  signal?: AbortSignal,
): Promise<VerdictState> {
  const target = await findAdapter(parts, request.target);
  const shape = await shapeOf(target, signal);
  const { base: wanted } = request;
  if (wanted !== undefined && isGgufPath(wanted)) {
    const base = await fileBase(wanted, shape, signal);
    return strictly(target, base, judgeShape(shape, [base], base.name), signal);
  }
  const bases =
    wanted === undefined
      ? await parts.ollama.basesFor(shape, signal).catch(ifAway)
      : await parts.ollama.withFingerprints(shape, await basesWith(parts, wanted, signal), signal);
  if (bases === undefined) {
    const said = judgeShape(shape, []);
    return {
      ...said,
      reason: `Ollama does not answer at ${parts.ollama.url}, so no base was looked at. ${said.reason}`,
    };
  }
  const judged = judgeShape(shape, bases, wanted);
  const base = bases.find(({ name }) => name === judged.base);
  return base ? strictly(target, base, judged, signal) : judged;
}

/** A base in a file, with its fingerprint where that could decide. */
async function fileBase(path: string, shape: AdapterShape, signal: AbortSignal | undefined): Promise<BaseModel> {
  const base = await baseModelFromGguf(path);
  if (shape.baseFingerprint === undefined) return base;
  return { ...base, fingerprint: await fingerprintOfGguf(path, signal) };
}

/** What the user names counts even if we made it. */
async function basesWith(
  { ollama }: InstallFlowParts,
  wanted: string,
  signal: AbortSignal | undefined,
): Promise<readonly BaseModel[]> {
  const bases = await ollama.bases(signal);
  if (bases.some(({ name }) => isSameModel(name, wanted))) return bases;
  const named = await readBase(ollama.client, wanted, signal).catch((error: unknown) => {
    if (!hasCode(error, 'OLLAMA_MODEL_UNKNOWN', 'BASE_UNKNOWN')) throw error;
    return undefined; // The verdict says so in its own words.
  });
  return named ? [...bases, named] : bases;
}

/** `convert`: a LoRA GGUF for a base that is a file or a model of the local Ollama. */
export async function convertTarget(
  parts: InstallFlowParts,
  { path, out, base, type }: Wishes['convert']['params'],
  signal?: AbortSignal,
): Promise<Wishes['convert']['result']> {
  const found = isGgufPath(base) ? await baseModelFromGguf(base) : await readBase(parts.ollama.client, base, signal);
  const target = await findAdapter(parts, path);
  if (target.path === undefined)
    throw new LoraSwarmError('ID_UNKNOWN', 'This adapter is not on this machine yet. Download it first.');
  const info = await inspectTarget({ ...target, path: target.path }, signal);
  return convertAdapter(info, found, out, { ...(type ? { type } : {}), ...(signal ? { signal } : {}) });
}

export const isGgufPath = (name: string): boolean => /\.gguf$/i.test(name);

/** Shapes per target were compared; with the files here every tensor is. */
async function strictly(
  target: FoundTarget,
  base: BaseModel,
  judged: VerdictState,
  signal?: AbortSignal,
): Promise<VerdictState> {
  if (target.path === undefined || judged.verdict === 'unfit') return judged;
  const info = await inspectTarget({ ...target, path: target.path }, signal);
  const problems = fitProblems(info, base);
  const misfit = problems.find((problem) => !isOnlyByMerge(problem));
  if (misfit) return { verdict: 'unfit', reason: misfit.message, base: base.name };
  const lost = info.problems.find(({ blocks }) => blocks === 'gguf');
  return lost && problems.length === 0 ? mergedOnly(judged, lost.message) : judged;
}

/** The base that the user named, else the one that the adapter is for. @throws {LoraSwarmError} `BASE_MISSING`, `BASE_UNFIT`, `BASE_UNKNOWN` */
export async function pickBase(
  parts: InstallFlowParts,
  target: FoundTarget,
  wanted: string | undefined,
  signal?: AbortSignal,
): Promise<BaseModel> {
  const { ollama } = parts;
  if (wanted !== undefined) return readBase(ollama.client, wanted, signal);
  const shape = await shapeOf(target, signal);
  const bases = await ollama.basesFor(shape, signal);
  const judged = judgeShape(shape, bases);
  const base = bases.find(({ name }) => name === judged.base);
  if (base && judged.verdict === 'exact') return base;
  if (base && judged.verdict === 'same-shape') {
    const fitting = bases.filter(({ name }) => judgeShape(shape, bases, name).verdict === 'same-shape');
    if (fitting.length === 1) return base;
    throw new LoraSwarmError(
      'BASE_UNKNOWN',
      `Several models have the shape of this adapter: ${fitting.map(({ name }) => name).join(', ')}. Name the base.`,
    );
  }
  if (judged.verdict === 'unfit') throw new LoraSwarmError('BASE_UNFIT', judged.reason);
  const pull = shape.baseModel === undefined ? undefined : suggestPull(shape.baseModel);
  throw new LoraSwarmError(
    'BASE_MISSING',
    judged.reason,
    pull === undefined ? undefined : { kind: 'pullModel', model: pull },
  );
}

/** A model that Ollama can't run is of no use: it goes again, and the reason is said. */
async function effectOf(
  parts: InstallFlowParts,
  base: string,
  model: string,
  signal?: AbortSignal,
): Promise<InstallResult['effect']> {
  const effect = await checkEffect(parts.ollama.client, base, model, signal);
  if (effect.outcome === 'failed') {
    await uninstallModel(parts.ollama.installParts, model);
    throw new LoraSwarmError('BASE_UNFIT', effect.reason);
  }
  return effect;
}

function ifAway(error: unknown): undefined {
  if (!hasCode(error, 'OLLAMA_UNREACHABLE')) throw error;
  return undefined;
}
