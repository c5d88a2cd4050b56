import { Columns } from './columns';
import type { MergeModule } from './mergeTerms';
import type { Factors } from './truncate';

/** How large the inner dimension gets when nothing is lost. */
export function sumOfRanks({ terms }: MergeModule): number {
  return terms.reduce((sum, { module }) => sum + module.rank, 0);
}

/** The exact sum: B = [w₁s₁B₁ | w₂s₂B₂ | …] and the A's below one another. */
export async function concat(module: MergeModule): Promise<Factors> {
  const { terms, inFeatures, outFeatures } = module;
  const rank = sumOfRanks(module);
  const a = new Float32Array(rank * inFeatures);
  const b = new Float32Array(outFeatures * rank);
  let first = 0;
  for (const { weight, module: one } of terms) {
    a.set(await one.loadA(), first * inFeatures);
    const values = await one.loadB();
    const factor = weight * one.factor;
    for (let row = 0; row < outFeatures; row++) {
      for (let index = 0; index < one.rank; index++) {
        // Without effect is 0, never -0: the same bytes whichever sign the weight had.
        b[row * rank + first + index] = factor === 0 ? 0 : factor * values[row * one.rank + index]!;
      }
    }
    first += one.rank;
  }
  return { rank, a, b };
}

/** The same as two tall matrices, `left · rightᵀ`. */
export async function stacked({
  terms,
  inFeatures,
  outFeatures,
}: MergeModule): Promise<{ left: Columns; right: Columns }> {
  const rank = terms.reduce((sum, { module }) => sum + module.rank, 0);
  const left = new Columns(outFeatures, rank);
  const right = new Columns(inFeatures, rank);
  let first = 0;
  for (const { weight, module } of terms) {
    right.values.set(await module.loadA(), first * inFeatures);
    const values = await module.loadB();
    const factor = weight * module.factor;
    for (let index = 0; index < module.rank; index++) {
      const column = left.column(first + index);
      for (let row = 0; row < outFeatures; row++) column[row] = factor * values[row * module.rank + index]!;
    }
    first += module.rank;
  }
  return { left, right };
}
