import type { BaseModel } from '../../baseModel';
import type { AdapterFormat } from '../../../state';
import { interleaveRows, rowHeads } from '../../rowOrder';
import type { PartContent, PlacedPair } from './partContent';
import { wrongShape } from './refusals';
import type { LowRank } from '../tensorChange';
import { transposed } from './transposed';
import type { StoredTensor } from './weightsFile';

/** A pair as the base tensor sees it: A reaches along its rows, B across them. */
export function lowRankOf(
  { file, info, weight }: PartContent,
  { pair, module, tensor }: PlacedPair,
  base: BaseModel,
): LowRank {
  const { a, b, rank, outFeatures, isEmbedding } = pair;
  const { along, across } = halvesOf(info.format, isEmbedding, a, b);
  const heads = rowHeads(base, tensor);
  if (heads && info.format !== 'gguf' && heads.count * heads.dim !== outFeatures)
    throw wrongShape(pair.name, [outFeatures], [heads.count * heads.dim]);

  const load = async ({ stored, isTransposed }: Half): Promise<Float32Array> => {
    const values = await file.load(stored);
    return isTransposed ? transposed(values, stored.shape[0]!, stored.shape[1]!) : values;
  };
  return {
    rank,
    factor: weight * module.scale!,
    loadA: () => load(along),
    loadB: async () => {
      const values = await load(across);
      // A LoRA GGUF was made for this base: its rows stand as the base's do.
      return heads && info.format !== 'gguf' ? interleaveRows(values, heads, rank) : values;
    },
  };
}

interface Half {
  readonly stored: StoredTensor;
  readonly isTransposed: boolean;
}

/**
 * PEFT has A as [rank, in] and B as [out, rank], MLX both transposed. An embedding is looked up by row: PEFT stores the pair
 * of its transpose; MLX has A as [vocabulary, rank], and so has llama.cpp, whose B stays as PEFT has it.
 */
function halvesOf(format: AdapterFormat, isEmbedding: boolean, a: StoredTensor, b: StoredTensor) {
  const plain = (stored: StoredTensor): Half => ({ stored, isTransposed: false });
  const turned = (stored: StoredTensor): Half => ({ stored, isTransposed: true });
  if (!isEmbedding) {
    return format === 'mlx' ? { along: turned(a), across: turned(b) } : { along: plain(a), across: plain(b) };
  }
  if (format === 'mlx') return { along: plain(b), across: plain(a) };
  return { along: turned(b), across: format === 'peft' ? turned(a) : plain(a) };
}
