import { STRANGE_COUNTS, damaged, resized, withStrangeFloats } from './bytes';
import type { Random } from './random';

interface Value {
  readonly key: string;
  readonly type: number;
  readonly payload: Buffer;
}

interface Tensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: number;
  readonly data: Buffer;
  /** Added to the offset that is right. */
  readonly shift?: number;
}

export interface GgufFile {
  readonly values: readonly Value[];
  readonly tensors: readonly Tensor[];
}

/** A file in parts. Only for files that are right. */
export function splitGguf(file: Buffer): GgufFile {
  const reader = new Reader(file, 8);
  const tensorCount = reader.u64();
  const valueCount = reader.u64();
  const values = Array.from({ length: valueCount }, () => {
    const key = reader.text();
    const type = reader.u32();
    const start = reader.at;
    reader.skipValue(type);
    return { key, type, payload: file.subarray(start, reader.at) };
  });
  const infos = Array.from({ length: tensorCount }, () => {
    const name = reader.text();
    const dims = Array.from({ length: reader.u32() }, () => reader.u64());
    return { name, dims, type: reader.u32(), offset: reader.u64() };
  });
  const start = Math.ceil(reader.at / 32) * 32;
  const tensors = infos.map(({ offset, ...info }) => {
    return { ...info, data: file.subarray(start + offset, start + offset + bytesOf(info.dims, info.type)!) };
  });
  return { values, tensors };
}

/** Another file: sound but of another content, or with infos, values or counts that lie, or damaged. */
export function mutateGguf(file: GgufFile, random: Random): Buffer {
  let { values, tensors } = file;
  const how: Lies = {};
  let isDamaged = false;
  for (let count = random.pick([1, 1, 1, 2, 3]); count > 0; count--) {
    const kind = random.below(20);
    if (kind < 8) tensors = otherTensors(tensors, random);
    else if (kind < 11) tensors = lyingTensors(tensors, random);
    else if (kind < 15) values = otherValues(values, random);
    else if (kind < 17) lie(how, random);
    else isDamaged = true;
  }
  const joined = joinGguf({ values, tensors }, how);
  return isDamaged ? damaged(joined, random) : joined;
}

/** Numbers of the preamble in place of the right ones. */
interface Lies {
  version?: number;
  tensorCount?: number;
  valueCount?: number;
  alignment?: number;
  tail?: number;
}

function lie(how: Lies, random: Random): void {
  switch (random.below(5)) {
    case 0:
      how.version = random.pick([0, 1, 2, 4, 0x03000000, 0x02000000, 0xffffffff]);
      break;
    case 1:
      how.tensorCount = random.pick([...STRANGE_COUNTS]);
      break;
    case 2:
      how.valueCount = random.pick([...STRANGE_COUNTS]);
      break;
    case 3:
      how.alignment = random.pick([8, 16, 64, 128, 4096]);
      break;
    default:
      how.tail = random.pick([-64, -32, -1, 1, 31, 32, 4096]);
  }
}

/** The file of these parts. */
export function joinGguf({ values, tensors }: GgufFile, lies: Lies = {}): Buffer {
  const { version = 3, tensorCount = tensors.length, valueCount = values.length, alignment = 32, tail = 0 } = lies;
  const infos: Buffer[] = [];
  const data: Buffer[] = [];
  let offset = 0;
  for (const { name, dims, type, data: bytes, shift = 0 } of tensors) {
    infos.push(text(name), u32(dims.length), ...dims.map(u64), u32(type), u64(offset + shift));
    const padding = Buffer.alloc(Math.ceil(bytes.length / alignment) * alignment - bytes.length);
    data.push(bytes, padding);
    offset += bytes.length + padding.length;
  }
  const described = values.flatMap(({ key, type, payload }) => [text(key), u32(type), payload]);
  const preamble = [Buffer.from('GGUF'), u32(version), u64(tensorCount), u64(valueCount)];
  const header = Buffer.concat([...preamble, ...described, ...infos]);
  const gap = Buffer.alloc(Math.ceil(header.length / alignment) * alignment - header.length);
  const file = Buffer.concat([header, gap, ...data, Buffer.alloc(Math.max(0, tail))]);
  return tail < 0 ? file.subarray(0, tail) : file;
}

/** Elements and bytes of a block, by the number of the type. Absent: types that are no longer, or never were. */
const BLOCKS: Readonly<Record<number, readonly [number, number]>> = {
  ...{ 0: [1, 4], 1: [1, 2], 24: [1, 1], 25: [1, 2], 26: [1, 4], 27: [1, 8], 28: [1, 8], 30: [1, 2] },
  ...{
    2: [32, 18],
    3: [32, 20],
    6: [32, 22],
    7: [32, 24],
    8: [32, 34],
    9: [32, 36],
    20: [32, 18],
    39: [32, 17],
    40: [64, 36],
  },
  ...{ 10: [256, 84], 11: [256, 110], 12: [256, 144], 13: [256, 176], 14: [256, 210], 15: [256, 292], 16: [256, 66] },
  ...{ 17: [256, 74], 18: [256, 98], 19: [256, 50], 21: [256, 110], 22: [256, 82], 23: [256, 136], 29: [256, 56] },
  ...{ 34: [256, 54], 35: [256, 66] },
};
const TYPES = Object.keys(BLOCKS).map(Number);

