import type { VerdictState } from '../state';
import type { AdapterProblem, AdapterShape } from './adapterInfo';
import type { BaseModel } from './baseModel';
import { isOnlyByMerge, tensorProblem, wrongArchitecture } from './fit';
import { isOfLineage, suggestPull } from './lineage';
import { quoted, refusal } from './problems';
import { targetTensor } from './tensorNames';

/**
 * How an adapter relates to the base models on this machine, from a few hundred bytes about it.
 *
 * `exact` takes the weights of the base, known by digest or fingerprint, or its name, and always the shapes; shapes alone give
 * `same-shape`. What only a merged model can carry fits, too, and the reason says so. `wanted` is the base that the user chose:
 * then only that one is judged.
 */
export function judgeShape(shape: AdapterShape, bases: readonly BaseModel[], wanted?: string): VerdictState {
  const candidates = wanted === undefined ? bases : bases.filter(({ name }) => isNamed(name, wanted));
  if (wanted !== undefined && candidates.length === 0) {
    return {
      verdict: 'base-missing',
      reason: `${quoted(wanted)} is not here. Pull it in Ollama, or choose another base.`,
    };
  }
  const judged = candidates.map((base) => judge(shape, base));
  // Where it can be added to one base and only merged into another, the first is the better answer.
  const find = (verdict: VerdictState['verdict'], of: readonly Judged[] = judged): VerdictState | undefined => {
    const found = of.filter(({ state }) => state.verdict === verdict);
    return (found.find(({ isMerged }) => !isMerged) ?? found[0])?.state;
  };

  // One name may stand for several quantizations: the very weights come first.
  const own = judged.filter((_, at) => hasItsWeights(shape, candidates[at]!));
  const exact = find('exact', own) ?? find('exact');
  if (exact) return exact;
  // The base it names is here and contradicts it: another base of the same shape would only hide that.
  const contradicted = judged.find(({ state }, at) => state.verdict === 'unfit' && isItsBase(shape, candidates[at]!));
  if (contradicted) return contradicted.state;
  const sameShape = find('same-shape');
  if (sameShape) return sameShape;
  const isOnlyChoice = wanted !== undefined || (judged.length === 1 && shape.baseModel === undefined);
  return isOnlyChoice ? judged[0]!.state : baseMissing(shape);
}

/** Right for its base, but no adapter in Ollama: a copy of the base takes it. `why` is a sentence. */
export function mergedOnly(state: VerdictState, why: string): VerdictState {
  return { ...state, reason: `${state.reason} It can only be merged into a copy of that model: ${why}` };
}

interface Judged {
  readonly state: VerdictState;
  /** Fits, but only a merged model can carry it. */
  readonly isMerged: boolean;
}

function judge(shape: AdapterShape, base: BaseModel): Judged {
  const { unfit, onlyMerged } = misfits(shape, base);
  if (unfit !== undefined) return { state: { verdict: 'unfit', reason: unfit, base: base.name }, isMerged: false };
  const state = fitting(shape, base);
  if (onlyMerged === undefined) return { state, isMerged: false };
  return { state: mergedOnly(state, onlyMerged), isMerged: true };
}

function fitting(shape: AdapterShape, base: BaseModel): VerdictState {
  const name = quoted(base.name);
  if (hasItsWeights(shape, base)) {
    return { verdict: 'exact', reason: `It was trained for the very weights of ${name}.`, base: base.name };
  }
  if (isItsBase(shape, base)) {
    return { verdict: 'exact', reason: `Its base, ${quoted(shape.baseModel!)}, is here as ${name}.`, base: base.name };
  }
  const trainedOn =
    shape.baseModel === undefined ? 'It does not say its base' : `Its base is ${quoted(shape.baseModel)}`;
  const reason = `${trainedOn}; ${name} has the same shape, but is not known to be that model. The result may be worse.`;
  return { verdict: 'same-shape', reason, base: base.name };
}

function hasItsWeights({ baseDigest, baseFingerprint }: AdapterShape, { digest, fingerprint }: BaseModel): boolean {
  if (baseDigest !== undefined && baseDigest === digest) return true;
  return baseFingerprint !== undefined && baseFingerprint === fingerprint;
}

function isItsBase(shape: AdapterShape, base: BaseModel): boolean {
  if (hasItsWeights(shape, base)) return true;
  return shape.baseModel !== undefined && isOfLineage(shape.baseModel, base.lineage);
}

interface Misfits {
  /** The first thing that keeps an adapter of this shape off a base, as a sentence. */
  readonly unfit?: string;
  /** The first thing that an adapter in Ollama can't carry on this base, and a merged model can. */
  readonly onlyMerged?: string;
}

function misfits({ architecture, blocks, dims }: AdapterShape, base: BaseModel): Misfits {
  if (architecture !== undefined && architecture !== base.architecture)
    return { unfit: wrongArchitecture(architecture, base).message };
  if (blocks > base.blockCount)
    return { unfit: `The adapter changes block ${blocks - 1}; ${quoted(base.name)} has ${base.blockCount}.` };
  const targets = Object.entries(dims);
  if (targets.length === 0) return { unfit: 'The adapter does not say what it changes.' };
  let onlyMerged: string | undefined;
  for (const [target, [inFeatures, outFeatures]] of targets) {
    const problem = targetProblem(base, target, Math.max(blocks, 1), inFeatures, outFeatures);
    if (problem === undefined) continue;
    // A base that does not list its tensors may have one of its own, or none at all.
    if (!isOnlyByMerge(problem) || base.tensors.size === 0) return { unfit: problem.message };
    onlyMerged ??= problem.message;
  }
  return onlyMerged === undefined ? {} : { onlyMerged };
}

/** A few architectures change width from block to block: one block that fits is enough before the download. */
function targetProblem(base: BaseModel, target: string, blocks: number, inFeatures: number, outFeatures: number) {
  let first: AdapterProblem | undefined;
  for (let layer = 0; layer < blocks; layer++) {
    // A GGUF adapter may change tensors that we have no table for: the base knows them.
    const ownName = `blk.${layer}.${target}.weight`;
    const tensor = targetTensor(target, layer, base.architecture) ?? (base.tensors.has(ownName) ? ownName : undefined);
    if (tensor === undefined)
      return refusal('module-unknown', `${quoted(target)} is no part of a model that we can convert for.`);
    const problem = tensorProblem(base, tensor, target, inFeatures, outFeatures);
    if (!problem) return undefined;
    first ??= problem;
  }
  return first;
}

function baseMissing({ baseModel }: AdapterShape): VerdictState {
  if (baseModel === undefined) {
    return { verdict: 'base-missing', reason: 'It does not say its base, and no model here has its shape.' };
  }
  const pull = suggestPull(baseModel);
  const how = pull === undefined ? 'Get it in Ollama first' : `Pull ${pull} in Ollama first`;
  return { verdict: 'base-missing', reason: `Its base, ${quoted(baseModel)}, is not here. ${how}.` };
}

/** Ollama takes `x` for `x:latest`. */
function isNamed(name: string, wanted: string): boolean {
  const full = (text: string): string => (text.includes(':') ? text : `${text}:latest`);
  return name === wanted || full(name) === full(wanted);
}
