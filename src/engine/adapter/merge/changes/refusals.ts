import { LoraSwarmError } from '../../../errors';
import { quoted } from '../../problems';

/** A sound adapter whose effect can't be put into this base. */
export function cannotMerge(message: string): LoraSwarmError {
  return new LoraSwarmError('MERGE_UNSUPPORTED', message);
}

/** Files that say two things at once. */
export function contradiction(message: string): LoraSwarmError {
  return new LoraSwarmError('ADAPTER_CONTRADICTION', message);
}

/** @param shape as in the adapter, outermost dimension first. @param dims of the base, in GGUF order */
export function wrongShape(name: string, shape: readonly number[], dims: readonly number[]): LoraSwarmError {
  const has = [...dims].reverse().join(' × ');
  return new LoraSwarmError(
    'BASE_UNFIT',
    `${quoted(name)} is ${shape.join(' × ')} in the adapter, the base has ${has}.`,
  );
}

export function vocabularyChanged(name: string, rows: number, tokens: number): LoraSwarmError {
  return cannotMerge(
    `The adapter's ${quoted(name)} has ${rows} tokens, the base has ${tokens}: it was trained with a changed vocabulary, which a merge can't bring along.`,
  );
}
