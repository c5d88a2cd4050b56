import { MAX_FRAME_BYTES, type ChunkRange } from '../net/transferMessages';
import { CHUNK_BYTES } from '../release/manifest';
import type { PartialPackage } from './parts';
import type { Picker } from './picker';
import type { RateLimit } from './rate';
import type { Source } from './source';

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

  run(partial: PartialPackage, picker: Picker<Source>, sources: readonly Source[]): void {
    this.#turn++; // Not always the same one first, when a limit leaves something for one only.
    for (let isAsking = true; isAsking;) {
      isAsking = false;
      for (let i = 0; i < sources.length; i++) {
        const source = sources[(this.#turn + i) % sources.length]!;
        const room = source.room(sources.length);
        if (room === 0) continue;
        const own = this.parts.limitsOf?.(source.link.peerKey) ?? NONE;
        const max = Math.min(room, this.#allowance(own));
        if (max === 0) continue;
        const range = picker.next(source, max) ?? this.#duplicate(picker, source, max);
        if (!range) continue;
        this.#ask(partial, source, range, own);
        isAsking = true;
      }
    }
  }

  #duplicate(picker: Picker<Source>, source: Source, max: number): ChunkRange | undefined {
    if (source.requests > 0) return undefined;
    return picker.duplicate(source, max, (other) => other.etaMs(0), source.etaMs(max * CHUNK_BYTES));
  }

  #ask(partial: PartialPackage, source: Source, range: ChunkRange, own: readonly RateLimit[]): void {
    const { group } = partial.map.chunk(range.first);
    // Of each source that is asked for a chunk of the group: so the hashes are there before its chunks, whoever is slow.
    if (!partial.hashesOf(group) && !source.hashesAsked.has(group)) {
      source.hashesAsked.add(group);
      source.send({ type: 'getHashes', handle: source.handle, group });
    }
    source.request(range);
    const grant = this.#grants.get(own);
    if (grant) grant.bytes = Math.max(0, grant.bytes - range.count * CHUNK_BYTES);
  }

  /** Chunks that may be asked for now. */
  #allowance(own: readonly RateLimit[]): number {
    const limits = [...this.parts.limits, ...own].filter((limit) => !limit.isUnlimited);
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
