import { LoraSwarmError } from '../errors';
import { CHUNK_BYTES } from '../limits';
import { Bitfield } from '../release/bitfield';
import type { ChunkMap } from '../release/chunkMap';
import { hashGroup } from '../release/manifest';
import { firstBadChunk, lastChunk } from './chunkRuns';

/** Bytes of a peer that are not what the manifest says. */
export class ChunkMismatch extends LoraSwarmError {
  /** @param chunk the first wrong one. */
  constructor(readonly chunk: number) {
    super('DOWNLOAD_CORRUPT', `Chunk ${chunk} is not what the author published. Another source is asked for it.`);
  }
}

/** Where chunks lie: in which file, from where, and how many. */
export interface ChunksPlace {
  readonly file: number;
  readonly offset: number;
  readonly count: number;
}

/** The chunk hashes of a package, as far as they are known. A group of them is known when the manifest agrees. */
export class ChunkSums {
  /** 32 bytes for each chunk; zeros where they are not known. */
  readonly bytes: Buffer;
  readonly #known: Bitfield;

  constructor(private readonly map: ChunkMap) {
    this.bytes = Buffer.alloc(map.chunks * 32);
    this.#known = new Bitfield(map.groups);
  }

  /** 32 bytes for each chunk of the group, once they are known. */
  of(group: number): Uint8Array | undefined {
    if (!this.#known.has(group)) return undefined;
    const { firstChunk, chunks } = this.map.group(group);
    return this.bytes.subarray(firstChunk * 32, (firstChunk + chunks) * 32);
  }

  areOf(group: number, hashes: Uint8Array): boolean {
    const { chunks, hash } = this.map.group(group);
    return hashes.byteLength === chunks * 32 && hashGroup(hashes).equals(hash);
  }

  /** @param hashes of which `areOf` was true; they are copied. */
  set(group: number, hashes: Uint8Array): void {
    this.bytes.set(hashes, this.map.group(group).firstChunk * 32);
    this.#known.set(group);
  }

  /**
   * Verifies whole consecutive chunks of one file.
   *
   * @throws {ChunkMismatch} for the first wrong chunk, or a length that does not end with a chunk.
   */
  check(first: number, data: Uint8Array): ChunksPlace {
    const place = this.placeOf(first, data);
    const bad = firstBadChunk(this.bytes, first, data);
    if (bad !== undefined) throw new ChunkMismatch(bad);
    return place;
  }

  /** Where they belong, if they are whole consecutive chunks of one file whose hashes are known. @throws {ChunkMismatch} */
  placeOf(first: number, data: Uint8Array): ChunksPlace {
    const { map } = this;
    if (!Number.isInteger(first) || first < 0 || first >= map.chunks) throw new ChunkMismatch(first);
    const { file, offset } = map.chunk(first);
    const count = Math.ceil(data.byteLength / CHUNK_BYTES);
    const last = first + count - 1;
    if (count === 0 || last > lastChunk(map, file)) throw new ChunkMismatch(first);
    const end = map.chunk(last);
    if (offset + data.byteLength !== end.offset + end.length) throw new ChunkMismatch(last);
    for (let i = first; i <= last; i++)
      if (!this.#known.has(map.chunk(i).group)) throw new TypeError(`hash of chunk ${i} is not known yet`);
    return { file, offset, count };
  }
}
