// What the transfer needs of the store, by shape: any classes that fit will do.

import type { Event } from '../events';
import type { ChunkRange } from '../net/transferMessages';
import type { Bitfield } from '../release/bitfield';
import type { ChunkMap } from '../release/chunkMap';
import type { Manifest } from '../release/manifest';

/** A package that is being written. A chunk that it holds was verified. */
export interface PartialPackage {
  readonly manifest: Manifest;
  readonly map: ChunkMap;
  /** Live. */
  readonly held: Bitfield;
  /** Bytes that were there, and verified, when it was opened. */
  readonly resumedBytes: number;
  /** Chunk hashes of a group, 32 bytes each, when they are known. */
  hashesOf(group: number): Uint8Array | undefined;
  /** Takes a copy. @throws {LoraSwarmError} `DOWNLOAD_CORRUPT` when they are not what the manifest says. */
  addHashes(group: number, bytes: Uint8Array): void;
  /**
   * Verifies each chunk, then writes all with one call. `data` is whole chunks of one file and is not kept.
   *
   * @throws {LoraSwarmError} `DOWNLOAD_CORRUPT` when a chunk is wrong, and then nothing is written.
   */
  write(first: number, data: Uint8Array): void;
  /** Writes chunks that our own memory held since they were verified against the same hashes. */
  keep(first: number, data: Uint8Array): void;
  read(first: number, count: number): Promise<Buffer>;
  /** Chunks that may be asked for and not be here yet: with more, writing them would wait for the disk. */
  readonly room: number;
  readonly onDidMakeRoom: Event<void>;
  /** What is held now survives a crash. */
  flush(): Promise<void>;
  /** Checks the whole files and moves them to their final names. */
  finish(): Promise<unknown>;
  /** Keeps what is there for another time. */
  close(): Promise<void>;
  /** Ends it and removes its files. */
  discard(): Promise<void>;
  readonly onDidHold: Event<ChunkRange>;
}

/** A package that can be read and served, whole or growing. */
export interface PackageReader {
  readonly manifest: Manifest;
  readonly map: ChunkMap;
  /** Live. */
  readonly held: Bitfield;
  hashes(group: number): Promise<Uint8Array | undefined>;
  /**
   * Chunks of one file, hashed again after the reading, so what comes is right.
   *
   * @param into memory that is long enough, when there is some; the result may then be a view of it.
   * @throws {LoraSwarmError} `SOURCE_CHANGED` or `SOURCE_MISSING` when the file is not what was shared.
   */
  read(first: number, count: number, into?: Buffer): Promise<Buffer>;
  /** Absent when everything is held. */
  readonly onDidHold?: Event<ChunkRange>;
  close(): Promise<void>;
}

/** Chunks of a package that another one here has too. */
export interface LocalRun extends ChunkRange {
  /** Content id of the other package, and its first of these chunks. */
  readonly from: string;
  readonly fromFirst: number;
}

/** What is on this disk already, under other content ids. */
export interface LocalChunks {
  /** Whether anything is here at all, so that looking may pay. */
  readonly hasAny: boolean;
  /** Where chunks of a group lie. @param hashes 32 bytes for each chunk from `firstChunk` on. */
  find(firstChunk: number, hashes: Uint8Array): Promise<readonly LocalRun[]>;
  /** Chunks that are right in their package, which is not to say that they are what is looked for. */
  read(from: string, first: number, count: number): Promise<Uint8Array>;
}
