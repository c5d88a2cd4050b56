// The arithmetic of a merge, in AssemblyScript: compiled to WebAssembly with SIMD, and kept in `../kernelCode.ts`. After a
// change here run `npm run kernel`; a test compares. All pointers are to memory that the caller lays out; floats are
// 32 bits and aligned, and every buffer may be read and written 64 bytes beyond its end.
//
// Only operations that IEEE 754 defines to the last bit, in an order that does not depend on how rows are shared out: the
// same input gives the same bytes on every machine.

/** 2^-14 as a float: the smallest half float that is not subnormal. */
const HALF_MIN: f32 = 0.00006103515625;
/** What lies between the exponents of a half and of a float. */
const REBIAS: i32 = 112 << 23;

/** Half floats become floats. Exact; NaN and infinity stay what they are. */
export function fromF16(source: usize, target: usize, count: i32): void {
  for (let index = 0; index < count; index += 8) {
    const halves = v128.load(source + ((<usize>index) << 1));
    const to = target + ((<usize>index) << 2);
    v128.store(to, widenHalf(i32x4.extend_low_i16x8_u(halves)));
    v128.store(to, widenHalf(i32x4.extend_high_i16x8_u(halves)), 16);
  }
}

function widenHalf(half: v128): v128 {
  const sign = i32x4.shl(v128.and(half, i32x4.splat(0x8000)), 16);
  const magnitude = i32x4.shl(v128.and(half, i32x4.splat(0x7fff)), 13);
  const normal = i32x4.add(magnitude, i32x4.splat(REBIAS));
  // One exponent more than the fraction deserves, and the leading 1 that this implies taken away again.
  const subnormal = f32x4.sub(i32x4.add(normal, i32x4.splat(1 << 23)), f32x4.splat(HALF_MIN));
  const endless = v128.and(i32x4.ge_s(magnitude, i32x4.splat(0x7c00 << 13)), i32x4.splat(REBIAS));
  const isSubnormal = i32x4.lt_s(magnitude, i32x4.splat(0x0400 << 13));
  return v128.or(sign, v128.bitselect(subnormal, i32x4.add(normal, endless), isSubnormal));
}

/** Floats become half floats, to nearest, ties to even. Magnitudes are below 65520. `target` may be `source`. */
export function toF16(source: usize, target: usize, count: i32): void {
  for (let index = 0; index < count; index += 8) {
    const from = source + ((<usize>index) << 2);
    const low = narrowToHalf(v128.load(from));
    const high = narrowToHalf(v128.load(from, 16));
    v128.store(target + ((<usize>index) << 1), i16x8.narrow_i32x4_u(low, high));
  }
}

function narrowToHalf(value: v128): v128 {
  const sign = v128.and(i32x4.shr_u(value, 16), i32x4.splat(0x8000));
  const magnitude = v128.and(value, i32x4.splat(0x7fffffff));
  const odd = v128.and(i32x4.shr_u(magnitude, 13), i32x4.splat(1));
  const rounded = i32x4.add(i32x4.add(magnitude, i32x4.splat(0x0fff - REBIAS)), odd);
  // Beside 0.5 a float has steps of 2^-24, those of a subnormal half: the addition rounds.
  const subnormal = i32x4.sub(f32x4.add(magnitude, f32x4.splat(0.5)), i32x4.splat(0x3f000000));
  const isSubnormal = i32x4.lt_s(magnitude, i32x4.splat(113 << 23));
  return v128.or(sign, v128.bitselect(subnormal, i32x4.shr_u(rounded, 13), isSubnormal));
}

/** bfloat16, the upper half of a float, becomes the float. */
export function fromBf16(source: usize, target: usize, count: i32): void {
  for (let index = 0; index < count; index += 8) {
    const halves = v128.load(source + ((<usize>index) << 1));
    const to = target + ((<usize>index) << 2);
    v128.store(to, i32x4.shl(i32x4.extend_low_i16x8_u(halves), 16));
    v128.store(to, i32x4.shl(i32x4.extend_high_i16x8_u(halves), 16), 16);
  }
}

/** To nearest, ties to even. `target` may be `source`. */
export function toBf16(source: usize, target: usize, count: i32): void {
  for (let index = 0; index < count; index += 8) {
    const from = source + ((<usize>index) << 2);
    const low = upperHalf(v128.load(from));
    const high = upperHalf(v128.load(from, 16));
    v128.store(target + ((<usize>index) << 1), i16x8.narrow_i32x4_u(low, high));
  }
}

