// Half-width floats to and from 32 bits. Widening is exact; narrowing rounds to nearest, ties to even, as torch does.

/** Types of floats that adapters are stored in. */
export type FloatType = 'F32' | 'F16' | 'BF16';

export const FLOAT_BYTES = { F32: 4, F16: 2, BF16: 2 } as const;

/** Bits that are all set in what is no number: the exponent. */
const EXPONENTS = { F32: 0x7f800000, F16: 0x7c00, BF16: 0x7f80 } as const;

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

/** Little-endian IEEE half floats. `into` has room for exactly these. */
export function f16ToFloat32(bytes: Uint8Array, into: Float32Array = new Float32Array(bytes.length / 2)): Float32Array {
  const table = (halfTable ??= Float32Array.from({ length: 65_536 }, (_, half) => halfToFloat(half)));
  for (let index = 0; index < into.length; index++) {
    into[index] = table[bytes[2 * index]! | (bytes[2 * index + 1]! << 8)]!;
  }
  return into;
}

let halfTable: Float32Array | undefined;

/** Little-endian bfloat16: the upper half of a 32-bit float. */
export function bf16ToFloat32(
  bytes: Uint8Array,
  into: Float32Array = new Float32Array(bytes.length / 2),
): Float32Array {
  const words = new Uint32Array(into.buffer, into.byteOffset, into.length);
  const isAligned = bytes.byteOffset % 2 === 0;
  const halves = new Uint16Array(isAligned ? bytes.buffer : bytes.slice().buffer, isAligned ? bytes.byteOffset : 0);
  for (let index = 0; index < words.length; index++) words[index] = halves[index]! << 16;
  return into;
}

/** Values over 65504 become infinite: check with `isFinite` before, or look for infinities after. */
export function float32ToF16(values: Float32Array, halves: Uint16Array = new Uint16Array(values.length)): Uint8Array {
  for (let index = 0; index < values.length; index++) halves[index] = floatToHalf(values[index]!);
  return new Uint8Array(halves.buffer, halves.byteOffset, halves.byteLength);
}

/** Values near the largest one become infinite. */
export function float32ToBf16(values: Float32Array, halves: Uint16Array = new Uint16Array(values.length)): Uint8Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let index = 0; index < words.length; index++) {
    const bits = words[index]!;
    halves[index] = (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
  }
  return new Uint8Array(halves.buffer, halves.byteOffset, halves.byteLength);
}

/** Whether no value is NaN or infinite. */
export function isAllFinite(values: Float32Array): boolean {
  return areNumbers(new Uint32Array(values.buffer, values.byteOffset, values.length), 'F32');
}

/** The same of values as they are stored. */
export function areNumbers(units: Uint16Array | Uint32Array, type: FloatType): boolean {
  const exponent = EXPONENTS[type];
  if (type === 'F32') return !hasBits(units, exponent);
  // Two at a time: a full exponent and its lowest bit carry into the sign, which nothing else reaches.
  const isAligned = units.byteOffset % 4 === 0;
  const pairs = isAligned ? units.length >>> 1 : 0;
  const words = new Uint32Array(units.buffer, isAligned ? units.byteOffset : 0, pairs);
  const both = exponent * 0x10001;
  const carry = (exponent & -exponent) * 0x10001;
  let signs = 0;
  for (let index = 0; index < words.length; index++) signs |= (words[index]! & both) + carry;
  return (signs & 0x80008000) === 0 && !hasBits(units.subarray(2 * pairs), exponent);
}

function hasBits(units: Uint16Array | Uint32Array, bits: number): boolean {
  for (let index = 0; index < units.length; index++) if ((units[index]! & bits) === bits) return true;
  return false;
}

function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function floatToHalf(value: number): number {
  float[0] = value;
  const bits = word[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // 65520 and more round to infinity.
  if (magnitude < 0x33000001) return sign; // Half of the smallest subnormal and less round to zero.

  const exponent = (magnitude >>> 23) - 127;
  if (exponent < -14) {
    const fraction = (magnitude & 0x7fffff) | 0x800000;
    const shift = -exponent - 1; // The result counts units of 2^-24.
    const half = fraction >>> shift;
    const rest = fraction & ((1 << shift) - 1);
    const middle = 1 << (shift - 1);
    return sign | (half + (rest > middle || (rest === middle && half & 1) ? 1 : 0));
  }
  // A carry out of the fraction raises the exponent, which is what rounding up should do.
  const shifted = magnitude - 0x38000000;
  return sign | ((shifted + 0xfff + ((shifted >>> 13) & 1)) >>> 13);
}
