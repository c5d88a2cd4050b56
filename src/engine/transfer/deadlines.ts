import type { Source } from './source';

/** A dead path is noticed by the transport after 13 s (measured); we go to others before. */
const CHUNK_DEADLINE_MS = 10_000;
/** While others deliver, waiting is not worth it. */
const STALL_MS = 5_000;
/** Alone, a silent source is asked again from the start: it may have forgotten us. */
const REOPEN_MS = 30_000;
/** Below this a source costs more than it gives, when others give more. */
const FLOOR_BYTES_PER_SECOND = 8 * 1024;
const FLOOR_WINDOW_MS = 10_000;

/** What to do about a source: `rest` takes back what it was asked, `reopen` begins with it anew. */
export function judge(
  source: Source,
  all: readonly Source[],
  { now, needsManifest }: { readonly now: number; readonly needsManifest: boolean },
): 'fine' | 'rest' | 'reopen' {
  if (source.phase === 'refused') return source.isResting ? 'fine' : 'reopen';
  if (source.phase === 'opening' || needsManifest) return now - source.openedAt > CHUNK_DEADLINE_MS ? 'reopen' : 'fine';
  if (source.requests === 0) return 'fine';

  const silentMs = now - source.progressAt;
  const others = all.filter((other) => other !== source && isUsable(other, now));
  if (others.length === 0) return silentMs > REOPEN_MS ? 'reopen' : 'fine';
  if (silentMs > CHUNK_DEADLINE_MS) return 'rest';
  if (!others.some((other) => now - other.dataAt < STALL_MS)) return 'fine';
  if (silentMs > STALL_MS) return 'rest';
  const busyMs = source.busySince === undefined ? 0 : now - source.busySince;
  return busyMs > FLOOR_WINDOW_MS && source.slowMeter.bytesPerSecond < FLOOR_BYTES_PER_SECOND ? 'rest' : 'fine';
}

/** Whether it can be asked now and is not silent over something it was asked. */
export function isUsable(source: Source, now: number): boolean {
  const isSilent = source.requests > 0 && now - source.progressAt > CHUNK_DEADLINE_MS;
  return source.phase === 'open' && !source.isResting && !isSilent;
}
