import type { Bitfield } from '../release/bitfield';
import type { ChunkMap } from '../release/chunkMap';
import { lastChunk } from './chunkRuns';
import type { FollowingHash, FollowingHashes } from './followingHash';
import type { PartialFiles } from './partialFiles';

export interface FileHashesParts {
  readonly map: ChunkMap;
  /** Live. */
  readonly held: Bitfield;
  readonly files: PartialFiles;
  readonly following: FollowingHashes;
}

/** Tells whether whole files are what the manifest says, as soon as they are whole: large ones are hashed as they grow. */
export class FileHashes {
  readonly #follows = new Map<number, FollowingHash | undefined>();
  /** By file, its first chunk that is not held. */
  readonly #front: number[];

  constructor(private readonly parts: FileHashesParts) {
    const { map } = parts;
    this.#front = map.manifest.files.map((_, file) => map.firstChunk(file));
  }

  /** Chunks of this file came to be held. */
  wrote(file: number): void {
    const { map, held, files, following } = this.parts;
    const last = lastChunk(map, file);
    let front = this.#front[file]!;
    while (front <= last && held.has(front)) front++;
    this.#front[file] = front;
    if (!this.#follows.has(file))
      this.#follows.set(file, following.follow(files.pathOf(file), map.manifest.files[file]!.size));
    this.#follows.get(file)?.wroteUpTo(front > last ? map.manifest.files[file]!.size : map.chunk(front).offset);
  }

  /** Whether a file whose chunks are all held is, as a whole, what the manifest says. */
  async isRight(file: number, signal?: AbortSignal): Promise<boolean> {
    const { map, files } = this.parts;
    const { size, sha256 } = map.manifest.files[file]!;
    const digest = await this.#follows.get(file)?.digest(size);
    this.#follows.delete(file);
    signal?.throwIfAborted();
    if (digest && Buffer.from(digest).equals(sha256)) return true;
    // Not hashed on the way; or a chunk was damaged when it was, and was fetched again since.
    return (await files.hash(file, signal)).equals(sha256);
  }

  /** Resolves when nothing reads the files any more. */
  async close(): Promise<void> {
    for (const follow of this.#follows.values()) await follow?.close();
    this.#follows.clear();
  }
}
