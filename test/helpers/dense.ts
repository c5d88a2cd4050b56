// Whole matrices in 64 bits, the plain way: what the streaming code has to agree with.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Dense {
  readonly rows: number;
  readonly columns: number;
  /** Row-major. */
  readonly values: Float64Array;
}

/** `B · A` of every module of a PEFT folder in F32, without any scale. By the name of the module in the file. */
export function denseProducts(folder: string): ReadonlyMap<string, Dense> {
  const file = readFileSync(join(folder, 'adapter_model.safetensors'));
  const length = Number(file.readBigUInt64LE());
  const header = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<
    string,
    {
      readonly dtype: string;
      readonly shape: readonly [number, number];
      readonly data_offsets: readonly [number, number];
    }
  >;
  const read = (name: string): Dense => {
    const { dtype, shape, data_offsets } = header[name]!;
    if (dtype !== 'F32') throw new TypeError(dtype);
    const values = Float64Array.from({ length: shape[0] * shape[1] }, (_, index) =>
      file.readFloatLE(8 + length + data_offsets[0] + 4 * index),
    );
    return { rows: shape[0], columns: shape[1], values };
  };
  const products = new Map<string, Dense>();
  for (const name of Object.keys(header)) {
    const [, module, kind] = /^base_model\.model\.(.+)\.lora_(A\.weight|embedding_A)$/.exec(name) ?? [];
    if (module === undefined || kind === undefined) continue;
    products.set(module, product(read(name.replace(/A(\.weight)?$/, 'B$1')), read(name)));
  }
  return products;
}

export function product(left: Dense, right: Dense): Dense {
  const values = new Float64Array(left.rows * right.columns);
  for (let row = 0; row < left.rows; row++) {
    for (let inner = 0; inner < left.columns; inner++) {
      const factor = left.values[row * left.columns + inner]!;
      for (let column = 0; column < right.columns; column++)
        values[row * right.columns + column]! += factor * right.values[inner * right.columns + column]!;
    }
  }
  return { rows: left.rows, columns: right.columns, values };
}

export function transposed({ rows, columns, values }: Dense): Dense {
  const result = new Float64Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) result[column * rows + row] = values[row * columns + column]!;
  return { rows: columns, columns: rows, values: result };
}

export function weightedSum(terms: readonly (readonly [number, Dense])[]): Dense {
  const [, { rows, columns }] = terms[0]!;
  const values = new Float64Array(rows * columns);
  for (const [weight, dense] of terms)
    for (const [index, value] of dense.values.entries()) values[index]! += weight * value;
  return { rows, columns, values };
}

/** Sum of the squares of all values. */
export function squareOf({ values }: Dense): number {
  return values.reduce((sum, value) => sum + value * value, 0);
}

export function minus(left: Dense, right: Dense): Dense {
  return weightedSum([
    [1, left],
    [-1, right],
  ]);
}

/** Squares of the singular values, largest first: eigenvalues of MᵀM by two-sided Jacobi. For small matrices, best narrow ones. */
export function squaredSingularValues(matrix: Dense): Float64Array {
  const size = matrix.columns;
  const negligible = 1e-15 * squareOf(matrix);
  const { values: m } = product(transposed(matrix), matrix);
  for (let sweep = 0, isDone = false; !isDone && sweep < 30; sweep++) {
    isDone = true;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        if (Math.abs(m[p * size + q]!) <= negligible) continue;
        isDone = false;
        const theta = (m[q * size + q]! - m[p * size + p]!) / (2 * m[p * size + q]!);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        const s = t * c;
        for (let k = 0; k < size; k++) {
          const [x, y] = [m[k * size + p]!, m[k * size + q]!];
          m[k * size + p] = c * x - s * y;
          m[k * size + q] = s * x + c * y;
        }
        for (let k = 0; k < size; k++) {
          const [x, y] = [m[p * size + k]!, m[q * size + k]!];
          m[p * size + k] = c * x - s * y;
          m[q * size + k] = s * x + c * y;
        }
      }
    }
  }
  return Float64Array.from({ length: size }, (_, index) => Math.max(0, m[index * size + index]!))
    .sort()
    .reverse();
}
