import type { MergedType } from '../../../deployWishes';
import { LoraSwarmError } from '../../../errors';
import { ggmlTypeId, type GgmlType } from '../../ggmlTypes';
import { readGgufHeader, type GgufHeader, type GgufTensor } from '../../gguf';
import { quoted } from '../../problems';
import { canDequantize, cannotRead } from '../../quant/dequantize';
import { encodedType, isEncoded, type EncodedType } from './encodedTypes';
import type { TensorChange } from '../tensorChange';

/** What a plan has to know of a change. One that tells no more than this is taken to change values. */
export type ChangedTensor = Pick<TensorChange, 'name' | 'dims' | 'source'> & Partial<TensorChange>;

export interface Retyped {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

export interface MergedSize {
  /** Of the whole merged file. */
  readonly bytes: number;
  /** Tensors that cannot keep their type. */
  readonly retyped: readonly Retyped[];
}

/** One tensor of the merged file. */
export interface MergedTensor<C extends ChangedTensor> {
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: GgmlType;
  /** Position in the merged file. */
  readonly offset: number;
  readonly byteLength: number;
  /** Tensor of the base that it is copied from, or starts from. */
  readonly source?: GgufTensor;
  readonly change?: C;
}

export interface MergePlan<C extends ChangedTensor> extends MergedSize {
  /** The base's, in its order, then new ones. */
  readonly tensors: readonly MergedTensor<C>[];
  /** Header of the base. */
  readonly base: GgufHeader;
  /** The list of tensors as it stands in the file, behind the base's values. */
  readonly infos: Buffer;
}

/** A row is worked on whole. The widest models have rows of some 30,000 values. */
const MAX_ROW_VALUES = 2 ** 24;

/** ggml keeps names in 64 bytes, the last of them zero. */
const MAX_NAME_BYTES = 63;

/**
 * How large the merged file gets, and which tensors change their type. Reads no tensor.
 *
 * @param base path of a GGUF, or its header.
 * @throws {LoraSwarmError} `MERGE_UNSUPPORTED` with the first tensor that can't be merged, `BASE_UNFIT`, and what
 * `readGgufHeader` throws.
 */
export async function mergedSize(
  base: string | GgufHeader,
  changes: readonly ChangedTensor[],
  type: MergedType,
): Promise<MergedSize> {
  const header = typeof base === 'string' ? await readGgufHeader(base) : base;
  const { bytes, retyped } = planMerge(header, changes, type);
  return { bytes, retyped };
}

/** Where every tensor of the merged file goes, and in which type. The errors are those of `mergedSize`. */
export function planMerge<C extends ChangedTensor>(
  header: GgufHeader,
  changes: readonly C[],
  type: MergedType,
): MergePlan<C> {
  requireWhole(header);
  const byName = new Map(changes.map((change) => [change.name, change]));
  if (byName.size < changes.length) throw new RangeError('two changes of one tensor');
  for (const change of changes) requireFit(change, header);

  const unchanged = [...header.tensors.values()].map((tensor) => ({ tensor, change: byName.get(tensor.name) }));
  const added = changes.filter(({ name }) => !header.tensors.has(name));
  const placed: readonly Placed<C>[] = [
    ...unchanged.map(({ tensor, change }) => (change ? changed(change, header, type) : { ...tensor, source: tensor })),
    ...added.map((change) => changed(change, header, type)),
  ];
  return {
    base: header,
    ...layOut(placed, header),
    retyped: placed.flatMap((one) => retypedOf(one, header)),
  };
}

function requireWhole(header: GgufHeader): void {
  const parts = header.values.get('split.count');
  if (typeof parts !== 'number' || parts <= 1) return;
  throw new LoraSwarmError(
    'MERGE_UNSUPPORTED',
    `The base model is split into ${parts} files. Put them together first: llama-gguf-split --merge.`,
  );
}

function requireFit(change: ChangedTensor, header: GgufHeader): void {
  const { name, dims, source, replacement } = change;
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) throw new RangeError(`${name} is too long for a GGUF`);
  if (dims[0]! > MAX_ROW_VALUES)
    throw new LoraSwarmError('MERGE_UNSUPPORTED', `The rows of ${quoted(name)} are too long to be merged.`);
  for (const needed of [source, header.tensors.has(name) ? name : undefined]) {
    if (needed === undefined) continue;
    const tensor = header.tensors.get(needed);
    if (!tensor) throw new LoraSwarmError('BASE_UNFIT', `The base model has no tensor ${quoted(needed)}.`);
    if (shapeOf(tensor.dims) !== shapeOf(dims))
      throw new LoraSwarmError(
        'BASE_UNFIT',
        `${quoted(needed)} is ${shapeOf(tensor.dims)} in the base model, and ${shapeOf(dims)} in the adapter.`,
      );
    if (needed === source && !replacement && !isCopy(change) && !canDequantize(tensor.type))
      throw cannotRead(tensor.type);
  }
}

