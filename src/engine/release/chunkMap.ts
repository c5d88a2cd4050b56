import { CHUNK_BYTES, GROUP_CHUNKS } from '../limits';
import { chunkCount, groupCount, type Manifest } from './manifest';

/** Where one chunk lies. */
export interface ChunkPlace {
  /** Index into `manifest.files`. */
  readonly file: number;
  /** Byte offset in that file. */
  readonly offset: number;
  /** `CHUNK_BYTES`, or less for the last chunk of a file. */
  readonly length: number;
  /** Group number over the whole package. */
  readonly group: number;
}

/** One group of up to 64 chunks. A group never spans two files. */
export interface GroupPlace {
  readonly file: number;
  readonly firstChunk: number;
  readonly chunks: number;
  /** 32 bytes, from the manifest. */
  readonly hash: Uint8Array;
}

/** Numbers the chunks and groups of a package: file after file in manifest order, both counted from 0. */
export class ChunkMap {
  readonly chunks: number;
  readonly groups: number;
  readonly #starts: readonly { readonly chunk: number; readonly group: number }[];

  constructor(readonly manifest: Manifest) {
    let chunk = 0;
    let group = 0;
    this.#starts = manifest.files.map((file) => {
      const start = { chunk, group };
      chunk += chunkCount(file.size);
      group += groupCount(file.size);
      return start;
    });
    this.chunks = chunk;
    this.groups = group;
  }

  /** First chunk of a file of the manifest. */
  firstChunk(file: number): number {
    return this.#starts[file]!.chunk;
  }

  /** File of a chunk that the package has. Makes no object: it is asked for each chunk that comes. */
  fileOf(chunk: number): number {
    let file = this.#starts.length - 1;
    while (file > 0 && this.#starts[file]!.chunk > chunk) file--;
    return file;
  }

  /** Group of a chunk that the package has. */
  groupOf(chunk: number): number {
    const start = this.#starts[this.fileOf(chunk)]!;
    return start.group + Math.floor((chunk - start.chunk) / GROUP_CHUNKS);
  }

  /** @throws {RangeError} for a chunk that the package does not have; check peer input first. */
  chunk(index: number): ChunkPlace {
    if (!Number.isInteger(index) || index < 0 || index >= this.chunks)
      throw new RangeError(`chunk ${index} of ${this.chunks}`);
    const file = this.fileOf(index);
    const start = this.#starts[file]!;
    const local = index - start.chunk;
    const offset = local * CHUNK_BYTES;
    const length = Math.min(CHUNK_BYTES, this.manifest.files[file]!.size - offset);
    return { file, offset, length, group: start.group + Math.floor(local / GROUP_CHUNKS) };
  }

  /** @throws {RangeError} for a group that the package does not have; check peer input first. */
  group(index: number): GroupPlace {
    if (!Number.isInteger(index) || index < 0 || index >= this.groups)
      throw new RangeError(`group ${index} of ${this.groups}`);
    const file = this.#starts.findLastIndex((start) => start.group <= index);
    const start = this.#starts[file]!;
    const local = index - start.group;
    const { size, groups } = this.manifest.files[file]!;
    const chunks = Math.min(GROUP_CHUNKS, chunkCount(size) - local * GROUP_CHUNKS);
    return { file, firstChunk: start.chunk + local * GROUP_CHUNKS, chunks, hash: groups[local]! };
  }

  /** Bytes of `count` chunks from `first`, which may cross from one file into the next. */
  bytes(first: number, count: number): number {
    const end = first + count;
    let sum = count * CHUNK_BYTES;
    for (const [file, { chunk }] of this.#starts.entries()) {
      const { size } = this.manifest.files[file]!;
      const last = chunk + chunkCount(size) - 1;
      if (first <= last && last < end) sum -= chunkCount(size) * CHUNK_BYTES - size;
    }
    return sum;
  }
}
