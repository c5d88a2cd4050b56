import { float32ToBf16, float32ToF16 } from '../floats';

/** Types that values are written in. Their errors are those of ggml's own encoders, to the last bit. */
export type EncodedType = 'F32' | 'F16' | 'BF16' | 'Q8_0';

/** The bytes of values in this type. F16 turns what is over 65504 into infinity, Q8_0 the scale of values over 127 times that. */
export function encode(type: EncodedType, values: Float32Array): Uint8Array {
  switch (type) {
    case 'F32':
      return new Uint8Array(values.slice().buffer);
    case 'F16':
      return float32ToF16(values);
    case 'BF16':
      return float32ToBf16(values);
    case 'Q8_0':
      return encodeQ8Zero(values);
  }
}

/** Blocks of 32: the largest becomes 127. As ggml's `quantize_row_q8_0_ref`, with its 32-bit roundings in between. */
function encodeQ8Zero(values: Float32Array): Uint8Array {
  const blocks = values.length / 32;
  const bytes = new Uint8Array(blocks * 34);
  const scales = new Float32Array(blocks);
  for (let block = 0; block < blocks; block++) {
    let largest = 0;
    for (let j = 0; j < 32; j++) largest = Math.max(largest, Math.abs(values[32 * block + j]!));
    const scale = Math.fround(largest / 127);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    scales[block] = scale;
    for (let j = 0; j < 32; j++) {
      const scaled = Math.fround(values[32 * block + j]! * inverse);
      bytes[34 * block + 2 + j] = Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5); // Halves away from zero.
    }
  }
  const halves = float32ToF16(scales);
  for (let block = 0; block < blocks; block++) bytes.set(halves.subarray(2 * block, 2 * block + 2), 34 * block);
  return bytes;
}
