import { CHUNK_BYTES, GROUP_CHUNKS, MAX_FILES, MAX_FRAME_CHUNKS, MAX_REQUEST_CHUNKS, MAX_TEXT_BYTES } from '../limits';
import type { RequestPump } from './requestPump';
import type { Source } from './source';

/** Groups whose hashes are asked with the opening when chunks may be on this disk already. */
const HASHES_AHEAD = 16;

export interface BlindStartParts {
  readonly pump: RequestPump;
  /** What the author said the package has; 0 when nothing is known. It may be wrong: then what is not there is refused. */
  readonly bytes: number;
  /** Chunks may be on this disk already: only the very first is asked of a peer before that is known. */
  readonly isFrugal: boolean;
}

/**
 * What a source is asked together with its opening, before the manifest is here: manifest, hashes and first chunks. So the
 * first chunk comes one round trip after the opening was sent, and not three. Each source gets a place of its own.
 */
export class BlindStart {
  /** Chunks that the package has for sure. */
  readonly #chunks: number;
  #next = 0;
  /** First chunk of the place of each source that was asked. */
  readonly #places = new Map<Source, number>();
  /** Places of those that left without an answer. */
  readonly #free: number[] = [];

  constructor(private readonly parts: BlindStartParts) {
    const weights = parts.bytes - (MAX_FILES - 1) * MAX_TEXT_BYTES;
    this.#chunks = Math.max(1, Math.ceil(weights / CHUNK_BYTES)); // Every package has one.
  }

  /** @param others sources that were asked before. @param isAlone nobody else can be asked. */
  ask(source: Source, others: readonly Source[], isAlone: boolean): void {
    source.send({ type: 'getManifest', handle: source.handle });
    if (others.some(({ rank }) => rank < source.rank)) return; // They may be enough.
    const { pump, isFrugal } = this.parts;
    const first = this.#free[0] ?? this.#next;
    const most = isFrugal ? 1 : isAlone ? MAX_REQUEST_CHUNKS : MAX_FRAME_CHUNKS;
    const wanted = Math.min(most, this.#chunks - first);
    if (wanted <= 0) return;
    const count = pump.takeBlind(source, wanted);
    if (count === 0) return;
    if (this.#free.shift() === undefined) this.#next += isFrugal ? this.#chunks : count;
    this.#places.set(source, first);
    const groups = isFrugal ? Math.min(HASHES_AHEAD, Math.ceil(this.#chunks / GROUP_CHUNKS)) : 1;
    for (let group = 0; group < groups; group++) source.askHashes(Math.floor(first / GROUP_CHUNKS) + group);
    // One chunk by itself, so that something verified is here as early as can be.
    source.request({ first, count: 1 });
    if (count > 1) source.request({ first: first + 1, count: count - 1 });
  }

  /** It will not answer: the next one is asked there. */
  left(source: Source): void {
    const first = this.#places.get(source);
    if (first !== undefined) this.#free.push(first);
    this.#places.delete(source);
  }
}
