import { openForReading, readExactly, writeFully } from './fileBytes';
import { readGgufHeader, type GgufArray, type GgufHeader, type GgufScalar } from './gguf';
import { isLocalName, isMachinePath } from './packageConfig';
import { replaceFile } from './replaceFile';

const PIECE_BYTES = 1024 * 1024;
const STRING = 8;
const ARRAY = 9;
/** Bytes of the scalars of the format, by their number. */
const SCALAR_BYTES: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
};
/** Keys whose text names something, where `./runs/x` is a folder. In a description it could be anything. */
const NAME_KEYS = /^general\.(name|basename|finetune|url|repo_url|doi|uuid|source\..+|base_model\..+|dataset\..+)$/;

/**
 * Copies a GGUF without the metadata that names places on somebody's machine. Tensors come byte for byte, and all other keys
 * as they are and where they are: the same file always gives the same bytes.
 *
 * @returns the keys that were taken out.
 * @throws {LoraSwarmError} `ADAPTER_UNREADABLE`, `ADAPTER_NOT_FOUND`, and all of `storageError`.
 */
export async function cleanGguf(path: string, out: string, signal?: AbortSignal): Promise<readonly string[]> {
  const header = await readGgufHeader(path);
  const removed = localKeys(header);
  const { handle: source, size } = await openForReading(path);
  try {
    const dataStart = Math.min(size, ...[...header.tensors.values()].map(({ offset }) => offset));
    const kept = withoutKeys(await readExactly(source, 0, dataStart), header, new Set(removed));
    await replaceFile(out, async (target) => {
      await writeFully(target, 0, kept);
      for (let at = dataStart; at < size; at += PIECE_BYTES) {
        signal?.throwIfAborted();
        const piece = await readExactly(source, at, Math.min(PIECE_BYTES, size - at));
        await writeFully(target, kept.length + at - dataStart, piece);
      }
    });
    return removed;
  } finally {
    await source.close();
  }
}

/** Keys of a GGUF whose values are places on the machine where it was made. */
export function localKeys({ values }: Pick<GgufHeader, 'values'>): readonly string[] {
  return [...values].filter(([key, value]) => textsOf(value).some((text) => isLocal(key, text))).map(([key]) => key);
}

function isLocal(key: string, text: string): boolean {
  return NAME_KEYS.test(key) ? isLocalName(text) : isMachinePath(text);
}

function textsOf(value: GgufScalar | GgufArray): readonly string[] {
  const items = typeof value === 'object' ? (value.items ?? []) : [value];
  return items.filter((item) => typeof item === 'string');
}

/** The header up to the data, checked before, without some keys. Offsets of tensors count from the data, so they stay. */
function withoutKeys(bytes: Buffer, header: GgufHeader, keys: ReadonlySet<string>): Buffer {
  const preamble = Buffer.from(bytes.subarray(0, 24));
  preamble.writeBigUInt64LE(BigInt(header.values.size - keys.size), 16);
  const pieces: Uint8Array[] = [preamble];
  let at = 24;
  for (let left = header.values.size; left > 0; left--) {
    const start = at;
    const keyBytes = Number(bytes.readBigUInt64LE(at));
    const key = bytes.toString('utf8', at + 8, at + 8 + keyBytes);
    at += 8 + keyBytes;
    at = afterValue(bytes, at + 4, bytes.readUInt32LE(at));
    if (!keys.has(key)) pieces.push(bytes.subarray(start, at));
  }
  pieces.push(bytes.subarray(at, afterTensors(bytes, at, header.tensors.size)));
  const whole = Buffer.concat(pieces);
  const alignment = Number(header.values.get('general.alignment') ?? 32);
  return Buffer.concat([whole], Math.ceil(whole.length / alignment) * alignment);
}

function afterValue(bytes: Buffer, at: number, type: number): number {
  if (type === STRING) return at + 8 + Number(bytes.readBigUInt64LE(at));
  if (type !== ARRAY) return at + SCALAR_BYTES[type]!;
  const itemType = bytes.readUInt32LE(at);
  const count = Number(bytes.readBigUInt64LE(at + 4));
  if (itemType !== STRING) return at + 12 + count * SCALAR_BYTES[itemType]!;
  let next = at + 12;
  for (let left = count; left > 0; left--) next += 8 + Number(bytes.readBigUInt64LE(next));
  return next;
}

function afterTensors(bytes: Buffer, at: number, count: number): number {
  let next = at;
  for (let left = count; left > 0; left--) {
    next += 8 + Number(bytes.readBigUInt64LE(next));
    next += 4 + 8 * bytes.readUInt32LE(next) + 12;
  }
  return next;
}
