import type { FileHandle } from 'node:fs/promises';
import { readExactly, writeFully } from '../../fileBytes';
import type { GgufHeader } from '../../gguf';
import type { ChangedTensor, MergedTensor, MergePlan } from './mergedPlan';

const PIECE_BYTES = 1024 * 1024;

/** Magic number and version, count of tensors, count of values: the values start behind them. */
const TENSOR_COUNT_AT = 8;
const VALUES_START = 16;

const FILE_TYPE = 'general.file_type';
const UINT32 = 4;
/** What llama.cpp calls a file of which most is of a type. */
const FILE_TYPES: Readonly<Record<string, number>> = { F32: 0, F16: 1, Q8_0: 7, BF16: 32 };

/** Writes all that stands before the data: the base's values byte for byte, and the new list of tensors. */
export async function writeMergedHeader<C extends ChangedTensor>(
  base: FileHandle,
  merged: FileHandle,
  plan: MergePlan<C>,
): Promise<void> {
  const { base: header } = plan;
  const count = Buffer.alloc(8);
  count.writeBigUInt64LE(BigInt(plan.tensors.length));
  await writeFully(merged, 0, await readExactly(base, 0, TENSOR_COUNT_AT), count);
  for (let at = VALUES_START; at < header.valuesEnd; at += PIECE_BYTES) {
    await writeFully(merged, at, await readExactly(base, at, Math.min(PIECE_BYTES, header.valuesEnd - at)));
  }
  await writeFully(merged, header.valuesEnd, plan.infos);
  await writeFileType(base, merged, header, plan.tensors);
}

/**
 * Nothing computes with `general.file_type`, but it is what Ollama and llama.cpp show as the quantization of the model.
 * So it says what most of the file is now, where that changed; the number is one of llama.cpp's own in any case, as some
 * readers refuse others.
 */
async function writeFileType<C extends ChangedTensor>(
  base: FileHandle,
  merged: FileHandle,
  header: GgufHeader,
  tensors: readonly MergedTensor<C>[],
): Promise<void> {
  const at = header.valueOffsets.get(FILE_TYPE);
  const main = mainType(tensors);
  const fileType = FILE_TYPES[main];
  if (at === undefined || fileType === undefined || main === mainType([...header.tensors.values()])) return;
  if ((await readExactly(base, at - 4, 4)).readUInt32LE() !== UINT32) return;
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(fileType);
  await writeFully(merged, at, bytes);
}

/** The type of most values. */
function mainType(tensors: readonly Pick<MergedTensor<ChangedTensor>, 'dims' | 'type'>[]): string {
  const values = new Map<string, number>();
  for (const { dims, type } of tensors) {
    const count = dims.reduce((product, dim) => product * dim, 1);
    values.set(type.name, (values.get(type.name) ?? 0) + count);
  }
  return [...values].reduce((most, one) => (one[1] > most[1] ? one : most), ['', 0])[0];
}
