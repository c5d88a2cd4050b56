import { CHUNK_DEADLINE_MS, SOURCE_FLOOR_BYTES_PER_SECOND } from '../limits';
import type { Source } from './source';

/** While others can give it, waiting is not worth it. */
const STALL_MS = 5_000;
/** Alone, a silent source is asked again from the start: it may have forgotten us. Less would be too little for one that is slow. */
const REOPEN_MS = 30_000;
const FLOOR_WINDOW_MS = 10_000;

/**
 * What to do about a source: `rest` takes back what it was asked, `leave` ends it so that another takes its place, `reopen`
 * begins with it anew.
 */
export type Verdict = 'fine' | 'rest' | 'leave' | 'reopen';

export function judge(
  source: Source,
  all: readonly Source[],
  { now, needsManifest }: { readonly now: number; readonly needsManifest: boolean },
): Verdict {
  if (source.phase === 'refused') return source.isResting ? 'fine' : 'reopen';
  const isAwaited = source.isAwaited || needsManifest;
  if (!isAwaited && !source.isStalled) return 'fine';

  const silentMs = now - source.progressAt;
  const others = all.filter((other) => other !== source && isUsable(other, now) && !isSilent(other, now, STALL_MS));
  if (others.length === 0) {
    const limit = source.phase === 'opening' || needsManifest ? CHUNK_DEADLINE_MS : REOPEN_MS;
    return silentMs > limit && isAwaited ? 'reopen' : 'fine';
  }
  if (silentMs > CHUNK_DEADLINE_MS) return 'leave';
  if (!source.isAwaited) return 'fine';
  if (silentMs > STALL_MS) return 'rest';
  const busyMs = source.busySince === undefined ? 0 : now - source.busySince;
  return busyMs > FLOOR_WINDOW_MS && source.slowRate < SOURCE_FLOOR_BYTES_PER_SECOND ? 'rest' : 'fine';
}

/** Whether it can be asked now and is not silent over something it was asked. */
export function isUsable(source: Source, now: number): boolean {
  return source.phase !== 'refused' && !source.isResting && !isSilent(source, now, CHUNK_DEADLINE_MS);
}

function isSilent(source: Source, now: number, ms: number): boolean {
  return source.isAwaited && now - source.progressAt > ms;
}
