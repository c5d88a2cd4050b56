import { mkdir, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { AdapterInfo } from '../adapter/adapterInfo';
import type { BaseModel } from '../adapter/baseModel';
import { convertAdapter, requireConvertible } from '../adapter/convert';
import { fitProblems } from '../adapter/fit';
import { baseModelFromGguf } from '../adapter/ggufBaseModel';
import { suggestPull } from '../adapter/lineage';
import { judgeShape } from '../adapter/verdict';
import { LoraSwarmError, hasCode } from '../errors';
import { checkEffect } from '../ollama/effect';
import { installAdapter } from '../ollama/install';
import { readBase } from '../ollama/models';
import { uninstallModel } from '../ollama/uninstall';
import type { VerdictState } from '../state';
import type { InstallResult } from '../deployWishes';
import type { WishOptions, Wishes } from '../wishes';
import type { EngineParts } from './parts';
import { findAdapter, inspectTarget, shapeOf, type FoundTarget } from './targets';

export type InstallFlowParts = Pick<
  EngineParts,
  'registry' | 'library' | 'catalog' | 'ollama' | 'store' | 'settings' | 'identity' | 'log'
>;

/**
 * Makes an Ollama model of an adapter that is here: picks and checks the base, converts, installs, checks the effect.
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
  const target = await findAdapter(parts, request.target);
  const { path } = target;
  if (path === undefined)
    throw new LoraSwarmError('ID_UNKNOWN', 'This adapter is not on this machine yet. Download it first.');
  say('reading the adapter');
  const info = await inspectTarget({ ...target, path }, signal);
  const base = await pickBase(parts, target, request.base, signal);
  requireFit(info, base);
  requireConvertible(info, base);

  const scratch = parts.store.temporaryPath();
  await mkdir(scratch, { mode: 0o700, recursive: true });
  try {
    say(`converting for ${base.name}`);
    const { path: gguf } = await convertAdapter(info, base, `${scratch}/adapter.gguf`, {
      ...(signal ? { signal } : {}),
    });
    const { author, name } = namesOf(parts, target, info);
    const installed = await installAdapter(
      parts.ollama.installParts,
      {
        gguf,
        adapterId: target.id ?? '',
        base,
        author,
        name,
        ...(request.as === undefined ? {} : { as: request.as }),
        route: request.route ?? 'auto',
        prefix: parts.settings()['ollama.modelPrefix'],
      },
      signal,
      say,
    );
    parts.ollama.forgetBases();
    say('comparing with the base');
    return { ...installed, effect: await effectOf(parts, installed.base, installed.model, signal) };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
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
    const base = await baseModelFromGguf(wanted);
    return strictly(target, base, judgeShape(shape, [base], base.name), signal);
  }
  const bases =
    wanted === undefined ? await parts.ollama.bases(signal).catch(ifAway) : await parts.ollama.bases(signal);
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
  const [problem] = fitProblems(await inspectTarget({ ...target, path: target.path }, signal), base);
  return problem ? { verdict: 'unfit', reason: problem.message, base: base.name } : judged;
}

async function pickBase(
  parts: InstallFlowParts,
  target: FoundTarget,
  wanted: string | undefined,
  signal?: AbortSignal,
): Promise<BaseModel> {
  const { ollama } = parts;
  if (wanted !== undefined) return readBase(ollama.client, wanted, signal);
  const bases = await ollama.bases(signal);
  const shape = await shapeOf(target, signal);
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

function requireFit(info: AdapterInfo, base: BaseModel): void {
  const [problem] = fitProblems(info, base);
  if (problem) throw new LoraSwarmError('BASE_UNFIT', `This adapter does not fit ${base.name}. ${problem.message}`);
}

/** A model that Ollama can't run is of no use: it goes again, and the reason is said. */
async function effectOf(
  parts: InstallFlowParts,
  base: string,
  model: string,
  signal?: AbortSignal,
): Promise<InstallResult['effect']> {
  try {
    return await checkEffect(parts.ollama.client, base, model, signal);
  } catch (error) {
    if (hasCode(error, 'BASE_UNFIT')) {
      await uninstallModel(parts.ollama.installParts, model);
      throw error;
    }
    signal?.throwIfAborted();
    parts.log.warn(`the effect of ${model} was not checked: ${String(error)}`);
    return {
      outcome: 'not-checked',
      checked: false,
      changed: false,
      reason: 'Not checked: Ollama did not answer in time.',
    };
  }
}

function namesOf(
  { identity }: InstallFlowParts,
  { release }: FoundTarget,
  info: AdapterInfo,
): { author: string; name: string } {
  if (release) return release.release;
  const me = identity();
  const folder = info.format === 'gguf' ? basename(info.weightsPath, '.gguf') : basename(dirname(info.weightsPath));
  return { author: me.name || `peer-${me.key.slice(0, 8)}`, name: folder };
}

function ifAway(error: unknown): undefined {
  if (!hasCode(error, 'OLLAMA_UNREACHABLE')) throw error;
  return undefined;
}