function upperHalf(value: v128): v128 {
  const odd = v128.and(i32x4.shr_u(value, 16), i32x4.splat(1));
  return i32x4.shr_u(i32x4.add(i32x4.add(value, i32x4.splat(0x7fff)), odd), 16);
}

/** Q8_0: blocks of a half-float scale and 32 signed bytes. */
export function fromQ8(source: usize, target: usize, count: i32): void {
  for (let block = 0, blocks = count >> 5; block < blocks; block++) {
    const from = source + 34 * <usize>block;
    const to = target + ((<usize>block) << 7);
    const scale = f32x4.splat(f32x4.extract_lane(widenHalf(i32x4.splat(load<u16>(from))), 0));
    for (let part: usize = 0; part < 32; part += 8) {
      const words = i16x8.extend_low_i8x16_s(v128.load64_zero(from + 2 + part));
      v128.store(to + (part << 2), f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(words)), scale));
      v128.store(to + (part << 2), f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(words)), scale), 16);
    }
  }
}

/** As ggml's `quantize_row_q8_0_ref`: the largest of a block becomes 127. `target` may be `source`. */
export function toQ8(source: usize, target: usize, count: i32): void {
  for (let block = 0, blocks = count >> 5; block < blocks; block++) {
    const from = source + ((<usize>block) << 7);
    const to = target + 34 * <usize>block;
    let most = f32x4.abs(v128.load(from));
    for (let at: usize = 16; at < 128; at += 16) most = f32x4.pmax(most, f32x4.abs(v128.load(from + at)));
    const largest = max(
      max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
      max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
    );
    const scale: f32 = largest / 127;
    const inverse = f32x4.splat(scale == 0 ? 0 : <f32>1 / scale);

    const first = eightBytes(from, inverse);
    const second = eightBytes(from + 32, inverse);
    const third = eightBytes(from + 64, inverse);
    const fourth = eightBytes(from + 96, inverse);
    store<u16>(to, <u16>i32x4.extract_lane(narrowToHalf(f32x4.splat(scale)), 0));
    v128.store(to, i8x16.narrow_i16x8_s(first, second), 2);
    v128.store(to, i8x16.narrow_i16x8_s(third, fourth), 18);
  }
}

function eightBytes(from: usize, inverse: v128): v128 {
  const low = rounded(f32x4.mul(v128.load(from), inverse));
  const high = rounded(f32x4.mul(v128.load(from, 16), inverse));
  return i16x8.narrow_i32x4_s(low, high);
}

/** The largest float below 0.5. */
const ALMOST_HALF: f32 = 0.49999997;

/**
 * To the nearest integer, halves away from zero: what C calls `roundf`. The sum is rounded, too: half of an integer ends at
 * the next one, and the float below it does not, as magnitudes are below 2^22.
 */
function rounded(value: v128): v128 {
  const sign = v128.and(value, i32x4.splat(0x80000000));
  return i32x4.trunc_sat_f32x4_s(f32x4.add(value, v128.or(f32x4.splat(ALMOST_HALF), sign)));
}

/** The bits of the largest magnitude: those of infinity and NaN are larger than those of any number. */
export function largestBits(source: usize, count: i32): i32 {
  const mask = i32x4.splat(0x7fffffff);
  let most = i32x4.splat(0);
  let index = 0;
  for (; index + 4 <= count; index += 4) {
    most = i32x4.max_s(most, v128.and(v128.load(source + ((<usize>index) << 2)), mask));
  }
  let largest = max(
    max(i32x4.extract_lane(most, 0), i32x4.extract_lane(most, 1)),
    max(i32x4.extract_lane(most, 2), i32x4.extract_lane(most, 3)),
  );
  for (; index < count; index++) largest = max(largest, load<i32>(source + ((<usize>index) << 2)) & 0x7fffffff);
  return largest;
}

/**
 * Lays out A of [rank, width] the way that `addLowRank` goes through it: 8 columns of every row, then the next 8. The last
 * columns are filled up with zeros.
 */
export function packColumns(a: usize, packed: usize, rank: i32, width: i32): void {
  let to = packed;
  for (let column = 0; column < width; column += 8) {
    const columns = min(8, width - column);
    for (let r = 0; r < rank; r++, to += 32) {
      const from = a + ((<usize>r * width + column) << 2);
      v128.store(to, i32x4.splat(0));
      v128.store(to, i32x4.splat(0), 16);
      memory.copy(to, from, (<usize>columns) << 2);
    }
  }
}

