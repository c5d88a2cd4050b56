import type { AdapterInfo, AdapterProblem } from './adapterInfo';
import { architectureNamed } from './architectures';
import type { BaseModel } from './baseModel';
import { quoted, refusal } from './problems';
import { baseTensorName } from './tensorNames';

/** Checks every pair against the tensors of a base: before anything is converted for it or installed on it. */
export function fitProblems(info: AdapterInfo, base: BaseModel): readonly AdapterProblem[] {
  if (info.architecture !== undefined && info.architecture !== base.architecture) {
    return [wrongArchitecture(info.architecture, base)];
  }
  if (info.format !== 'gguf' && !architectureNamed(base.architecture)) return [unknownArchitecture(base)];
  const problems: AdapterProblem[] = [];
  const rows = vocabularyOf(base);
  if (info.vocabulary !== undefined && rows !== undefined && info.vocabulary !== rows) {
    problems.push(vocabularyChanged(info.vocabulary, rows, base));
  }
  for (const { name, layer, inFeatures, outFeatures } of info.modules) {
    const tensor = info.format === 'gguf' ? name : baseTensorName(name, base.architecture);
    if (tensor === undefined) {
      // What another architecture has under that name is no mystery: it is the wrong base.
      const isKnown = baseTensorName(name) !== undefined;
      problems.push(isKnown ? tensorMissing(name, base) : moduleUnknown(name));
    } else if (layer !== undefined && layer >= base.blockCount) {
      problems.push(
        refusal('base-blocks', `The adapter changes block ${layer}; ${quoted(base.name)} has ${base.blockCount}.`),
      );
    } else {
      const problem = tensorProblem(base, tensor, name, inFeatures, outFeatures);
      if (problem) problems.push(problem);
    }
  }
  return problems;
}

export function wrongArchitecture(architecture: string, base: BaseModel): AdapterProblem {
  const message = `The adapter is for ${quoted(architecture)} models; ${quoted(base.name)} is ${quoted(base.architecture)}.`;
  return refusal('base-architecture', message);
}

function unknownArchitecture({ architecture }: BaseModel): AdapterProblem {
  return refusal(
    'architecture-unknown',
    `Adapters for ${quoted(architecture)} models are not converted, as no proof shows that it would be exact. Convert it with llama.cpp and use the GGUF.`,
  );
}

/** What keeps one pair off one base tensor. `label` is what the user calls the module. */
export function tensorProblem(
  base: BaseModel,
  tensor: string,
  label: string,
  inFeatures: number,
  outFeatures: number,
): AdapterProblem | undefined {
  const name = quoted(base.name);
  const isEmbedding = tensor === 'token_embd.weight';
  // llama.cpp finds one tensor for both ends, and aborts.
  if ((isEmbedding || tensor === 'output.weight') && !base.tensors.has('output.weight')) {
    const message =
      base.tensors.size === 0
        ? `The adapter changes ${quoted(label)}, and ${name} does not say whether it has one of its own.`
        : `The adapter changes ${quoted(label)}, but ${name} uses one tensor for input and output. Only a merged model can do that.`;
    return refusal(isEmbedding ? 'tied-embedding' : 'tied-head', message);
  }

  const dims = baseDims(base, tensor);
  if (!dims) return tensorMissing(label, base);
  const [baseIn, baseOut] = isEmbedding ? [dims[1], dims[0]] : dims;
  const isFit = (baseIn ?? inFeatures) === inFeatures && (baseOut ?? outFeatures) === outFeatures && dims.length === 2;
  if (isFit) return undefined;
  if (isEmbedding && baseOut === outFeatures) return vocabularyChanged(inFeatures, baseIn!, base);
  if (tensor === 'output.weight' && baseIn === inFeatures) return vocabularyChanged(outFeatures, baseOut!, base);
  const has = dims.map((dimension) => dimension ?? '?').join(' → ');
  return refusal('base-shape', `${quoted(label)} is ${inFeatures} → ${outFeatures} here, ${name} has ${has}.`);
}

/** Trained on input or output alone where the base has one tensor for both: no adapter can carry that, a merged model can. */
export function isOnlyByMerge({ code }: AdapterProblem): boolean {
  return code === 'tied-embedding' || code === 'tied-head';
}

function moduleUnknown(module: string): AdapterProblem {
  return refusal('module-unknown', `${quoted(module)} is no part of a model that we can convert for.`);
}

function tensorMissing(label: string, { name }: BaseModel): AdapterProblem {
  return refusal('base-tensor-missing', `The adapter changes ${quoted(label)}, which ${quoted(name)} does not have.`);
}

function vocabularyOf({ tensors, vocabSize }: BaseModel): number | undefined {
  return tensors.get('token_embd.weight')?.[1] ?? vocabSize;
}

function vocabularyChanged(tokens: number, baseTokens: number, { name }: BaseModel): AdapterProblem {
  return refusal(
    'vocabulary-changed',
    `The adapter was trained with ${tokens} tokens, ${quoted(name)} has ${baseTokens}: its new tokens would be lost.`,
  );
}

/** GGUF dimensions of a base tensor; from its head counts when the server did not list the tensors. */
function baseDims(base: BaseModel, tensor: string): readonly (number | undefined)[] | undefined {
  if (base.tensors.size > 0) return base.tensors.get(tensor);
  const { embeddingLength: width, headCount, headCountKv, headDim } = base;
  switch (/^blk\.\d+\.(\w+)\.weight$/.exec(tensor)?.[1]) {
    case 'attn_q':
      return [width, headCount * headDim];
    case 'attn_k':
    case 'attn_v':
      return [width, headCountKv * headDim];
    case 'attn_qkv':
      return [width, (headCount + 2 * headCountKv) * headDim];
    case 'attn_output':
      return [headCount * headDim, width];
    case 'ffn_gate':
    case 'ffn_up':
      return [width, undefined];
    case 'ffn_down':
      return [undefined, width];
    default:
      return undefined;
  }
}
