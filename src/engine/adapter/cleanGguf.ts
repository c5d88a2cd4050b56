import { openForReading, readExactly, writeFully } from './fileBytes';
import { readGgufHeader, type GgufArray, type GgufHeader, type GgufScalar } from './gguf';
import { isLocalName, isMachinePath } from './packageConfig';
import { replaceFile } from './replaceFile';

const PIECE_BYTES = 1024 * 1024;
/** Magic number and version, count of tensors, count of values: the values start behind them. */
const VALUE_COUNT_AT = 16;
const VALUES_START = 24;
/** Of each value, before its own bytes: how long the key is, and the number of the type. The key stands between. */
const KEY_FRAME_BYTES = 8 + 4;
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

/** The header up to the data, without some keys. Offsets of tensors count from the data, so they stay. */
function withoutKeys(bytes: Buffer, header: GgufHeader, keys: ReadonlySet<string>): Buffer {
  const { valueOffsets, valuesEnd, listEnd, alignment } = header;
  const preamble = Buffer.from(bytes.subarray(0, VALUES_START));
  preamble.writeBigUInt64LE(BigInt(valueOffsets.size - keys.size), VALUE_COUNT_AT);
  const pieces: Uint8Array[] = [preamble];
  const starts = [...valueOffsets].map(([key, offset]) => offset - KEY_FRAME_BYTES - Buffer.byteLength(key));
  for (const [index, key] of [...valueOffsets.keys()].entries()) {
    if (!keys.has(key)) pieces.push(bytes.subarray(starts[index], starts[index + 1] ?? valuesEnd));
  }
  pieces.push(bytes.subarray(valuesEnd, listEnd));
  const whole = Buffer.concat(pieces);
  return Buffer.concat([whole], Math.ceil(whole.length / alignment) * alignment);
}
