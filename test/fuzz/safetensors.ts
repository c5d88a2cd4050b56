import { STRANGE_COUNTS, damaged, resized, withStrangeFloats } from './bytes';
import type { Random } from './random';

export interface SafeTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: Buffer;
}

/** A file in parts. Only for files of the fixtures, which are right. */
export function splitSafetensors(file: Buffer): readonly SafeTensor[] {
  const end = 8 + Number(file.readBigUInt64LE());
  const header = JSON.parse(file.toString('utf8', 8, end)) as Record<string, Entry>;
  return Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => {
        return { name, dtype: String(dtype), shape: shape as number[], data: file.subarray(end + from, end + to) };
      },
    );
}

interface Entry {
  readonly dtype: unknown;
  readonly shape: unknown;
  readonly data_offsets: readonly [number, number];
}

/** Another file: sound but of another content, or with a header that lies, or with a header that is no JSON, or damaged. */
export function mutateSafetensors(tensors: readonly SafeTensor[], random: Random): Buffer {
  let changed = [...tensors];
  let how = NO_LIES;
  let isDamaged = false;
  for (let count = random.pick([1, 1, 1, 2, 3]); count > 0; count--) {
    const kind = random.below(20);
    if (kind < 12) changed = otherTensors(changed, random);
    else if (kind < 15) how = { ...how, entry: random };
    else if (kind < 17) how = { ...how, text: random };
    else if (kind < 18) how = { ...how, length: random };
    else isDamaged = true;
  }
  const file = joinSafetensors(changed, how);
  return isDamaged ? damaged(file, random) : file;
}

/** Whoever is given here says something that is not so. */
interface Lies {
  readonly entry: Random | undefined;
  readonly text: Random | undefined;
  readonly length: Random | undefined;
}

const NO_LIES: Lies = { entry: undefined, text: undefined, length: undefined };

