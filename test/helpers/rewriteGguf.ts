import fs from 'node:fs';
import { ggmlTypeId } from '../../src/engine/adapter/ggmlTypes';
import { readGgufHeader, type GgufTensor } from '../../src/engine/adapter/gguf';
import { info, rawGguf, text, u32, value } from './rawGguf';

const PREAMBLE_BYTES = 24;

export interface Rewriting {
  readonly alignment?: number;
  /** Instead of the metadata of the source. */
  readonly values?: readonly Buffer[];
  /** Metadata that tells one file from another. */
  readonly description?: string;
  readonly tensors?: (tensors: readonly GgufTensor[]) => readonly GgufTensor[];
}

/** The same weights as another program would write them: in another order, with a comment, wider spaced. */
export async function rewriteGguf(source: string, out: string, rewriting: Rewriting = {}): Promise<void> {
  const {
    alignment = 128,
    values,
    description = 'written anew',
    tensors = (list: readonly GgufTensor[]) => list.toReversed(),
  } = rewriting;
  const bytes = fs.readFileSync(source);
  const header = await readGgufHeader(source);
  const infos: Buffer[] = [];
  const data: Buffer[] = [];
  let end = 0;
  for (const { name, dims, type, offset, byteLength } of tensors([...header.tensors.values()])) {
    infos.push(info(name, dims, ggmlTypeId(type), end));
    const padded = Buffer.alloc(Math.ceil(byteLength / alignment) * alignment, 0xaa);
    bytes.copy(padded, 0, offset, offset + byteLength);
    data.push(padded);
    end += padded.length;
  }
  const added = [text('general.description', description), value('general.alignment', 4, u32(alignment))];
  const kept = values ?? [bytes.subarray(PREAMBLE_BYTES, header.valuesEnd)];
  const valueCount = BigInt(added.length + (values?.length ?? header.values.size));
  const all = { values: [...kept, ...added], valueCount, tensors: infos, alignment, data: Buffer.concat(data) };
  fs.writeFileSync(out, rawGguf(all));
}
