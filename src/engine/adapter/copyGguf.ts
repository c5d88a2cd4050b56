import { open, type FileHandle } from 'node:fs/promises';
import { LoraSwarmError } from '../errors';
import type { AdapterInfo } from './adapterInfo';
import type { BaseModel } from './baseModel';
import type { Converted } from './convert';
import { readExactly, writeFully } from './fileBytes';
import { fitProblems } from './fit';
import { ggufNumber, readGgufHeader, type GgufTensor } from './gguf';
import { inspectAdapter } from './inspect';
import { quoted } from './problems';
import { replaceFile } from './replaceFile';

const PIECE_BYTES = 1024 * 1024;

/** Copies a LoRA GGUF. It is the copy that is checked, to the last value, so nobody can change it in between. */
export async function copyGgufAdapter(
  info: AdapterInfo,
  base: BaseModel,
  out: string,
  signal?: AbortSignal,
): Promise<Converted> {
  return replaceFile(out, async (handle, partPath) => {
    await copyInto(handle, info.weightsPath, signal);
    const copy = await inspectAdapter(partPath);
    const problem = copy.problems.find(({ severity }) => severity === 'refuse') ?? fitProblems(copy, base)[0];
    if (problem) throw new LoraSwarmError('SOURCE_CHANGED', `${quoted(info.weightsPath)} changed: ${problem.message}`);

    const header = await readGgufHeader(partPath);
    for (const tensor of header.tensors.values()) {
      signal?.throwIfAborted();
      await requireFinite(handle, tensor);
    }
    const alpha = ggufNumber(header, 'adapter.lora.alpha') ?? 0;
    return { path: out, bytes: header.fileBytes, tensors: header.tensors.size, alpha };
  });
}

async function copyInto(target: FileHandle, path: string, signal: AbortSignal | undefined): Promise<void> {
  const source = await open(path, 'r');
  try {
    const { size } = await source.stat();
    for (let position = 0; position < size; position += PIECE_BYTES) {
      signal?.throwIfAborted();
      const piece = await readExactly(source, position, Math.min(PIECE_BYTES, size - position));
      await writeFully(target, position, piece);
    }
  } finally {
    await source.close();
  }
}

/** Looks at the exponent of every float, or of every scale of a block. */
async function requireFinite(handle: FileHandle, tensor: GgufTensor): Promise<void> {
  const { blockBytes, scales = [0], name } = tensor.type;
  const step = Math.floor(PIECE_BYTES / blockBytes) * blockBytes;
  for (let done = 0; done < tensor.byteLength; done += step) {
    const piece = await readExactly(handle, tensor.offset + done, Math.min(step, tensor.byteLength - done));
    for (let block = 0; block < piece.length; block += blockBytes) {
      for (const scale of scales) {
        if (!isFiniteAt(piece, block + scale, name)) {
          throw new LoraSwarmError(
            'CONVERT_UNSUPPORTED',
            `${quoted(tensor.name)} holds values that are no numbers (NaN or infinite). Use an earlier checkpoint.`,
          );
        }
      }
    }
  }
}

function isFiniteAt(bytes: Buffer, at: number, type: string): boolean {
  switch (type) {
    case 'F32':
      return (bytes.readUInt32LE(at) & 0x7f800000) !== 0x7f800000;
    case 'BF16':
      return (bytes.readUInt16LE(at) & 0x7f80) !== 0x7f80;
    default:
      return (bytes.readUInt16LE(at) & 0x7c00) !== 0x7c00; // F16, and the scales of quantized blocks.
  }
}