function bytesOf(dims: readonly number[], type: number): number | undefined {
  const [elements, bytes] = BLOCKS[type] ?? [1, 0];
  const count = dims.reduce((product, dim) => product * dim, 1);
  return (dims[0] ?? 1) % elements === 0 && count >= 0 && count < 1 << 20 ? (count / elements) * bytes : undefined;
}

function reshaped(tensor: Tensor, dims: readonly number[], type = tensor.type): Tensor {
  const bytes = bytesOf(dims, type);
  return bytes === undefined ? tensor : { ...tensor, dims, type, data: resized(tensor.data, bytes) };
}

/** What stays a sound file. */
function otherTensors(tensors: readonly Tensor[], random: Random): readonly Tensor[] {
  const all = [...tensors];
  if (all.length === 0) return all;
  const at = random.below(all.length);
  const tensor = all[at]!;
  const { dims, name } = tensor;
  switch (random.below(11)) {
    case 0:
      all.splice(at, 1);
      break;
    case 1:
      all.splice(random.below(all.length), 0, { ...tensor, name: otherName(name, random) });
      break;
    case 2:
    case 3:
      all[at] = { ...tensor, name: otherName(name, random) };
      break;
    case 4:
      all[at] = reshaped(tensor, dims, random.pick(TYPES));
      break;
    case 5:
      all[at] = reshaped(tensor, otherDims(dims, random));
      break;
    case 6: {
      const rank = Math.min(...dims);
      const wanted = random.pick([1, 2, 3, 5, 8, 32, 64, 256]);
      const stem = name.replace(/[ab]$/, '');
      for (const [index, other] of all.entries())
        if (other.name.startsWith(stem))
          all[index] = reshaped(
            other,
            other.dims.map((dim) => (dim === rank ? wanted : dim)),
          );
      break;
    }
    case 7:
      all.push(...all.splice(at, 1));
      break;
    case 8:
      if (tensor.type === 0) all[at] = { ...tensor, data: withStrangeFloats(tensor.data, 'F32', random) };
      break;
    case 9: {
      const type = random.pick([0, 1, 2, 8, 30]);
      for (const [index, other] of all.entries()) all[index] = reshaped(other, other.dims, type);
      break;
    }
    default:
      all[at] = { ...tensor, data: Buffer.from(tensor.data).fill(random.below(256)) };
  }
  return all;
}

function otherDims(dims: readonly number[], random: Random): readonly number[] {
  const at = random.below(Math.max(1, dims.length));
  switch (random.below(7)) {
    case 0:
      return dims.map((dim, index) => (index === at ? dim + random.pick([-1, 1]) : dim));
    case 1:
      return dims.map((dim, index) => (index === at ? random.pick([1, 2, 4, 32, 64, 128, 320]) : dim));
    case 2:
      return [...dims, 1];
    case 3:
      return [...dims, 2];
    case 4:
      return [dims.reduce((product, dim) => product * dim, 1)];
    case 5:
      return [...dims].reverse();
    default:
      return [...dims, 1, 1];
  }
}

const NAMES: readonly string[] = [
  ...[
    'token_embd.weight',
    'output.weight',
    'output_norm.weight',
    'blk.0.attn_norm.weight',
    'blk.0.attn_q.bias',
    'blk.2.attn_q.weight',
  ],
  ...[
    'blk.00.attn_q.weight',
    'blk.1.attn_qkv.weight',
    'blk.0.ffn_down.weight',
    'blk.0.attn_q',
    'rope_freqs.weight',
    '',
    '\u0000',
    'ö',
  ],
  ...['blk.0.attn_q.weight.lora_a', 'a'.repeat(54), 'a'.repeat(70), '__proto__'],
];
const NAME_ENDS: readonly string[] = [
  '.lora_a',
  '.lora_b',
  '',
  '.lora_c',
  '.lora_a.lora_b',
  '.LORA_A',
  '.lora_a ',
  '.lora_aa',
];

function otherName(name: string, random: Random): string {
  const [stem = '', end = ''] = /^(.*?)(\.lora_.)?$/s.exec(name)?.slice(1) ?? [];
  switch (random.below(4)) {
    case 0:
      return random.pick(NAMES) + end;
    case 1:
      return stem + random.pick(NAME_ENDS);
    case 2:
      return name.replace(/blk\.\d+/, () => `blk.${random.pick(['0', '1', '2', '-1', '01', '99999', '4294967296'])}`);
    default:
      return name.replace(/(attn|ffn)_\w+/, () =>
        random.pick([
          'attn_q',
          'attn_k',
          'attn_v',
          'attn_output',
          'ffn_up',
          'ffn_gate',
          'ffn_down',
          'attn_norm',
          'ffn_gate_inp',
        ]),
      );
  }
}

