import { existsSync } from 'node:fs';
import type { WeightedTarget } from '../engine/deployWishes';
import { usage } from './args';
import type { VerbContext } from './verbContext';

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** An adapter inside a model of Ollama, which is no path. */
export function isInOllama(target: string): boolean {
  return target.startsWith('ollama:');
}

/** A path made absolute, or an adapter inside a model of Ollama as it stands. */
export function pathOrOllama(word: string, resolve: VerbContext['resolve']): string {
  return isInOllama(word) ? word : resolve(word);
}

/**
 * Reads `TARGET:WEIGHT`. A target may hold colons itself, as `C:\runs\x` and `ollama:MODEL:tag` do: only a number after the last one is
 * a weight. Without one the weight is 1.
 */
export function weightedTarget(
  word: string,
  { resolve, resolveTarget }: Pick<VerbContext, 'resolve' | 'resolveTarget'>,
): WeightedTarget {
  const colon = word.lastIndexOf(':');
  // A file that is called like this is meant as it is called.
  if (colon < 1 || !NUMBER.test(word.slice(colon + 1)) || existsSync(resolve(word)))
    return { target: resolveTarget(word), weight: 1 };
  return { target: resolveTarget(word.slice(0, colon)), weight: Number(word.slice(colon + 1)) };
}

/** An option that is a number. @throws {LoraSwarmError} `USAGE` */
export function numberOf(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!NUMBER.test(value) || !Number.isFinite(Number(value))) throw usage(`--${name} takes a number, not "${value}".`);
  return Number(value);
}
