import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { LoraSwarmError } from '../errors';
import { openForReading, readInto } from './fileBytes';
import { ggmlTypeId } from './ggmlTypes';
import { ggufText, readGgufHeader, type GgufTensor } from './gguf';
import { quoted } from './problems';

/** Separates these hashes from all others, and from those of a later definition. */
const DOMAIN = 'lora-swarm/base-fingerprint/1\n';
/** Tensors up to here count whole: norms, biases, and most of a small model. */
const WHOLE_BYTES = 4_096;
/** Of larger ones these pieces, evenly spread from the first byte to the last: a fused tensor shows a change of any third. */
const PIECES = 4;
const PIECE_BYTES = 1_024;
/** Tensors that are read at a time: more than one, as a disk answers several questions faster than one after another. */
const BATCH = 16;

/**
 * Names the weights of a base, whatever file they are in: `sha256:<hex>` over the architecture and every tensor's name, type,
 * dimensions and samples of its bytes. Ollama writes a GGUF anew when it is uploaded, so one model has several blobs; metadata,
 * alignment and order do not count. A merged LoRA changes all rows of a tensor, so it shows in the samples of that tensor.
 * The exact definition is in docs/formats.md.
 *
 * @throws {LoraSwarmError} `BASE_UNKNOWN` when the file is no model, `ADAPTER_UNREADABLE`, `ADAPTER_NOT_FOUND`.
 */
export async function fingerprintOfGguf(path: string, signal?: AbortSignal): Promise<string> {
  signal?.throwIfAborted();
  const header = await readGgufHeader(path);
  const architecture = ggufText(header, 'general.architecture');
  if (architecture === undefined || ggufText(header, 'general.type') === 'adapter')
    throw new LoraSwarmError('BASE_UNKNOWN', `${quoted(path)} is no base model. Choose the GGUF of a whole model.`);

  const hash = createHash('sha256').update(DOMAIN).update(lengthAnd(architecture));
  const tensors = [...header.tensors.values()].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  const { handle } = await openForReading(path);
  try {
    for (let at = 0; at < tensors.length; at += BATCH) {
      signal?.throwIfAborted();
      const batch = tensors.slice(at, at + BATCH);
      const samples = await Promise.allSettled(batch.map((tensor) => sampleOf(handle, tensor))); // None may outlive the file.
      for (const [index, sample] of samples.entries()) {
        if (sample.status === 'rejected') throw sample.reason;
        hash.update(describe(batch[index]!)).update(sample.value);
      }
    }
  } finally {
    await handle.close();
  }
  return `sha256:${hash.digest('hex')}`;
}

async function sampleOf(handle: FileHandle, { offset, byteLength }: GgufTensor): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(Math.min(byteLength, WHOLE_BYTES));
  if (byteLength <= WHOLE_BYTES) {
    await readInto(handle, offset, bytes);
    return bytes;
  }
  const last = byteLength - PIECE_BYTES;
  for (let piece = 0; piece < PIECES; piece++) {
    const start = Math.floor((last * piece) / (PIECES - 1));
    await readInto(handle, offset + start, bytes.subarray(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES));
  }
  return bytes;
}

function describe({ name, type, dims }: GgufTensor): Buffer {
  const numbers = Buffer.alloc(8 + 8 * dims.length);
  numbers.writeUInt32LE(ggmlTypeId(type), 0);
  numbers.writeUInt32LE(dims.length, 4);
  for (const [axis, size] of dims.entries()) numbers.writeBigUInt64LE(BigInt(size), 8 + 8 * axis);
  return Buffer.concat([lengthAnd(name), numbers]);
}

function lengthAnd(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
}