/** Infos that say what the data is not. */
function lyingTensors(tensors: readonly Tensor[], random: Random): readonly Tensor[] {
  const all = [...tensors];
  if (all.length === 0) return all;
  const at = random.below(all.length);
  const tensor = all[at]!;
  const lies: readonly (() => Tensor)[] = [
    () => ({ ...tensor, shift: random.pick([-64, -32, -4, 1, 4, 16, 32, 64, 4096, 2 ** 40]) }),
    () => ({ ...tensor, dims: otherDims(tensor.dims, random) }),
    () => ({ ...tensor, dims: tensor.dims.map((dim, index) => (index === 0 ? random.pick(STRANGE_COUNTS) : dim)) }),
    () => ({
      ...tensor,
      dims: random.pick([[], [0], [1, 1, 1, 1, 1], [2 ** 32, 2 ** 32], [0, 2 ** 60], [2 ** 31, 2, 2 ** 31]]),
    }),
    () => ({ ...tensor, type: random.pick([...TYPES, 4, 5, 31, 36, 41, 255, 2 ** 32 - 1]) }),
    () => ({ ...tensor, data: tensor.data.subarray(0, random.below(tensor.data.length + 1)) }),
  ];
  all[at] = random.pick(lies)();
  return all;
}

const ALPHAS = [0, -0, 1, 8, -16, 1e-30, 3e38, NaN, Infinity, -Infinity];

function otherValues(values: readonly Value[], random: Random): readonly Value[] {
  const all = [...values];
  const at = random.below(Math.max(1, all.length));
  const value = all[at] ?? { key: 'general.type', type: 8, payload: text('adapter') };
  const put = (key: string, type: number, payload: Buffer): void => {
    const found = all.findIndex((other) => other.key === key);
    if (found < 0) all.push({ key, type, payload });
    else all[found] = { key, type, payload };
  };
  switch (random.below(10)) {
    case 0:
      all.splice(at, 1);
      break;
    case 1:
      all.push(value);
      break;
    case 2:
      put('adapter.lora.alpha', 6, f32(random.pick(ALPHAS)));
      break;
    case 3:
      put('adapter.lora.alpha', random.pick([0, 4, 5, 7, 8, 10, 12, 13]), u64(random.pick([0, 1, 16, 2 ** 63])));
      break;
    case 4:
      put(
        'general.architecture',
        8,
        text(random.pick(['llama', 'qwen2', 'gemma3', 'phi3', 'clip', '', 'LLAMA', 'mistral', 'x\u0000'])),
      );
      break;
    case 5:
      put(
        'general.alignment',
        random.pick([4, 4, 4, 5, 6, 8, 10]),
        u64(random.pick([0, 1, 8, 16, 32, 33, 64, 65_536, 2 ** 31])),
      );
      break;
    case 6:
      put(
        random.pick(['adapter.type', 'general.type', 'adapter.alora.invocation_tokens', 'split.count', 'general.name']),
        8,
        text(random.pick(['lora', 'adapter', 'model', 'alora', 'control_vector', ''])),
      );
      break;
    case 7:
      put(
        random.pick(['x', 'general.tags', 'adapter.alora.invocation_tokens']),
        9,
        Buffer.concat([
          u32(random.pick([0, 4, 6, 8, 9, 13])),
          u64(random.pick([0, 1, 2, ...STRANGE_COUNTS])),
          Buffer.alloc(32),
        ]),
      );
      break;
    case 8:
      all[at] = { ...value, type: random.pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 255]) };
      break;
    default:
      all[at] = {
        ...value,
        key: random.pick(['', 'k'.repeat(2000), '\u0000', 'general.type', value.key.toUpperCase(), `${value.key}.x`]),
      };
  }
  return all;
}

const SCALAR_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];

class Reader {
  constructor(
    private readonly file: Buffer,
    public at: number,
  ) {}

  u32(): number {
    return this.file.readUInt32LE((this.at += 4) - 4);
  }

  u64(): number {
    return Number(this.file.readBigUInt64LE((this.at += 8) - 8));
  }

  text(): string {
    const length = this.u64();
    return this.file.toString('utf8', this.at, (this.at += length));
  }

  skipValue(type: number): void {
    if (type === 8) this.text();
    else if (type !== 9) this.at += SCALAR_BYTES[type]!;
    else {
      const element = this.u32();
      for (let left = this.u64(); left > 0; left--) this.skipValue(element);
    }
  }
}

function text(content: string): Buffer {
  return Buffer.concat([u64(Buffer.byteLength(content)), Buffer.from(content)]);
}

function u32(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number);
  return bytes;
}

function u64(number: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(Math.trunc(number))));
  return bytes;
}

function f32(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(number);
  return bytes;
}
