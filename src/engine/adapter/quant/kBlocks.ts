import { halfAt, int8At, type Unpack } from './blockTypes';

// The "K" types: 256 values a block, in sub-blocks of 16 or 32 whose small scales are multiplied with that of the block.

/** Bytes: 16 scales and minimums of 4 bits each, 64 of quants of 2 bits, scale, scale of the minimums. */
export const unpackQ2K: Unpack = (bytes, count, out) => {
  for (let block = 0, at = 0, to = 0; block < count; block++, at += 84) {
    const scale = halfAt(bytes, at + 80);
    const minimum = halfAt(bytes, at + 82);
    for (let sub = 0; sub < 16; sub++, to += 16) {
      const both = bytes[at + sub]!;
      const step = scale * (both & 15);
      const offset = minimum * (both >> 4);
      const { quants, shift } = twoBitPlace(sub);
      for (let l = 0; l < 16; l++) {
        out[to + l] = step * ((bytes[at + 16 + quants + l]! >> shift) & 3) - offset;
      }
    }
  }
};

/** Bytes: 32 of third bits, 64 of quants of 2 bits, 12 of scales of 6 bits, scale. */
export const unpackQ3K: Unpack = (bytes, count, out) => {
  for (let block = 0, at = 0, to = 0; block < count; block++, at += 110) {
    const scale = halfAt(bytes, at + 108);
    for (let sub = 0; sub < 16; sub++, to += 16) {
      const step = scale * (sixBitScale(bytes, at + 96, sub) - 32);
      const { quants, shift } = twoBitPlace(sub);
      const third = 1 << (sub >> 1); // Bit of the mask: one for each 32 values.
      for (let l = 0; l < 16; l++) {
        const low = (bytes[at + 32 + quants + l]! >> shift) & 3;
        out[to + l] = step * (bytes[at + 16 * (sub & 1) + l]! & third ? low : low - 4);
      }
    }
  }
};

/** Bytes: scale, scale of the minimums, 12 of scales and minimums of 6 bits, 128 of quants of 4 bits. */
export const unpackQ4K: Unpack = (bytes, count, out) => {
  for (let block = 0, at = 0, to = 0; block < count; block++, at += 144) {
    const scale = halfAt(bytes, at);
    const minimum = halfAt(bytes, at + 2);
    for (let sub = 0; sub < 8; sub++, to += 32) {
      const step = scale * scaleOf(bytes, at + 4, sub);
      const offset = minimum * minimumOf(bytes, at + 4, sub);
      const quants = at + 16 + 32 * (sub >> 1);
      const shift = 4 * (sub & 1);
      for (let l = 0; l < 32; l++) out[to + l] = step * ((bytes[quants + l]! >> shift) & 15) - offset;
    }
  }
};

/** As Q4_K, with 32 bytes of fifth bits before the quants. */
export const unpackQ5K: Unpack = (bytes, count, out) => {
  for (let block = 0, at = 0, to = 0; block < count; block++, at += 176) {
    const scale = halfAt(bytes, at);
    const minimum = halfAt(bytes, at + 2);
    for (let sub = 0; sub < 8; sub++, to += 32) {
      const step = scale * scaleOf(bytes, at + 4, sub);
      const offset = minimum * minimumOf(bytes, at + 4, sub);
      const quants = at + 48 + 32 * (sub >> 1);
      const shift = 4 * (sub & 1);
      for (let l = 0; l < 32; l++) {
        const fifth = ((bytes[at + 16 + l]! >> sub) & 1) << 4;
        out[to + l] = step * (((bytes[quants + l]! >> shift) & 15) | fifth) - offset;
      }
    }
  }
};

/** Bytes: 128 of low nibbles, 64 of two upper bits, 16 signed scales, scale. */
export const unpackQ6K: Unpack = (bytes, count, out) => {
  for (let block = 0, at = 0, to = 0; block < count; block++, at += 210, to += 256) {
    const scale = halfAt(bytes, at + 208);
    for (let quarter = 0; quarter < 8; quarter++) {
      const half = quarter >> 2; // 128 values: nibbles and upper bits of each half stand together.
      const part = quarter & 3;
      const low = at + 64 * half + 32 * (part & 1);
      const high = at + 128 + 32 * half;
      const first = scale * int8At(bytes, at + 192 + 2 * quarter);
      const second = scale * int8At(bytes, at + 193 + 2 * quarter);
      for (let l = 0; l < 32; l++) {
        const nibble = (bytes[low + l]! >> (4 * (part >> 1))) & 15;
        const upper = (bytes[high + l]! >> (2 * part)) & 3;
        out[to + 32 * quarter + l] = (l < 16 ? first : second) * ((nibble | (upper << 4)) - 32);
      }
    }
  }
};

/** Sub-blocks of 16 go in pairs; four pairs share 32 bytes, two bits each. */
function twoBitPlace(sub: number): { readonly quants: number; readonly shift: number } {
  return { quants: 32 * (sub >> 3) + 16 * (sub & 1), shift: 2 * ((sub >> 1) & 3) };
}

/** One of 16 scales: four low bits in the first 8 bytes, two high bits in the other 4. */
function sixBitScale(bytes: Uint8Array, at: number, index: number): number {
  const low = (bytes[at + (index & 7)]! >> (4 * (index >> 3))) & 15;
  return low | (((bytes[at + 8 + (index & 3)]! >> (2 * (index >> 2))) & 3) << 4);
}

/** Scales and minimums 0 to 3 have bytes of their own; the upper two bits of these hold the tops of 4 to 7. */
function scaleOf(bytes: Uint8Array, at: number, index: number): number {
  if (index < 4) return bytes[at + index]! & 63;
  return (bytes[at + index + 4]! & 15) | ((bytes[at + index - 4]! >> 6) << 4);
}

function minimumOf(bytes: Uint8Array, at: number, index: number): number {
  if (index < 4) return bytes[at + index + 4]! & 63;
  return (bytes[at + index + 4]! >> 4) | ((bytes[at + index]! >> 6) << 4);
}
