import { LoraSwarmError } from '../../../errors';
import { quoted } from '../../problems';
import { modulePlace } from '../../tensorNames';
import type { MergeSource, SourceModule } from './mergeSource';

/** What one part adds to a module: `weight · scale · B · A`. */
export interface MergeTerm {
  readonly weight: number;
  readonly module: SourceModule;
}

/** A module of the result, and what it is the sum of. */
export interface MergeModule {
  readonly name: string;
  /** Path in the model that was trained, for the names of the tensors. */
  readonly path: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly isEmbedding: boolean;
  readonly terms: readonly MergeTerm[];
}

/** The modules of all parts, blocks in their order, then what is outside of them. */
export function mergeModules(sources: readonly MergeSource[], weights: readonly number[]): readonly MergeModule[] {
  const terms = new Map<string, MergeTerm[]>();
  for (const [index, { modules }] of sources.entries()) {
    for (const module of modules) {
      const found = terms.get(module.name) ?? [];
      terms.set(module.name, [...found, { weight: weights[index]!, module }]);
    }
  }
  const pathOf = pathsOf([...terms.values()].flat());
  return [...terms.keys()].sort(byPlace).map((name) => {
    const [{ module }] = terms.get(name)! as [MergeTerm];
    const { inFeatures, outFeatures, isEmbedding } = module;
    return { name, path: pathOf(name), inFeatures, outFeatures, isEmbedding, terms: terms.get(name)! };
  });
}

function byPlace(a: string, b: string): number {
  const [left, right] = [modulePlace(a)?.layer ?? Infinity, modulePlace(b)?.layer ?? Infinity];
  if (left !== right) return left - right;
  return a < b ? -1 : Number(a > b);
}

/**
 * The paths that PEFT looks for. A text model inside a larger one has its own: they are kept when all parts that say one
 * agree, and the modules that only others have get the same beginning.
 */
function pathsOf(terms: readonly MergeTerm[]): (name: string) => string {
  const paths = new Map<string, string>();
  let beginning: string | undefined;
  for (const { module } of terms) {
    const { name, path } = module;
    if (path === undefined) continue;
    const isInModel = name.startsWith('model.') && path.endsWith(name.slice('model.'.length));
    const ofThis = isInModel ? path.slice(0, path.length - name.length + 'model.'.length) : undefined;
    const isOther = (paths.get(name) ?? path) !== path || (ofThis !== undefined && (beginning ?? ofThis) !== ofThis);
    if (isOther) return (plain) => plain;
    beginning ??= ofThis;
    paths.set(name, path);
  }
  return (name) =>
    paths.get(name) ?? (name.startsWith('model.') ? `${beginning ?? 'model.'}${name.slice('model.'.length)}` : name);
}

/** A factor that a float can't hold would be written as infinity. */
export function requireWritable(values: Float32Array, module: string): Float32Array {
  for (const value of values) {
    if (!Number.isFinite(value))
      throw new LoraSwarmError(
        'MERGE_UNSUPPORTED',
        `The values of ${quoted(module)} become too large with these weights. Use smaller ones.`,
      );
  }
  return values;
}
