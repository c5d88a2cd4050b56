import { LoraSwarmError } from '../errors';
import { CHUNK_BYTES } from '../limits';
import { Bitfield } from '../release/bitfield';
import { ChunkMap } from '../release/chunkMap';
import { type Manifest } from '../release/manifest';
import { ChunkSums } from '../store/chunkSums';
import type { PartialPackage } from './parts';

/** What may come while the folder is made: a fifth of a second of a slow disk at 40 MB/s. */
const MAX_BYTES = 8 * 1024 ** 2;
/** Written in one go, so that the loop goes on meanwhile: about 2 ms of hashing and writing. */
const MOVE_BYTES = 2 * 1024 ** 2;

/** What the transfer writes to. */
export type ChunkSink = Pick<PartialPackage, 'map' | 'held' | 'hashesOf' | 'addHashes' | 'write' | 'room'>;

/** Where it goes on. */
type Settled = Pick<PartialPackage, 'hashesOf' | 'addHashes' | 'keep'>;

/**
 * The first chunks of a download, in memory, verified: making and syncing a folder takes longer than a round trip, and
 * meanwhile chunks come.
 */
export class EarlyPackage implements ChunkSink {
  readonly map: ChunkMap;
  readonly held: Bitfield;
  readonly #sums: ChunkSums;
  readonly #frames: { readonly first: number; readonly bytes: Uint8Array }[] = [];
  #bytes = 0;

  constructor(manifest: Manifest) {
    this.map = new ChunkMap(manifest);
    this.held = new Bitfield(this.map.chunks);
    this.#sums = new ChunkSums(this.map);
  }

  /** Chunks that there is room for. */
  get room(): number {
    return Math.max(0, Math.floor((MAX_BYTES - this.#bytes) / CHUNK_BYTES));
  }

  hashesOf(group: number): Uint8Array | undefined {
    return this.#sums.of(group);
  }

  /** @throws {LoraSwarmError} `DOWNLOAD_CORRUPT` */
  addHashes(group: number, bytes: Uint8Array): void {
    if (!this.#sums.areOf(group, bytes))
      throw new LoraSwarmError('DOWNLOAD_CORRUPT', `The hashes of group ${group} are wrong. Another source is asked.`);
    this.#sums.set(group, bytes);
  }

  /** @throws {LoraSwarmError} `DOWNLOAD_CORRUPT` */
  write(first: number, data: Uint8Array): void {
    const { count } = this.#sums.check(first, data);
    this.#frames.push({ first, bytes: Uint8Array.from(data) });
    this.#bytes += data.byteLength;
    for (let chunk = first; chunk < first + count; chunk++) this.held.set(chunk);
  }

  /** Writes what came so far to its place, a part at a time. More may come meanwhile: then it is not over. */
  async moveTo(sink: Settled, signal: AbortSignal): Promise<void> {
    for (let moved = 0; this.#frames.length > 0;) {
      this.#giveHashes(sink);
      const { first, bytes } = this.#frames.shift()!;
      sink.keep(first, bytes);
      this.#bytes -= bytes.byteLength;
      moved += bytes.byteLength;
      if (moved < MOVE_BYTES) continue;
      moved = 0;
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
    }
    this.#giveHashes(sink);
  }

  #giveHashes(sink: Settled): void {
    for (let group = 0; group < this.map.groups; group++) {
      const hashes = this.#sums.of(group);
      if (hashes && !sink.hashesOf(group)) sink.addHashes(group, hashes);
    }
  }
}