/** Dimensions of 1 at the end say nothing. */
function shapeOf(dims: readonly number[]): string {
  return dims.slice(0, dims.findLastIndex((dim, axis) => dim !== 1 || axis === 0) + 1).join(' x ');
}

function changed<C extends ChangedTensor>(change: C, header: GgufHeader, type: MergedType): Placed<C> {
  const { name, dims } = change;
  const source = change.source === undefined ? undefined : header.tensors.get(change.source)!;
  if (source && isCopy(change)) return { name, dims, type: source.type, source };
  const own = originOf(change, header)?.type.name;
  return { name, dims, type: encodedType(mergedType(dims, own, type)), change, ...(source && { source }) };
}

/** A copy stays byte for byte what it was, under another name. */
function isCopy({ low, replacement, magnitudes, addend, rows }: ChangedTensor): boolean {
  return low?.length === 0 && !replacement && !magnitudes && !addend && !rows;
}

/** The tensor of the base that it stands for: where it has none, the one that it starts from. */
function originOf({ name, source }: ChangedTensor, header: GgufHeader): GgufTensor | undefined {
  return header.tensors.get(name) ?? (source === undefined ? undefined : header.tensors.get(source));
}

/**
 * The type of a tensor that changes. A type that we write as well as ggml does is kept; the others take the cheapest one
 * that loses less than they do. Biases and norms are added to F32 values, and ggml has few other ways to do that.
 */
function mergedType(dims: readonly number[], own: string | undefined, type: MergedType): EncodedType {
  const kept = type === 'keep' && own !== undefined && isEncoded(own) ? own : undefined;
  if (dims.length === 1) return kept === undefined || kept === 'Q8_0' ? 'F32' : kept;
  if (kept) return kept;
  if (type === 'f32' || (type === 'keep' && own === undefined)) return 'F32';
  return type === 'f16' || dims[0]! % 32 !== 0 ? 'F16' : 'Q8_0';
}

function retypedOf({ name, type, change }: Placed<ChangedTensor>, header: GgufHeader): readonly Retyped[] {
  const from = change && originOf(change, header)?.type.name;
  return from === undefined || from === type.name ? [] : [{ name, from, to: type.name }];
}

type Placed<C extends ChangedTensor> = Omit<MergedTensor<C>, 'offset' | 'byteLength'>;

function layOut<C extends ChangedTensor>(tensors: readonly Placed<C>[], { valuesEnd, alignment }: GgufHeader) {
  const aligned = (position: number): number => Math.ceil(position / alignment) * alignment;
  let offset = 0;
  const relative = tensors.map((tensor) => {
    const { dims, type } = tensor;
    const byteLength = dims.reduce((product, dim) => product * dim, type.blockBytes / type.blockSize);
    const placed = { ...tensor, offset, byteLength };
    offset = aligned(offset + byteLength);
    return placed;
  });
  const infos = Buffer.concat(relative.map(infoOf));
  const dataStart = aligned(valuesEnd + infos.length);
  return {
    tensors: relative.map((tensor) => ({ ...tensor, offset: dataStart + tensor.offset })),
    infos,
    bytes: dataStart + offset,
  };
}

function infoOf({ name, dims, type, offset }: Placed<ChangedTensor> & { readonly offset: number }): Buffer {
  const nameBytes = Buffer.from(name);
  const info = Buffer.alloc(8 + nameBytes.length + 4 + 8 * dims.length + 4 + 8);
  let at = info.writeBigUInt64LE(BigInt(nameBytes.length));
  at += nameBytes.copy(info, at);
  at = info.writeUInt32LE(dims.length, at);
  for (const dim of dims) at = info.writeBigUInt64LE(BigInt(dim), at);
  at = info.writeUInt32LE(ggmlTypeId(type), at);
  info.writeBigUInt64LE(BigInt(offset), at);
  return info;
}
