// GGUF files byte by byte, for everything that a writer would never write.

export interface GgufParts {
  readonly magic?: string;
  readonly version?: number;
  readonly tensorCount?: bigint;
  readonly valueCount?: bigint;
  readonly values: readonly Buffer[];
  readonly tensors: readonly Buffer[];
  readonly alignment?: number;
  readonly data?: Buffer;
}

/** The bytes of a file that may be wrong in any of its parts. */
export function rawGguf(parts: GgufParts): Buffer {
  const { magic = 'GGUF', version = 3, values, tensors, alignment = 32, data = Buffer.alloc(16) } = parts;
  const counts = [u64(parts.tensorCount ?? BigInt(tensors.length)), u64(parts.valueCount ?? BigInt(values.length))];
  const header = Buffer.concat([Buffer.from(magic), u32(version), ...counts, ...values, ...tensors]);
  const padding = Buffer.alloc(Math.ceil(header.length / alignment) * alignment - header.length);
  return Buffer.concat([header, padding, data]);
}

export function info(name: string, dims: readonly number[], type: number, offset: number): Buffer {
  return Buffer.concat([
    string(name),
    u32(dims.length),
    ...dims.map((dim) => u64(BigInt(dim))),
    u32(type),
    u64(BigInt(offset)),
  ]);
}

export function value(key: string, type: number, ...data: readonly Buffer[]): Buffer {
  return Buffer.concat([string(key), u32(type), ...data]);
}

export function text(key: string, content: string): Buffer {
  return value(key, 8, string(content));
}

function string(content: string): Buffer {
  return Buffer.concat([u64(BigInt(Buffer.byteLength(content))), Buffer.from(content)]);
}

export function u32(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number);
  return bytes;
}

export function u64(number: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(number);
  return bytes;
}
