import type { ChunkWork } from './chunkWork';
import type { DiskCopy } from './diskCopy';
import type { Source } from './source';

/** What a page draws in one row; more would be finer than a pixel. */
const MAX_CELLS = 1_024;
/** Who gave something in the last seconds is active. */
const ACTIVE_MS = 2_000;

/** One who gives, as it is now. */
export interface GiverView {
  /** Public key, hex; empty for this disk. */
  readonly key: string;
  readonly isLane: boolean;
  readonly phase: 'opening' | 'active' | 'idle' | 'resting';
  readonly rate: number;
  readonly bytes: number;
  /** Share of the package that it has, 0 to 1. */
  readonly has: number;
  readonly rttMs: number | undefined;
}

/** A download as it is now; see `TransferDetails`. */
export interface DownloadView {
  readonly chunks: number;
  readonly held: readonly number[];
  readonly asked: readonly number[];
  /** Quickest first. */
  readonly givers: readonly GiverView[];
  readonly rates: readonly number[];
}

export function viewOf(
  sources: readonly Source[],
  work: ChunkWork | undefined,
  disk: DiskCopy | undefined,
  now: number,
): DownloadView {
  const givers = sources.map((source) => giverOf(source, work, now));
  if (disk && (disk.bytesCopied > 0 || disk.isBusy)) givers.push(diskView(disk, work));
  givers.sort((a, b) => b.rate - a.rate || b.bytes - a.bytes);
  const chunks = work?.map.chunks ?? 0;
  return {
    chunks,
    held: work ? cellsOf(chunks, (chunk) => work.held.has(chunk)) : [],
    asked: work ? cellsOf(chunks, (chunk) => work.picker.isAsked(chunk)) : [],
    givers,
    rates: work?.history.samples ?? [],
  };
}

/** The chunks cut into at most 1,024 cells, in order: what share of each is so, 0 to 255. */
export function cellsOf(chunks: number, isSo: (chunk: number) => boolean): number[] {
  const count = Math.min(MAX_CELLS, chunks);
  return Array.from({ length: count }, (_, cell) => {
    const from = Math.floor((cell * chunks) / count);
    const to = Math.floor(((cell + 1) * chunks) / count);
    let sum = 0;
    for (let chunk = from; chunk < to; chunk++) if (isSo(chunk)) sum++;
    // Not full and not empty is neither 255 nor 0, however little is missing.
    return sum === 0 ? 0 : sum === to - from ? 255 : Math.min(254, Math.max(1, Math.round((255 * sum) / (to - from))));
  });
}

function giverOf(source: Source, work: ChunkWork | undefined, now: number): GiverView {
  const { link, rate, bytesGiven } = source;
  const isActive = source.requests > 0 || now - source.dataAt < ACTIVE_MS;
  const isResting = source.isResting || source.phase === 'refused';
  return {
    key: link.peerKey,
    isLane: link.isLane,
    phase: isResting ? 'resting' : source.phase === 'opening' ? 'opening' : isActive ? 'active' : 'idle',
    rate,
    bytes: bytesGiven,
    has: source.phase === 'opening' ? 0 : (work?.picker.shareOf(source) ?? (source.have === 'full' ? 1 : 0)),
    rttMs: link.rttMs,
  };
}

function diskView(disk: DiskCopy, work: ChunkWork | undefined): GiverView {
  return {
    key: '',
    isLane: false,
    phase: disk.isBusy ? 'active' : 'idle',
    rate: disk.meter.bytesPerSecond,
    bytes: disk.bytesCopied,
    has: work ? Math.min(1, disk.bytesFound / work.map.manifest.size) : 0,
    rttMs: undefined,
  };
}
