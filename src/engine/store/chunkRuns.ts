import { CHUNK_BYTES } from '../limits';
import type { ChunkMap } from '../release/chunkMap';
import { hashChunk } from '../release/manifest';

/** Consecutive chunks that lie in one file. */
export interface ChunkRun {
  readonly file: number;
  readonly first: number;
  readonly count: number;
  readonly offset: number;
  readonly length: number;
}

/** Cuts a range of chunks where files end, and every `limit` chunks. @throws {RangeError} outside of the package. */
export function* chunkRuns(map: ChunkMap, first: number, count: number, limit = Infinity): Generator<ChunkRun> {
  if (!Number.isInteger(count) || count < 1) throw new RangeError(`${count} chunks`);
  const end = first + count;
  map.chunk(end - 1);
  for (let at = first; at < end;) {
    const { file, offset } = map.chunk(at);
    const left = lastChunk(map, file) + 1 - at;
    const size = Math.min(left, end - at, limit);
    const bytes = Math.min(size * CHUNK_BYTES, map.manifest.files[file]!.size - offset);
    yield { file, first: at, count: size, offset, length: bytes };
    at += size;
  }
}

export function lastChunk(map: ChunkMap, file: number): number {
  return map.firstChunk(file) + Math.ceil(map.manifest.files[file]!.size / CHUNK_BYTES) - 1;
}

/** Walks the chunks in the bytes of one run: their number, whether they hash as they should, and what they hash to. */
export function checkRun(
  hashes: Uint8Array,
  first: number,
  data: Uint8Array,
  each: (chunk: number, isGood: boolean, hash: Buffer) => void,
): void {
  for (let at = 0, chunk = first; at < data.byteLength; at += CHUNK_BYTES, chunk++) {
    const hash = hashChunk(data.subarray(at, Math.min(at + CHUNK_BYTES, data.byteLength)));
    each(chunk, hash.equals(hashes.subarray(chunk * 32, chunk * 32 + 32)), hash);
  }
}

/** @returns the first chunk whose bytes are wrong, or `undefined` when all are right. */
export function firstBadChunk(hashes: Uint8Array, first: number, data: Uint8Array): number | undefined {
  let bad: number | undefined;
  checkRun(hashes, first, data, (chunk, isGood) => {
    if (!isGood) bad ??= chunk;
  });
  return bad;
}
