import { CHUNK_BYTES, MAX_FRAME_CHUNKS } from '../limits';
import { type ChunkRange } from '../net/transferMessages';
import type { ChunkMap } from '../release/chunkMap';

/** Which chunks a frame holds. Undefined when it is not 1 to 16 whole chunks of one file of this package. */
export function dataRange(map: ChunkMap, first: number, byteLength: number): ChunkRange | undefined {
  const count = Math.ceil(byteLength / CHUNK_BYTES);
  if (count < 1 || count > MAX_FRAME_CHUNKS || first + count > map.chunks) return undefined;
  if (map.chunk(first).file !== map.chunk(first + count - 1).file) return undefined;
  return map.bytes(first, count) === byteLength ? { first, count } : undefined;
}

/** Whether a peer named chunks that this package has. */
export function isInside(map: ChunkMap, { first, count }: ChunkRange): boolean {
  return first + count <= map.chunks;
}

/** The parts of a range whose chunks satisfy `test`, as runs. */
export function runsWhere(range: ChunkRange, test: (chunk: number) => boolean): ChunkRange[] {
  const runs: { first: number; count: number }[] = [];
  for (let chunk = range.first; chunk < range.first + range.count; chunk++) {
    if (!test(chunk)) continue;
    const last = runs.at(-1);
    if (last && last.first + last.count === chunk) last.count++;
    else runs.push({ first: chunk, count: 1 });
  }
  return runs;
}

/** The same chunks in as few ranges as possible. */
export function joinRanges(ranges: readonly ChunkRange[]): ChunkRange[] {
  const joined: { first: number; count: number }[] = [];
  for (const { first, count } of [...ranges].sort((a, b) => a.first - b.first)) {
    const last = joined.at(-1);
    if (last && last.first + last.count >= first) last.count = Math.max(last.count, first + count - last.first);
    else joined.push({ first, count });
  }
  return joined;
}
