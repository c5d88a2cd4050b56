import { halfAt, int8At, type Unpack } from './blockTypes';

// Blocks of 32 values with one scale, and a minimum in the `_1` types. Nibble j of the low halves is value j, of the
// high halves value j + 16.

export const unpackQ4Zero: Unpack = (bytes, count, out) => {
  for (let block = 0, at = 0, to = 0; block < count; block++, at += 18, to += 32) {
    const scale = halfAt(bytes, at);
    for (let j = 0; j < 16; j++) {
      const pair = bytes[at + 2 + j]!;
      out[to + j] = ((pair & 15) - 8) * scale;
      out[to + 16 + j] = ((pair >> 4) - 8) * scale;
    }
  }
};

export const unpackQ4One: Unpack = (bytes, count, out) => {
  for (let block = 0, at = 0, to = 0; block < count; block++, at += 20, to += 32) {
    const scale = halfAt(bytes, at);
    const minimum = halfAt(bytes, at + 2);
    for (let j = 0; j < 16; j++) {
      const pair = bytes[at + 4 + j]!;
      out[to + j] = (pair & 15) * scale + minimum;
      out[to + 16 + j] = (pair >> 4) * scale + minimum;
    }
  }
};

export const unpackQ5Zero: Unpack = (bytes, count, out) => {
  for (let block = 0, at = 0, to = 0; block < count; block++, at += 22, to += 32) {
    const scale = halfAt(bytes, at);
    for (let j = 0; j < 16; j++) {
      const pair = bytes[at + 6 + j]!;
      out[to + j] = (((pair & 15) | fifthBit(bytes, at + 2, j)) - 16) * scale;
      out[to + 16 + j] = (((pair >> 4) | fifthBit(bytes, at + 2, j + 16)) - 16) * scale;
    }
  }
};

export const unpackQ5One: Unpack = (bytes, count, out) => {
  for (let block = 0, at = 0, to = 0; block < count; block++, at += 24, to += 32) {
    const scale = halfAt(bytes, at);
    const minimum = halfAt(bytes, at + 2);
    for (let j = 0; j < 16; j++) {
      const pair = bytes[at + 8 + j]!;
      out[to + j] = ((pair & 15) | fifthBit(bytes, at + 4, j)) * scale + minimum;
      out[to + 16 + j] = ((pair >> 4) | fifthBit(bytes, at + 4, j + 16)) * scale + minimum;
    }
  }
};

export const unpackQ8Zero: Unpack = (bytes, count, out) => {
  for (let block = 0, at = 0, to = 0; block < count; block++, at += 34, to += 32) {
    const scale = halfAt(bytes, at);
    for (let j = 0; j < 32; j++) out[to + j] = int8At(bytes, at + 2 + j) * scale;
  }
};

/** Values by number: steps that are finer near zero. */
const NONLINEAR = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113] as const;

export const unpackIq4Nl: Unpack = (bytes, count, out) => {
  for (let block = 0, at = 0, to = 0; block < count; block++, at += 18, to += 32) {
    unpackNonlinear(bytes, at + 2, halfAt(bytes, at), out, to);
  }
};

/** 256 values in 8 blocks of 32: a scale of 6 bits each, its low nibbles together and its two high bits together. */
export const unpackIq4Xs: Unpack = (bytes, count, out) => {
  for (let block = 0, at = 0, to = 0; block < count; block++, at += 136) {
    const scale = halfAt(bytes, at);
    const high = bytes[at + 2]! | (bytes[at + 3]! << 8);
    for (let part = 0; part < 8; part++, to += 32) {
      const low = (bytes[at + 4 + (part >> 1)]! >> (4 * (part & 1))) & 15;
      const step = (low | (((high >> (2 * part)) & 3) << 4)) - 32;
      unpackNonlinear(bytes, at + 8 + 16 * part, scale * step, out, to);
    }
  }
};

function unpackNonlinear(bytes: Uint8Array, at: number, scale: number, out: Float32Array, to: number): void {
  for (let j = 0; j < 16; j++) {
    const pair = bytes[at + j]!;
    out[to + j] = NONLINEAR[pair & 15]! * scale;
    out[to + 16 + j] = NONLINEAR[pair >> 4]! * scale;
  }
}

/** Floats of 4 bits, doubled. */
const FP4 = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12] as const;

/** The scale is a bare exponent; half of it, as the values are doubled. */
export const unpackMxfp4: Unpack = (bytes, count, out) => {
  for (let block = 0, at = 0, to = 0; block < count; block++, at += 17, to += 32) {
    const scale = 2 ** (bytes[at]! - 128);
    for (let j = 0; j < 16; j++) {
      const pair = bytes[at + 1 + j]!;
      out[to + j] = FP4[pair & 15]! * scale;
      out[to + 16 + j] = FP4[pair >> 4]! * scale;
    }
  }
};

/** Bit `index` of the 32 at a place, as the fifth bit of a value. */
function fifthBit(bytes: Uint8Array, at: number, index: number): number {
  return ((bytes[at + (index >> 3)]! >> (index & 7)) & 1) << 4;
}
