import { MAX_FRAME_CHUNKS } from '../limits';
import { type ChunkRange } from '../net/transferMessages';
import type { ChunkMap } from '../release/chunkMap';

/** 1 MiB: one frame. What a source fetches in one go while others fetch elsewhere. */
export const SEGMENT_CHUNKS = MAX_FRAME_CHUNKS;

/** The package cut into segments of 1 MiB that never cross a group, counted from 0 in file order. */
export class Segments {
  readonly all: readonly ChunkRange[];
  /** Group of each segment. */
  readonly groups: Uint16Array;
  /** First chunk and first segment of each file. */
  readonly #files: readonly { readonly chunk: number; readonly segment: number }[];

  constructor(private readonly map: ChunkMap) {
    const all: ChunkRange[] = [];
    const groups: number[] = [];
    const files: { chunk: number; segment: number }[] = [];
    for (let group = 0; group < map.groups; group++) {
      const { file, firstChunk, chunks } = map.group(group);
      files[file] ??= { chunk: firstChunk, segment: all.length };
      for (let at = 0; at < chunks; at += SEGMENT_CHUNKS) {
        all.push({ first: firstChunk + at, count: Math.min(SEGMENT_CHUNKS, chunks - at) });
        groups.push(group);
      }
    }
    this.all = all;
    this.groups = Uint16Array.from(groups);
    this.#files = files;
  }

  get count(): number {
    return this.all.length;
  }

  /** Of a chunk. Groups are whole numbers of segments, and begin with their file. */
  of(chunk: number): number {
    const { chunk: first, segment } = this.#files[this.map.fileOf(chunk)]!;
    return segment + Math.floor((chunk - first) / SEGMENT_CHUNKS);
  }

  /** The chunk behind the last one. */
  end(segment: number): number {
    const { first, count } = this.all[segment]!;
    return first + count;
  }

  /** The chunk behind the last one of the group that a chunk is in. */
  groupEnd(chunk: number): number {
    const { firstChunk, chunks } = this.map.group(this.map.groupOf(chunk));
    return firstChunk + chunks;
  }
}
