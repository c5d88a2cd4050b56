import type { Random } from './random';

/** Damage that knows no format: bits, runs of zeros, moved pieces, cut and added ends. Mostly near the start, where headers are. */
export function damaged(bytes: Buffer, random: Random): Buffer {
  let copy = Buffer.from(bytes);
  const reach = random.isOneIn(3) ? copy.length : Math.min(copy.length, 4096);
  for (let count = 1 + random.below(3); count > 0 && copy.length > 0; count--) {
    const at = random.below(Math.min(reach, copy.length));
    switch (random.below(8)) {
      case 0:
      case 1:
        copy[at]! ^= 1 << random.below(8);
        break;
      case 2:
        copy[at] = random.pick([0, 1, 0x22, 0x2c, 0x2d, 0x30, 0x5c, 0x7b, 0x7d, 0x7f, 0x80, 0xff]);
        break;
      case 3:
        copy.fill(random.pick([0, 0xff]), at, Math.min(copy.length, at + 1 + random.below(16)));
        break;
      case 4:
        copy.copyWithin(at, random.below(copy.length), Math.min(copy.length, at + 1 + random.below(64)));
        break;
      case 5:
        copy = copy.subarray(0, random.below(copy.length));
        break;
      case 6:
        copy = Buffer.concat([copy, Buffer.alloc(1 + random.below(64), random.below(256))]);
        break;
      default:
        copy = Buffer.concat([copy.subarray(0, at), Buffer.alloc(1 + random.below(9), 0x20), copy.subarray(at)]);
    }
  }
  return copy;
}

/** Floats that arithmetic does not survive, or hardly. */
const STRANGE_FLOATS = [NaN, Infinity, -Infinity, 3.4e38, -3.4e38, 1e-45, 0, -0, 65_504, 65_536, 1e30];

/** The same data with some values that no training gives. */
export function withStrangeFloats(data: Buffer, type: 'F32' | 'F16' | 'BF16', random: Random): Buffer {
  const copy = Buffer.from(data);
  const unit = type === 'F32' ? 4 : 2;
  for (let count = 1 + random.below(4); count > 0 && copy.length >= unit; count--) {
    const at = unit * random.below(Math.floor(copy.length / unit));
    if (type === 'F32') copy.writeFloatLE(random.pick(STRANGE_FLOATS), at);
    else copy.writeUInt16LE(random.pick([0x7c00, 0xfc00, 0x7e00, 0x7bff, 0x7f80, 0xff80, 0x7fc0, 0x7f7f, 0, 1]), at);
  }
  return copy;
}

/** `length` bytes that start as `data` does, and go on with it again. */
export function resized(data: Buffer, length: number): Buffer {
  return data.length === 0 ? Buffer.alloc(length) : Buffer.alloc(length, data);
}

/** Numbers that shapes, counts and lengths must not be. */
export const STRANGE_COUNTS = [
  ...[0, 1, 2, 3, 7, 31, 63, 65, 127, 129, 255, 257, 4096, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32],
  ...[2 ** 40, 2 ** 53 - 1, 2 ** 53, 2 ** 61, 2 ** 63],
];
