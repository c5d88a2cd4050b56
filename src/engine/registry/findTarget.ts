import { LoraSwarmError } from '../errors';
import { splitMarked } from './authorNames';

/** Hex characters of an id that a person has to type at least. */
const MIN_PREFIX = 8;

export interface Target {
  readonly id: string;
  /** `author/name`. */
  readonly name: string;
  /** Keys that signed it or stand for its author, hex. */
  readonly authorKeys?: readonly string[];
}

/**
 * Finds what a person means: a content id, 8 or more characters of it, `author/name`, that name with the start of the author's
 * key as in `author~1f3c09ab/name`, or the name alone. Case does not count.
 *
 * @throws {LoraSwarmError} `ID_UNKNOWN`, or `ID_AMBIGUOUS` with the ids to choose from.
 */
export function findTarget<T extends Target>(target: string, items: Iterable<T>): T {
  const wanted = target.trim().toLowerCase();
  const isPrefix = /^[0-9a-f]{8,64}$/.test(wanted);
  const marked = splitMarked(wanted);
  const found: T[] = [];
  for (const item of items) {
    if (item.id === wanted) return item;
    const name = item.name.toLowerCase();
    const isTheirs = marked.key === undefined || (item.authorKeys?.some((key) => key.startsWith(marked.key!)) ?? false);
    const isNamed = (name === marked.name && isTheirs) || name.slice(name.indexOf('/') + 1) === wanted;
    if (isNamed || (isPrefix && item.id.startsWith(wanted))) found.push(item);
  }
  if (found.length === 1) return found[0]!;
  if (found.length === 0)
    throw new LoraSwarmError(
      'ID_UNKNOWN',
      `No adapter is called ${JSON.stringify(target.slice(0, 80))}. Use author/name, or ${MIN_PREFIX} or more characters of its id.`,
    );
  const choices = found.slice(0, 5).map(({ id, name }) => `${id.slice(0, 12)} (${name})`);
  throw new LoraSwarmError(
    'ID_AMBIGUOUS',
    `${JSON.stringify(target.slice(0, 80))} is the name of ${found.length} adapters. Use the id: ${choices.join(', ')}${found.length > 5 ? ', …' : ''}.`,
  );
}
