import type { MergeAdaptersResult, MergeMethod } from '../engine/deployWishes';
import { isContentId, record } from './panelFields';

export const MERGE_METHODS = ['concat', 'svd', 'ties', 'dare'] as const satisfies readonly MergeMethod[];
/** More parts than anybody weighs by hand. */
export const MAX_MERGE_PARTS = 16;
/** Far past what is of use: at 10 times its strength an adapter talks nonsense. */
export const MAX_MERGE_WEIGHT = 100;
/** Adapters in use have ranks up to 512; a merge adds them up. */
export const MAX_MERGE_RANK = 4_096;
export const MAX_MERGE_SEED = 2 ** 32 - 1;

/** An adapter that can be part of a merge. The page knows it by its key only, never by a path. */
export interface MergeChoice {
  /** Content id, or `x` and 16 hex digits that the extension made of the place. */
  readonly key: string;
  readonly name: string;
  readonly baseModel?: string;
  readonly rank?: number;
  readonly bytes: number;
  readonly place: 'shared' | 'downloaded' | 'folder' | 'ollama';
}

export interface MergePart {
  readonly key: string;
  readonly weight: number;
}

/** Webview to extension. Where the result goes is asked by the extension; it is no part of a message. */
export type MergeIntent =
  | {
      readonly type: 'merge';
      readonly parts: readonly MergePart[];
      readonly method: MergeMethod;
      readonly rank?: number;
      readonly density?: number;
      readonly seed?: number;
    }
  | { readonly type: 'stopMerge' }
  /** Another adapter, from the disk. */
  | { readonly type: 'browseAdapter' }
  /** What happens with the adapter that was made last. */
  | { readonly type: 'mergeResult'; readonly action: MergeResultAction };

export const MERGE_RESULT_ACTIONS = ['share', 'install', 'reveal'] as const;
export type MergeResultAction = (typeof MERGE_RESULT_ACTIONS)[number];

/** What the Merge page draws. */
export interface MergeShown {
  readonly choices: readonly MergeChoice[];
  /** Key of an adapter that was just picked from the disk. */
  readonly picked?: string;
  readonly run?: MergeRun;
}

export interface MergeRun {
  readonly phase: 'running' | 'done' | 'stopped' | 'failed';
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly result?: Omit<MergeAdaptersResult, 'parents'>;
}

export function parseMerge(from: Readonly<Record<string, unknown>>): MergeIntent | undefined {
  switch (from['type']) {
    case 'stopMerge':
      return { type: 'stopMerge' };
    case 'browseAdapter':
      return { type: 'browseAdapter' };
    case 'mergeResult': {
      const action = MERGE_RESULT_ACTIONS.find((item) => item === from['action']);
      return action && { type: 'mergeResult', action };
    }
    default:
      return parseMergeRequest(from);
  }
}

/** Keys of adapters that are chosen at the start. */
export function parseMergeKeys(value: unknown): string[] | undefined {
  if (!Array.isArray(value) || value.length > MAX_MERGE_PARTS || !value.every(isMergeKey)) return undefined;
  return [...new Set(value)];
}

export function isMergeKey(value: unknown): value is string {
  return isContentId(value) || (typeof value === 'string' && /^x[0-9a-f]{16}$/.test(value));
}

function parseMergeRequest(from: Readonly<Record<string, unknown>>): MergeIntent | undefined {
  const { rank, density, seed } = from;
  const method = MERGE_METHODS.find((item) => item === from['method']);
  const parts = parseParts(from['parts']);
  if (!method || !parts) return undefined;
  if (rank !== undefined && !isWhole(rank, 1, MAX_MERGE_RANK)) return undefined;
  if (density !== undefined && !isBetween(density, 0, 1)) return undefined;
  if (seed !== undefined && !isWhole(seed, 0, MAX_MERGE_SEED)) return undefined;
  return {
    type: 'merge',
    parts,
    method,
    ...(rank === undefined ? {} : { rank }),
    ...(density === undefined ? {} : { density }),
    ...(seed === undefined ? {} : { seed }),
  };
}

function parseParts(value: unknown): MergePart[] | undefined {
  if (!Array.isArray(value) || value.length < 2 || value.length > MAX_MERGE_PARTS) return undefined;
  const parts: MergePart[] = [];
  for (const item of value as unknown[]) {
    const { key, weight } = record(item) ?? {};
    if (!isMergeKey(key) || !isBetween(weight, -MAX_MERGE_WEIGHT, MAX_MERGE_WEIGHT)) return undefined;
    parts.push({ key, weight });
  }
  // One adapter twice is one with both weights added, and surely a mistake.
  return new Set(parts.map(({ key }) => key)).size === parts.length ? parts : undefined;
}

function isBetween(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && value >= least && value <= most;
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && isBetween(value, least, most);
}