/**
 * values += B · A, with A from `packColumns`, values of [rows, width] and B of [rows, rank]. The products of one value are
 * added up in the order of the rank, then to the value.
 */
export function addLowRank(values: usize, rows: i32, width: i32, packed: usize, b: usize, rank: i32): void {
  const line = (<usize>width) << 2;
  const weights = (<usize>rank) << 2;
  let row = 0;
  for (; row + 4 <= rows; row += 4) {
    const to = values + <usize>row * line;
    const weight = b + <usize>row * weights;
    let from = packed;
    for (let column = 0; column < width; column += 8) {
      let low0 = f32x4.splat(0);
      let low1 = f32x4.splat(0);
      let low2 = f32x4.splat(0);
      let low3 = f32x4.splat(0);
      let high0 = f32x4.splat(0);
      let high1 = f32x4.splat(0);
      let high2 = f32x4.splat(0);
      let high3 = f32x4.splat(0);
      for (let at = weight, end = weight + weights; at < end; at += 4, from += 32) {
        const low = v128.load(from);
        const high = v128.load(from, 16);
        let factor = v128.load32_splat(at);
        low0 = f32x4.add(low0, f32x4.mul(low, factor));
        high0 = f32x4.add(high0, f32x4.mul(high, factor));
        factor = v128.load32_splat(at + weights);
        low1 = f32x4.add(low1, f32x4.mul(low, factor));
        high1 = f32x4.add(high1, f32x4.mul(high, factor));
        factor = v128.load32_splat(at + 2 * weights);
        low2 = f32x4.add(low2, f32x4.mul(low, factor));
        high2 = f32x4.add(high2, f32x4.mul(high, factor));
        factor = v128.load32_splat(at + 3 * weights);
        low3 = f32x4.add(low3, f32x4.mul(low, factor));
        high3 = f32x4.add(high3, f32x4.mul(high, factor));
      }
      const place = to + ((<usize>column) << 2);
      const columns = width - column;
      addEight(place, low0, high0, columns);
      addEight(place + line, low1, high1, columns);
      addEight(place + 2 * line, low2, high2, columns);
      addEight(place + 3 * line, low3, high3, columns);
    }
  }
  for (; row < rows; row++) {
    let from = packed;
    const weight = b + <usize>row * weights;
    for (let column = 0; column < width; column += 8) {
      let low = f32x4.splat(0);
      let high = f32x4.splat(0);
      for (let at = weight, end = weight + weights; at < end; at += 4, from += 32) {
        const factor = v128.load32_splat(at);
        low = f32x4.add(low, f32x4.mul(v128.load(from), factor));
        high = f32x4.add(high, f32x4.mul(v128.load(from, 16), factor));
      }
      addEight(values + <usize>row * line + ((<usize>column) << 2), low, high, width - column);
    }
  }
}

/** Adds to the next 8 values of a row, or to those that it still has. */
function addEight(place: usize, low: v128, high: v128, columns: i32): void {
  if (columns >= 8) {
    v128.store(place, f32x4.add(v128.load(place), low));
    v128.store(place, f32x4.add(v128.load(place, 16), high), 16);
    return;
  }
  addLane(place, 0, f32x4.extract_lane(low, 0), columns);
  addLane(place, 1, f32x4.extract_lane(low, 1), columns);
  addLane(place, 2, f32x4.extract_lane(low, 2), columns);
  addLane(place, 3, f32x4.extract_lane(low, 3), columns);
  addLane(place, 4, f32x4.extract_lane(high, 0), columns);
  addLane(place, 5, f32x4.extract_lane(high, 1), columns);
  addLane(place, 6, f32x4.extract_lane(high, 2), columns);
}

function addLane(place: usize, lane: i32, value: f32, columns: i32): void {
  if (lane < columns) {
    const at = place + ((<usize>lane) << 2);
    store<f32>(at, load<f32>(at) + value);
  }
}

/** Gives a row a length, summed up in doubles. A row of zeros has no direction: it becomes NaN. */
export function scaleRow(row: usize, width: i32, length: f64): void {
  const end = row + ((<usize>width) << 2);
  let sum: f64 = 0;
  for (let at = row; at < end; at += 4) {
    const value = <f64>load<f32>(at);
    sum += value * value;
  }
  const factor = length / sqrt(sum);
  for (let at = row; at < end; at += 4) store<f32>(at, <f32>(<f64>load<f32>(at) * factor));
}
