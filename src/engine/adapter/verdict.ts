import type { VerdictState } from '../state';
import type { AdapterShape } from './adapterInfo';
import type { BaseModel } from './baseModel';
import { tensorProblem, wrongArchitecture } from './fit';
import { isOfLineage, suggestPull } from './lineage';
import { quoted } from './problems';
import { targetTensor } from './tensorNames';

/**
 * How an adapter relates to the base models on this machine, from a few hundred bytes about it.
 *
 * `exact` takes the digest of the base, or its name, and always the shapes; shapes alone give `same-shape`. `wanted` is
 * the base that the user chose: then only that one is judged.
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
  const find = (verdict: VerdictState['verdict']): VerdictState | undefined =>
    judged.find((state) => state.verdict === verdict);

  const exact = find('exact');
  if (exact) return exact;
  // The base it names is here and contradicts it: another base of the same shape would only hide that.
  const contradicted = candidates.findIndex(
    (base, index) => isItsBase(shape, base) && judged[index]?.verdict === 'unfit',
  );
  if (contradicted >= 0) return judged[contradicted]!;
  const sameShape = find('same-shape');
  if (sameShape) return sameShape;
  const isOnlyChoice = wanted !== undefined || (judged.length === 1 && shape.baseModel === undefined);
  return isOnlyChoice ? judged[0]! : baseMissing(shape);
}

function judge(shape: AdapterShape, base: BaseModel): VerdictState {
  const mismatch = misfit(shape, base);
  if (mismatch !== undefined) return { verdict: 'unfit', reason: mismatch, base: base.name };
  const name = quoted(base.name);
  if (shape.baseDigest !== undefined && shape.baseDigest === base.digest) {
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

function isItsBase({ baseModel, baseDigest }: AdapterShape, base: BaseModel): boolean {
  if (baseDigest !== undefined && baseDigest === base.digest) return true;
  return baseModel !== undefined && isOfLineage(baseModel, base.lineage);
}

/** The first thing that keeps an adapter of this shape off a base, as a sentence. */
function misfit({ architecture, blocks, dims }: AdapterShape, base: BaseModel): string | undefined {
  if (architecture !== undefined && architecture !== base.architecture)
    return wrongArchitecture(architecture, base).message;
  if (blocks > base.blockCount) {
    return `The adapter changes block ${blocks - 1}; ${quoted(base.name)} has ${base.blockCount}.`;
  }
  const targets = Object.entries(dims);
  if (targets.length === 0) return 'The adapter does not say what it changes.';
  for (const [target, [inFeatures, outFeatures]] of targets) {
    const problem = targetProblem(base, target, Math.max(blocks, 1), inFeatures, outFeatures);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** A few architectures change width from block to block: one block that fits is enough before the download. */
function targetProblem(base: BaseModel, target: string, blocks: number, inFeatures: number, outFeatures: number) {
  let first: string | undefined;
  for (let layer = 0; layer < blocks; layer++) {
    // A GGUF adapter may change tensors that we have no table for: the base knows them.
    const ownName = `blk.${layer}.${target}.weight`;
    const tensor = targetTensor(target, layer, base.architecture) ?? (base.tensors.has(ownName) ? ownName : undefined);
    if (tensor === undefined) return `${quoted(target)} is no part of a model that we can convert for.`;
    const problem = tensorProblem(base, tensor, target, inFeatures, outFeatures);
    if (!problem) return undefined;
    first ??= problem.message;
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
