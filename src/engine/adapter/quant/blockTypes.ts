/**
 * Unpacks `count` blocks that start at `bytes[0]` into `out`, from its first value on.
 *
 * The products fit a double exactly and are rounded once, to 32 bits: the same values as ggml's `dequantize_row_*`.
 */
export type Unpack = (bytes: Uint8Array, count: number, out: Float32Array) => void;

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

/** The half float at a place: the scale of a block. */
export function halfAt(bytes: Uint8Array, at: number): number {
  const half = bytes[at]! | (bytes[at + 1]! << 8);
  const magnitude = half & 0x7fff;
  if (magnitude < 0x0400) return (half & 0x8000 ? -magnitude : magnitude) * 2 ** -24;
  // NaN and infinity stay what they are, so that the check of the result finds them.
  const bits = magnitude < 0x7c00 ? (magnitude << 13) + (112 << 23) : (magnitude << 13) | 0x7f800000;
  word[0] = ((half & 0x8000) << 16) | bits;
  return float[0]!;
}

/** The byte at a place, as a signed number. */
export function int8At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) >> 24;
}
