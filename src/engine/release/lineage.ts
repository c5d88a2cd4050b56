import type { AdapterLineage, MergeMethod } from '../deployWishes';
import { fail, invalid, isContentId, isCount, isNamePart, optional, optionalText, record, text } from './fields';

/** As many as a release has parents. */
export const MAX_LINEAGE_PARTS = 16;
/** Nobody turns an adapter up a thousandfold; a larger number only breaks what computes with it. */
export const MAX_WEIGHT = 1_000;
const MAX_RANK = 65_536;
const METHODS: ReadonlySet<string> = new Set<MergeMethod>(['concat', 'svd', 'ties', 'dare']);

/**
 * Reads how an adapter was merged: from a release or from the file that merging leaves. Unknown fields are ignored, and a
 * method of a later version makes it absent.
 *
 * @throws {LoraSwarmError} `RELEASE_INVALID`
 */
export function parseLineage(value: unknown): AdapterLineage | undefined {
  if (value === undefined) return undefined;
  const from = record(value, 'lineage');
  const method = text(from, 'method', 16);
  const { parts } = from;
  if (!Array.isArray(parts) || parts.length === 0 || parts.length > MAX_LINEAGE_PARTS) throw invalid('lineage');
  const read = parts.map(parsePart);
  const numbers = {
    ...optional('rank', within(from, 'rank', 1, MAX_RANK, true)),
    ...optional('density', within(from, 'density', 0, 1)),
    ...optional('seed', within(from, 'seed', 0, Number.MAX_SAFE_INTEGER, true)),
  };
  return METHODS.has(method) ? { method: method as MergeMethod, parts: read, ...numbers } : undefined;
}

/** Whether people may be shown this as the name of a part: `name` or `author/name`. */
export function isPartName(name: string): boolean {
  const parts = name.split('/');
  return parts.length <= 2 && parts.every(isNamePart);
}

function parsePart(value: unknown): AdapterLineage['parts'][number] {
  const from = record(value, 'lineage');
  const weight = within(from, 'weight', -MAX_WEIGHT, MAX_WEIGHT) ?? fail('lineage');
  const id = optionalText(from, 'id', 64);
  const name = optionalText(from, 'name', 129);
  if (id !== undefined && !isContentId(id)) throw invalid('lineage');
  if (name !== undefined && !isPartName(name)) throw invalid('lineage');
  return { ...optional('id', id), ...optional('name', name), weight };
}

function within(
  from: Record<string, unknown>,
  key: string,
  least: number,
  most: number,
  isInteger = false,
): number | undefined {
  const value = from[key];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !(value >= least && value <= most)) throw invalid('lineage');
  return isInteger && !isCount(value) ? fail('lineage') : value;
}
