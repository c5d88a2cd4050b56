import { MAX_FRAME_BYTES, type ChunkRange } from '../net/transferMessages';
import { CHUNK_BYTES } from '../release/manifest';
import type { PartialPackage } from './parts';
import type { Picker } from './picker';
import type { RateLimit } from './rate';
import type { Source } from './source';

/** Under a limit, about ten requests a second: smooth, and no more messages than needed. */
const PIECES_PER_SECOND = 10;

/** Asks each source for as much as its window and the limits allow. A limit counts what is asked, so nothing is wasted. */
export class RequestPump {
  #granted = 0;
  #isWaiting = false;
  #turn = 0;

  /** @param onGranted something may be asked again. */
  constructor(
    private readonly limits: readonly RateLimit[],
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
        const max = Math.min(room, this.#allowance());
        if (max === 0) return;
        const range = picker.next(source, max) ?? this.#duplicate(picker, source, max);
        if (!range) continue;
        this.#ask(partial, source, range);
        isAsking = true;
      }
    }
  }

  #duplicate(picker: Picker<Source>, source: Source, max: number): ChunkRange | undefined {
    if (source.requests > 0) return undefined;
    return picker.duplicate(source, max, (other) => other.etaMs(0), source.etaMs(max * CHUNK_BYTES));
  }

  #ask(partial: PartialPackage, source: Source, range: ChunkRange): void {
    const { group } = partial.map.chunk(range.first);
    // Of each source that is asked for a chunk of the group: so the hashes are there before its chunks, whoever is slow.
    if (!partial.hashesOf(group) && !source.hashesAsked.has(group)) {
      source.hashesAsked.add(group);
      source.send({ type: 'getHashes', handle: source.handle, group });
    }
    source.request(range);
    this.#granted = Math.max(0, this.#granted - range.count * CHUNK_BYTES);
  }

  /** Chunks that may be asked for now. */
  #allowance(): number {
    if (this.limits.every((limit) => limit.isUnlimited)) return Infinity;
    const chunks = Math.floor(this.#granted / CHUNK_BYTES);
    if (chunks === 0 && !this.#isWaiting) void this.#wait();
    return chunks;
  }

  async #wait(): Promise<void> {
    this.#isWaiting = true;
    const slowest = Math.min(...this.limits.filter((limit) => !limit.isUnlimited).map((limit) => limit.bytesPerSecond));
    const chunks = Math.floor(Math.min(slowest / PIECES_PER_SECOND, MAX_FRAME_BYTES) / CHUNK_BYTES);
    const piece = Math.max(1, chunks) * CHUNK_BYTES;
    try {
      for (const limit of this.limits) await limit.take(piece, this.signal);
    } catch {
      return; // Over.
    } finally {
      this.#isWaiting = false;
    }
    this.#granted += piece;
    this.onGranted();
  }
}
