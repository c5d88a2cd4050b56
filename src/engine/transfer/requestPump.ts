import { CHUNK_BYTES, MAX_FRAME_BYTES } from '../limits';
import { type ChunkRange } from '../net/transferMessages';
import type { ChunkMap } from '../release/chunkMap';
import type { Picker } from './picker';
import type { RateLimit } from './rate';
import type { Giver, Source } from './source';

/** Under a limit, about ten requests a second: smooth, and no more messages than needed. */
const PIECES_PER_SECOND = 10;

/** What may be asked under one set of limits. */
interface Grant {
  bytes: number;
  isWaiting: boolean;
}

export interface PumpLimits {
  /** Of everything that is asked. */
  readonly limits: readonly RateLimit[];
  /** Of what is asked of one peer, on top. The same list for peers under the same limits. */
  readonly limitsOf?: ((peerKey: string) => readonly RateLimit[]) | undefined;
}

/** What there is to ask for. */
export interface Wanted {
  readonly map: ChunkMap;
  readonly picker: Picker<Giver>;
  /** Chunks that there is room for at the moment, beside those that are asked. */
  readonly room: () => number;
  readonly hasHashes: (group: number) => boolean;
}

const NONE: readonly RateLimit[] = [];

/** Asks each source for as much as its window and the limits allow. A limit counts what is asked, so nothing is wasted. */
export class RequestPump {
  /** By the limits that a source has of its own: who is slowed down by them holds nobody else up. */
  readonly #grants = new Map<readonly RateLimit[], Grant>();
  #turn = 0;

  /** @param onGranted something may be asked again. */
  constructor(
    private readonly parts: PumpLimits,
    private readonly signal: AbortSignal,
    private readonly onGranted: () => void,
  ) {}

  /** Whether nothing is asked because a limit says so. */
  get isWaiting(): boolean {
    return [...this.#grants.values()].some((grant) => grant.isWaiting);
  }

  run(wanted: Wanted, sources: readonly Source[]): void {
    this.#turn++; // Not always the same one first, when a limit leaves something for one only.
    for (let isAsking = true; isAsking;) {
      isAsking = false;
      for (let i = 0; i < sources.length; i++) {
        const source = sources[(this.#turn + i) % sources.length]!;
        const room = Math.min(source.room(sources.length), wanted.room());
        if (room === 0) continue;
        const own = this.#limitsOf(source);
        const max = Math.min(room, this.#allowance(own));
        if (max === 0) continue;
        const range = wanted.picker.next(source, max) ?? this.#duplicate(wanted, source, max);
        if (!range) continue;
        this.#ask(wanted, source, range, own);
        isAsking = true;
      }
    }
  }

  /** Chunks of the first request of a source, of which nothing is known yet: as many as wanted, or one under a limit. */
  takeBlind(source: Source, wanted: number): number {
    const limits = this.#finite(this.#limitsOf(source));
    if (limits.length === 0) return wanted;
    return limits.every((limit) => limit.tryTake(CHUNK_BYTES)) ? 1 : 0;
  }

  #duplicate({ picker }: Wanted, source: Source, max: number): ChunkRange | undefined {
    return picker.duplicate(
      source,
      max,
      (other) => other.etaMs(0),
      (chunks) => source.etaMs(chunks * CHUNK_BYTES),
    );
  }

  #ask({ map, hasHashes }: Wanted, source: Source, range: ChunkRange, own: readonly RateLimit[]): void {
    const group = map.groupOf(range.first);
    // Of each source that is asked for a chunk of the group: so the hashes are there before its chunks, whoever is slow.
    if (!hasHashes(group)) source.askHashes(group);
    source.request(range);
    const grant = this.#grants.get(own);
    if (grant) grant.bytes = Math.max(0, grant.bytes - range.count * CHUNK_BYTES);
  }

  #limitsOf(source: Source): readonly RateLimit[] {
    return this.parts.limitsOf?.(source.link.peerKey) ?? NONE;
  }

  #finite(own: readonly RateLimit[]): readonly RateLimit[] {
    const isFinite = (limit: RateLimit): boolean => !limit.isUnlimited;
    if (!this.parts.limits.some(isFinite) && !own.some(isFinite)) return NONE;
    return [...this.parts.limits, ...own].filter(isFinite);
  }

  /** Chunks that may be asked for now. */
  #allowance(own: readonly RateLimit[]): number {
    const limits = this.#finite(own);
    if (limits.length === 0) {
      this.#grants.delete(own);
      return Infinity;
    }
    const grant = this.#grants.get(own) ?? { bytes: 0, isWaiting: false };
    this.#grants.set(own, grant);
    const chunks = Math.floor(grant.bytes / CHUNK_BYTES);
    if (chunks === 0 && !grant.isWaiting) void this.#wait(grant, limits);
    return chunks;
  }

  async #wait(grant: Grant, limits: readonly RateLimit[]): Promise<void> {
    grant.isWaiting = true;
    const slowest = Math.min(...limits.map((limit) => limit.bytesPerSecond));
    const chunks = Math.floor(Math.min(slowest / PIECES_PER_SECOND, MAX_FRAME_BYTES) / CHUNK_BYTES);
    const piece = Math.max(1, chunks) * CHUNK_BYTES;
    try {
      for (const limit of limits) await limit.take(piece, this.signal);
    } catch {
      return; // Over.
    } finally {
      grant.isWaiting = false;
    }
    grant.bytes += piece;
    this.onGranted();
  }
}
