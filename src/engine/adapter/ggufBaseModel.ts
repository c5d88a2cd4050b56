import { LoraSwarmError } from '../errors';
import type { BaseModel } from './baseModel';
import { ggufText, readGgufHeader, type GgufHeader } from './gguf';
import { lineageOf } from './lineage';
import { quoted } from './problems';

/**
 * Reads a base model from the header of its GGUF file.
 *
 * @throws {LoraSwarmError} `BASE_UNKNOWN` when the file is no model or leaves its shape out, `ADAPTER_UNREADABLE`.
 */
export async function baseModelFromGguf(path: string): Promise<BaseModel> {
  return baseModelFromHeader(path, await readGgufHeader(path));
}

/** The same from a header that was read already. @throws {LoraSwarmError} `BASE_UNKNOWN` */
export function baseModelFromHeader(path: string, header: GgufHeader): BaseModel {
  const architecture = ggufText(header, 'general.architecture');
  if (architecture === undefined || ggufText(header, 'general.type') === 'adapter') {
    throw new LoraSwarmError('BASE_UNKNOWN', `${quoted(path)} is no base model. Choose the GGUF of a whole model.`);
  }
  const need = (key: string): number => {
    const value = count(header, `${architecture}.${key}`);
    if (value !== undefined) return value;
    throw new LoraSwarmError('BASE_UNKNOWN', `${quoted(path)} does not say its ${key}. Choose a complete GGUF.`);
  };
  const embeddingLength = need('embedding_length');
  const headCount = need('attention.head_count');
  const vocabSize = count(header, `${architecture}.vocab_size`) ?? header.tensors.get('token_embd.weight')?.dims[1];
  return {
    name: path,
    lineage: lineageOf((key) => header.values.get(key)),
    architecture,
    blockCount: need('block_count'),
    embeddingLength,
    headCount,
    headCountKv: count(header, `${architecture}.attention.head_count_kv`) ?? headCount,
    headDim: count(header, `${architecture}.attention.key_length`) ?? Math.floor(embeddingLength / headCount),
    ...(vocabSize === undefined ? {} : { vocabSize }),
    tensors: new Map([...header.tensors].map(([name, { dims }]) => [name, dims])),
  };
}

/** A count, or the largest of one per block. */
function count(header: GgufHeader, key: string): number | undefined {
  const value = header.values.get(key);
  const items = typeof value === 'object' ? (value.items ?? []) : [value];
  const counts = items.filter((item): item is number => Number.isSafeInteger(item) && (item as number) > 0);
  return counts.length === 0 ? undefined : Math.max(...counts);
}
