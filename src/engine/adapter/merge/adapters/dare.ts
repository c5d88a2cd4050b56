import { createHash } from 'node:crypto';
import { rowsAtOnce, type DeltaRows, type Rows } from './rows';

/**
 * DARE with a linear sum, of one module: each value of each part's ΔW is dropped with probability `1 - density`, the rest
 * divided by `density`, and the parts are added up with their weights. Which values are dropped depends on seed, module,
 * part and place alone.
 *
 * @see arXiv:2311.03099, section 3
 */
export function dareRows(
  parts: readonly DeltaRows[],
  rows: number,
  density: number,
  seed: number,
  module: string,
): Rows {
  const { columns } = parts[0]!;
  const keys = parts.map((_, index) => keyOf(seed, module, index));
  const block = new Float32Array(rowsAtOnce(columns) * columns);
  const limit = Math.round(density * 2 ** 32);
  return {
    rows,
    columns,
    fill: (first, count, target) => {
      target.fill(0, 0, count * columns);
      for (const [index, part] of parts.entries()) {
        part.fill(first, count, block);
        const factor = part.weight / density;
        for (let row = 0; row < count; row++) {
          const key = mixed(keys[index]![0] ^ mixed(first + row + keys[index]![1]));
          for (let column = 0, place = row * columns; column < columns; column++, place++) {
            if (mixed(key + column) >>> 0 < limit) target[place]! += factor * block[place]!;
          }
        }
      }
    },
  };
}

/** 64 bits for one part of one module. */
function keyOf(seed: number, module: string, part: number): readonly [number, number] {
  const hash = createHash('sha256').update(`${seed}\n${part}\n${module}`).digest();
  return [hash.readInt32LE(0), hash.readInt32LE(4)];
}

/**
 * Spreads 32 bits over 32 bits. A counter hashed like this is drawn anywhere, in any order, with the same result on every
 * machine.
 *
 * @see https://github.com/skeeto/hash-prospector (lowbias32)
 */
export function mixed(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x7feb352d);
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b);
  return bits ^ (bits >>> 16);
}
