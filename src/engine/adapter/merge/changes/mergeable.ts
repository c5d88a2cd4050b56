import { LoraSwarmError } from '../../../errors';
import type { AdapterInfo } from '../../adapterInfo';
import { fitProblems } from '../../fit';
import { cannotMerge, contradiction } from './refusals';
import { coarseTensor, isTied, type MergeBase } from './mergeBase';

/** Throws what keeps an adapter from an exact merge into this base, as far as config and headers tell. */
export function requireMergeable(info: AdapterInfo, base: MergeBase): void {
  const blocking = info.problems.find(({ blocks }) => blocks === 'install');
  if (blocking) throw cannotMerge(blocking.message);
  const refusal = info.problems.find(({ severity }) => severity === 'refuse');
  if (refusal) throw (CONTRADICTIONS.has(refusal.code) ? contradiction : cannotMerge)(refusal.message);

  const misfit = fitProblems(info, base.model).find(({ code }) => !TIED.has(code));
  if (misfit) {
    const code = UNSUPPORTED.has(misfit.code) ? 'MERGE_UNSUPPORTED' : 'BASE_UNFIT';
    throw new LoraSwarmError(code, misfit.message);
  }
  if (info.modules.some(({ scale }) => scale === undefined)) {
    throw new LoraSwarmError(
      'ADAPTER_CONFIG_MISSING',
      'The scale of this adapter is unknown. Put its adapter_config.json beside the weights.',
    );
  }
  requireFineBase(info, base);
}

/**
 * A pair adds to a weight, whatever its rounding. The rest is about the very weights that it was trained on: lengths of
 * their rows, other tensors in their place.
 */
function requireFineBase(info: AdapterInfo, base: MergeBase): void {
  const coarse = coarseTensor(base);
  if (!coarse || !isMergeOnly(info, base)) return;
  throw cannotMerge(
    `This adapter is more than a plain LoRA, and the base is too coarse for it (${coarse.type.name}): take a base in F16, BF16, F32 or Q8_0.`,
  );
}

/** Whether only a merged model does what this adapter does: there is no LoRA file for this base that would. */
export function isMergeOnly(info: AdapterInfo, base: MergeBase): boolean {
  return (
    info.problems.some(({ blocks }) => blocks === 'gguf') ||
    (isTied(base) && fitProblems(info, base.model).some(({ code }) => TIED.has(code)))
  );
}

const CONTRADICTIONS = new Set(['rank-contradiction', 'pair-incomplete', 'pair-shape', 'tensor-twice']);
const UNSUPPORTED = new Set(['module-unknown', 'architecture-unknown', 'vocabulary-changed']);
/** No LoRA file can change one end of a tied base; a merge can. */
const TIED = new Set(['tied-embedding', 'tied-head']);
