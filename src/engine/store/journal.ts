import { createHash } from 'node:crypto';
import { Bitfield } from '../release/bitfield';
import { ChunkMap } from '../release/chunkMap';
import { parseManifest, type Manifest } from '../release/manifest';
import type { SignedRelease } from '../release/release';
import { decodeRelease, encodeRelease } from './packageFiles';
import { readJson } from './rowJson';
import type { Database, SqlRow } from './sqlite';

/** A download that was begun and is neither finished nor cancelled. */
export interface DownloadRecord {
  readonly id: string;
  readonly manifest: Manifest;
  readonly release: SignedRelease | undefined;
  /** As of the last journal entry; opening the package hashes what is really there. */
  readonly bytesDone: number;
  /** JSON of the download flow: paused or not, rate, rooms. */
  readonly data: unknown;
  readonly addedAt: number;
}

export interface DownloadDetails {
  readonly release?: SignedRelease | undefined;
  readonly data?: unknown;
}

/**
 * Journal of downloads in progress. A chunk is entered after its file was synced, so the journal never knows more than
 * the disk. It is a hint all the same: chunks count as held only after they were hashed again.
 */
export class DownloadJournal {
  constructor(private readonly db: Database) {}

  list(): DownloadRecord[] {
    return this.db
      .all('SELECT * FROM downloads WHERE is_discarded = 0 ORDER BY added_at, rowid')
      .flatMap((row) => read(row) ?? []);
  }

  get(id: string): DownloadRecord | undefined {
    const row = this.db.get('SELECT * FROM downloads WHERE id = ? AND is_discarded = 0', id);
    return row && read(row);
  }

  has(id: string): boolean {
    return this.db.get('SELECT 1 FROM downloads WHERE id = ? AND is_discarded = 0', id) !== undefined;
  }

  /** Enters a download. One that is there keeps its chunks; given details replace those it has. */
  begin(manifest: Manifest, { release, data }: DownloadDetails): void {
    const held = new Uint8Array(Math.ceil(new ChunkMap(manifest).chunks / 8));
    const enter = () =>
      this.db.run(
        `INSERT INTO downloads (id, manifest, release, held, held_check, is_discarded, data, added_at)
       VALUES (?, ?, ?, ?, ?, 0, ?, ?)
       ON CONFLICT (id) DO UPDATE SET
         release = coalesce(excluded.release, release),
         data = CASE WHEN excluded.data = 'null' THEN data ELSE excluded.data END`,
        manifest.id,
        manifest.bytes,
        release ? encodeRelease(release) : null,
        held,
        check(held),
        JSON.stringify(data ?? null),
        Date.now(),
      );
    this.db.unsynced(enter); // The folder says it too.
  }

  setData(id: string, data: unknown): void {
    this.db.unsynced(() => this.db.run('UPDATE downloads SET data = ? WHERE id = ?', JSON.stringify(data ?? null), id));
  }

  /** Chunks that were on disk at the last entry, or `undefined` when the entry is damaged or absent. */
  held(id: string, chunks: number): Bitfield | undefined {
    const row = this.db.get('SELECT held, held_check FROM downloads WHERE id = ?', id);
    return row && readHeld(row, chunks);
  }

  /** Call it after the chunks were synced. */
  commit(id: string, held: Bitfield): void {
    this.db.unsynced(() =>
      this.db.run('UPDATE downloads SET held = ?, held_check = ? WHERE id = ?', held.bytes, check(held.bytes), id),
    );
  }

  /** From here on the download is gone for good, though its files may still be there. */
  discard(id: string): void {
    this.db.run('UPDATE downloads SET is_discarded = 1 WHERE id = ?', id);
  }

  /** Of all rows that are not discarded, also of those that can't be read. */
  ids(): string[] {
    return this.db.all('SELECT id FROM downloads WHERE is_discarded = 0').map((row) => String(row['id']));
  }

  discarded(): string[] {
    return this.db.all('SELECT id FROM downloads WHERE is_discarded = 1').map((row) => String(row['id']));
  }

  remove(id: string): void {
    this.db.unsynced(() => this.db.run('DELETE FROM downloads WHERE id = ?', id));
  }
}

function read(row: SqlRow): DownloadRecord | undefined {
  const id = String(row['id']);
  let manifest: Manifest;
  try {
    manifest = parseManifest(row['manifest'] as Uint8Array);
  } catch {
    return undefined; // A damaged row. The folder still says what it is; see `recover.ts`.
  }
  if (manifest.id !== id) return undefined;
  const map = new ChunkMap(manifest);
  const release = row['release'] as Uint8Array | null;
  const held = readHeld(row, map.chunks);
  return {
    id,
    manifest,
    release: release ? decodeRelease(release, id) : undefined,
    bytesDone: held ? heldBytes(map, held) : 0,
    data: readJson(row['data']),
    addedAt: Number(row['added_at']),
  };
}

export function heldBytes(map: ChunkMap, held: Bitfield): number {
  let sum = 0;
  for (let i = 0; i < map.chunks; i++) if (held.has(i)) sum += map.chunk(i).length;
  return sum;
}

function readHeld(row: SqlRow, chunks: number): Bitfield | undefined {
  const bytes = row['held'] as Uint8Array;
  if (bytes.byteLength !== Math.ceil(chunks / 8)) return undefined;
  return check(bytes).equals(row['held_check'] as Uint8Array) ? new Bitfield(chunks, bytes) : undefined;
}

/** SQLite sums no pages, so a flipped bit on disk would go unnoticed. */
function check(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest().subarray(0, 8);
}