/** The file of these parts. */
export function joinSafetensors(tensors: readonly SafeTensor[], lies: Lies = NO_LIES): Buffer {
  let position = 0;
  const entries = tensors.map(({ name, dtype, shape, data }): [string, unknown] => {
    const begin = position;
    position += data.length;
    return [name, { dtype, shape, data_offsets: [begin, position] }];
  });
  if (lies.entry && entries.length > 0) lieInEntry(entries, lies.entry);
  let text = `{${entries.map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`).join(',')}}`;
  if (lies.text) text = otherText(text, lies.text);
  const json = Buffer.from(text);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  if (lies.length) {
    const size = json.length + lies.length.pick([-8, -1, 1, 8]);
    const claimed = lies.length.isOneIn(2) ? size : lies.length.pick(STRANGE_COUNTS);
    length.writeBigUInt64LE(BigInt.asUintN(64, BigInt(claimed)));
  }
  return Buffer.concat([length, json, ...tensors.map(({ data }) => data)]);
}

const DTYPES = [...['F32', 'F16', 'BF16', 'F64', 'F8_E4M3', 'I64', 'I32', 'U8', 'BOOL', 'F4', 'f32', '', 'C64', 'X']];
const DTYPE_BYTES: Readonly<Record<string, number>> = { F64: 8, I64: 8, F32: 4, I32: 4, F16: 2, BF16: 2 };

/** What stays a sound file. */
function otherTensors(tensors: readonly SafeTensor[], random: Random): SafeTensor[] {
  const all = [...tensors];
  if (all.length === 0) return all;
  const at = random.below(all.length);
  const tensor = all[at]!;
  const reshape = (index: number, shape: readonly number[], dtype = all[index]!.dtype): void => {
    const bytes = shape.reduce((product, dim) => product * dim, DTYPE_BYTES[dtype] ?? 1);
    if (bytes >= 0 && bytes < 1 << 20)
      all[index] = { ...all[index]!, dtype, shape, data: resized(all[index]!.data, bytes) };
  };
  switch (random.below(12)) {
    case 0:
      all.splice(at, 1);
      break;
    case 1:
      all.splice(random.below(all.length), 0, { ...tensor, name: otherName(tensor.name, random) });
      break;
    case 2:
    case 3:
      all[at] = { ...tensor, name: otherName(tensor.name, random) };
      break;
    case 4:
      reshape(at, tensor.shape, random.pick(DTYPES));
      break;
    case 5:
      reshape(at, otherShape(tensor.shape, random));
      break;
    case 6: {
      // Both halves of a pair get another rank, so that it stays one.
      const rank = Math.min(...tensor.shape);
      const wanted = random.pick([0, 1, 2, 3, 5, 8, 16, 64, 200]);
      for (const [index, { name, shape }] of all.entries())
        if (name === tensor.name || name === partner(tensor.name))
          reshape(
            index,
            shape.map((dim) => (dim === rank ? wanted : dim)),
          );
      break;
    }
    case 7:
      all[at] = { ...tensor, shape: [...tensor.shape].reverse() };
      break;
    case 8:
      all.push(...all.splice(at, 1));
      break;
    case 9:
    case 10:
      if (tensor.dtype === 'F32' || tensor.dtype === 'F16' || tensor.dtype === 'BF16')
        all[at] = { ...tensor, data: withStrangeFloats(tensor.data, tensor.dtype, random) };
      break;
    default:
      for (const index of all.keys()) reshape(index, all[index]!.shape, random.pick(['F32', 'F16', 'BF16']));
  }
  return all;
}

function partner(name: string): string {
  if (/lora_(embedding_)?[Aa]/.test(name))
    return name.replace('lora_A', 'lora_B').replace('lora_a', 'lora_b').replace('embedding_A', 'embedding_B');
  return name.replace('lora_B', 'lora_A').replace('lora_b', 'lora_a').replace('embedding_B', 'embedding_A');
}

const NAME_PARTS: readonly (readonly [RegExp, readonly string[]])[] = [
  [
    /layers\.\d+/,
    ['layers.0', 'layers.1', 'layers.2', 'layers.00', 'layers.-1', 'layers.99999', 'layers.1e1', 'blocks.0'],
  ],
  [
    /(q|k|v|o|gate|up|down|qkv|gate_up)_proj/,
    ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'down_proj', 'qkv_proj', 'W', '__proto__'],
  ],
  [/self_attn|mlp/, ['self_attn', 'mlp', 'block_sparse_moe.experts.0', 'constructor']],
  [
    /lora_[ABab]/,
    ['lora_A', 'lora_B', 'lora_a', 'lora_b', 'lora_C', 'hada_w1_a', 'lora_embedding_A', 'lora_A.default', 'lora_A.a.b'],
  ],
  [/\.weight$/, ['', '.bias', '.weight.weight', '.default.weight', '.m', '.lora_magnitude_vector']],
  [
    /^base_model\.model\./,
    [
      '',
      'base_model.',
      'base_model.model.base_model.model.',
      'module.base_model.model.',
      'base_model.model._orig_mod.',
    ],
  ],
  [
    /model\.(?=layers)/,
    ['', 'language_model.', 'model.language_model.', 'language_model.model.', 'transformer.h.', 'vision_model.'],
  ],
  [
    /^.*$/s,
    [
      '',
      '.',
      '__proto__',
      '__metadata__',
      'a'.repeat(5000),
      'lora_A.weight',
      '\u0000',
      'ö/../x',
      'base_model.model.lm_head.lora_A.weight',
      'base_model.model.model.embed_tokens.lora_embedding_A',
      'base_model.model.model.norm.weight',
      'base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta',
      'base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector',
    ],
  ],
];

function otherName(name: string, random: Random): string {
  const fitting = NAME_PARTS.filter(([part]) => part.test(name));
  const [part, others] = random.pick(fitting);
  return name.replace(part, () => random.pick(others));
}

function otherShape(shape: readonly number[], random: Random): readonly number[] {
  const at = random.below(Math.max(1, shape.length));
  switch (random.below(6)) {
    case 0:
      return shape.map((dim, index) => (index === at ? dim + random.pick([-1, 1]) : dim));
    case 1:
      return shape.map((dim, index) => (index === at ? random.pick([0, 1, 2, 32, 64, 128, 320]) : dim));
    case 2:
      return [...shape, 1];
    case 3:
      return [1, ...shape];
    case 4:
      return [shape.reduce((product, dim) => product * dim, 1)];
    default:
      return [];
  }
}

const STRANGE_VALUES: readonly unknown[] = [null, true, -1, 1.5, '64', [], {}, [64], 1e300, ...STRANGE_COUNTS];

/** Says of a tensor what its bytes are not. */
function lieInEntry(entries: [string, unknown][], random: Random): void {
  const at = random.below(entries.length);
  const [name, entry] = entries[at]! as [string, { dtype: unknown; shape: unknown[]; data_offsets: unknown[] }];
  const [begin, end] = entry.data_offsets as [number, number];
  const other = (entries[random.below(entries.length)]![1] as typeof entry).data_offsets;
  const strange = random.pick(STRANGE_VALUES);
  const lies: readonly (() => unknown)[] = [
    () => ({ ...entry, dtype: random.pick<unknown>([...DTYPES, strange]) }),
    () => ({ ...entry, shape: otherShape(entry.shape as number[], random) }),
    () => ({ ...entry, shape: entry.shape.map((dim, index) => (index === 0 ? strange : dim)) }),
    () => ({ ...entry, shape: strange }),
    () => ({ ...entry, data_offsets: other }),
    () => ({ ...entry, data_offsets: [begin + random.pick([-4, -1, 1, 4]), end] }),
    () => ({ ...entry, data_offsets: [begin, end + random.pick([-4, -1, 1, 4])] }),
    () => ({ ...entry, data_offsets: [end, begin] }),
    () => ({ ...entry, data_offsets: [begin, strange] }),
    () => ({ ...entry, data_offsets: strange }),
    () => ({ ...entry, shape: [0, 2 ** 52, 2 ** 52], data_offsets: [begin, begin] }),
    () => ({ ...entry, extra: strange }),
    () => strange,
  ];
  entries[at] = [name, random.pick(lies)()];
  if (random.isOneIn(8)) entries.push([name, entry]);
  if (random.isOneIn(8)) entries.unshift(['__metadata__', random.pick<unknown>([strange, { format: 'pt' }, { a: 1 }])]);
}

/** JSON that is written otherwise, or is none. */
function otherText(text: string, random: Random): string {
  const at = random.below(text.length);
  const insert = (piece: string): string => text.slice(0, at) + piece + text.slice(at);
  switch (random.below(8)) {
    case 0:
      return text.replace(/"F32"/, () => random.pick(['"\\u0046\\u0033\\u0032"', '"F32\\u0000"', 'F32', "'F32'"]));
    case 1:
      return text + ' '.repeat(random.below(64));
    case 2:
      return insert(
        random.pick(['\ufeff', '\n', ',', '/*x*/', '\\', '"', '[', '{"a":', '\u2028', '\ud800', ' NaN ', '-']),
      );
    case 3:
      return text.replace(/\d+/, (digits) =>
        random.pick([`${digits}.0`, `${digits}e0`, `0${digits}`, `-${digits}`, `+${digits}`]),
      );
    case 4:
      return '['.repeat(1 + random.below(5000)) + text;
    case 5:
      return text.slice(0, at);
    case 6:
      return text.replace('{', `{"__metadata__":{"k":${JSON.stringify('v'.repeat(random.below(100_000)))}},`);
    default:
      return insert(text.slice(at, at + 1 + random.below(200)));
  }
}
